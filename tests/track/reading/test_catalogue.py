"""The catalogue: a listing from it is the listing of the folders, whatever happened to either in between."""

import json
import os
import shutil
import sqlite3
import time
import zlib
from contextlib import closing

import pytest

import whet.track as track
from tests.track import runs as made
from whet.base import own_key
from whet.track.edits.edit import Edit
from whet.track.edits.journal import edit
from whet.track.logs import index, logfile
from whet.track.logs.ending import tell
from whet.track.logs.event_log import EventLog
from whet.track.reading import catalogue, listing_file
from whet.track.reading.board import Board
from whet.track.reading.catalogue import FILE, Catalogue, listing_of, reindex, runs, said_by_name
from whet.track.reading.kept import Histories
from whet.track.reading.read import History
from whet.track.reading.store import LOGS, folders, summarize
from whet.track.records import RunStarted
from whet.track.terminal.terminal_page import show


@pytest.fixture
def read(monkeypatch) -> list[str]:
    """Names of the runs whose logs are read, as they are."""
    names: list[str] = []
    original = catalogue._row
    monkeypatch.setattr(catalogue, "_row", lambda folder: names.append(folder.name) or original(folder))
    return names


@pytest.fixture(autouse=True)
def everything_is_old(monkeypatch):
    monkeypatch.setattr(catalogue, "_FRESH_NS", -1)


def agree(root) -> bool:
    listed = sorted(runs(root), key=lambda run: run.name)
    return listed == [summarize(folder) for folder in folders(root)]


def test_only_what_changed_is_read_again(tmp_path, read):
    for name in "abc":
        made.write(tmp_path / name, made.records(last=3))
    live = made.write(tmp_path / "live", made.records(last=3, outcome=None))
    assert len(runs(tmp_path)) == 4 and sorted(read) == ["a", "b", "c", "live"]
    read.clear()
    assert agree(tmp_path) and read == ["live"]
    read.clear()
    made.write(tmp_path / "b", made.records(last=5))  # a second attempt
    shutil.rmtree(tmp_path / "c")
    live.receive(made.step(4))
    assert agree(tmp_path) and sorted(read) == ["b", "live"]
    live.close()
    assert agree(tmp_path)
    read.clear()
    assert agree(tmp_path) and read == []


def test_a_listing_reads_who_speaks_for_a_run_and_who_tells_of_its_end_and_no_other(tmp_path, monkeypatch):
    folder = tmp_path / "run" / LOGS
    for writer in ("machine", "r2", "r1", "evaluation"):
        with_metrics = EventLog(folder, writer)
        with_metrics.scalars(7, {"loss": 9.0, writer: 1.0})
        with_metrics.close("done", "")
    left = EventLog(folder, "r1")
    left.scalars(8, {"loss": 2.0})
    left.event("config", 8, {"values": {"lr": 0.1}})
    left.leave()
    tell(left.path, "signal SIGKILL")
    seen: list[str] = []
    original = logfile.LogFile.refresh
    monkeypatch.setattr(logfile.LogFile, "refresh", lambda log: seen.append(log.path.name) or original(log))
    (run,) = runs(tmp_path)
    assert sorted(seen) == ["launcher.a1.tlog", "r1.a1.tlog", "r1.a2.tlog"]
    assert run == summarize(folder.parent) and (run.status, run.reason, run.loss) == ("killed", "signal SIGKILL", 2.0)
    assert said_by_name(tmp_path)["run"] == listing_of(folder.parent, History(folder))[1]


def test_a_killed_run_is_seen_as_killed_though_nothing_was_written(tmp_path):
    log = EventLog(tmp_path / "run" / LOGS)
    log.scalars(1, {"loss": 1.0})
    assert [run.status for run in runs(tmp_path)] == ["running"]
    log._abandon()  # what the kernel does to a killed process
    assert [run.status for run in runs(tmp_path)] == ["killed"]
    assert agree(tmp_path)


@pytest.mark.parametrize("damage", ["gone", "garbage", "cut", "a table of another form", "a folder"])
def test_whatever_happens_to_the_file_the_listing_is_that_of_the_folders(tmp_path, damage):
    for name in "ab":
        made.write(tmp_path / name, made.records(last=3))
    runs(tmp_path)
    path = tmp_path / FILE
    match damage:
        case "gone":
            path.unlink()
        case "garbage":
            path.write_bytes(b"no database, by far" * 100)
        case "cut":
            path.write_bytes(path.read_bytes()[:3000])
        case "a table of another form":
            with sqlite3.connect(path) as db:
                db.execute("drop table runs")
                db.execute("create table runs (name text)")
                db.execute("pragma user_version=0")
            db.close()
        case "a folder":
            path.unlink()
            path.mkdir()
    assert agree(tmp_path) and agree(tmp_path)


def test_a_root_that_cannot_be_written_is_listed(tmp_path, monkeypatch):
    made.write(tmp_path / "a", made.records(last=3))
    original = catalogue._connected

    def refused(path: str):
        if path != ":memory:":
            raise sqlite3.OperationalError("attempt to write a readonly database")
        return original(path)

    monkeypatch.setattr(catalogue, "_connected", refused)
    assert agree(tmp_path)


def test_reindex_makes_all_of_it_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(logfile, "_INDEX_BYTES", 100)
    made.write(tmp_path / "a", made.records(last=20))
    before = runs(tmp_path)
    places = [tmp_path / FILE, *(tmp_path / "a" / LOGS).glob(f"*{index.SUFFIX}")]
    assert len(places) == 3
    for path in places:
        path.write_bytes(b"rubbish" * 50)
    assert reindex(tmp_path) == 1
    assert runs(tmp_path) == before
    assert all(not path.read_bytes().startswith(b"rubbish") for path in places)


def test_what_a_run_says_of_itself_is_there_to_be_asked_for(tmp_path):
    with track.init("p", id="mine", dir=tmp_path, config={"optimizer": {"kind": "muon"}}, tags=["best"]) as run:
        run.log({"loss": 2.0, "odd": float("nan")})
        run.summary["note"] = "x"
    found = Catalogue(tmp_path)
    (summary,) = found.runs()
    said = found.said()["mine"]
    found.close()
    assert (summary.project, summary.tags, summary.loss) == ("p", ("best",), 2.0)
    assert said["config"] == {"optimizer": {"kind": "muon"}}
    assert said["summary"] == {"loss": 2.0, "odd": "NaN", "note": "x"}


def test_a_training_and_a_script_stand_side_by_side(tmp_path):
    made.write(tmp_path / "trained", made.records(last=20))
    with track.init(id="scripted", dir=tmp_path, config={"model": "tiny-llama"}) as run:
        for step in range(1, 21):
            run.log({"loss": 4.0 / step, "lr": 1e-4}, step=step)
            if step % 5 == 0:
                run.log({"eval/loss": 5.0 / step}, step=step)
    found = {run.name: run for run in runs(tmp_path)}
    assert {name: (run.status, run.step, run.loss) for name, run in found.items()} == dict.fromkeys(
        ("trained", "scripted"), ("done", 20, 0.2)
    )
    pages = [show(run.folder).splitlines() for run in found.values()]
    charts = [page[page.index(next(line for line in page if line.startswith("loss"))) :][:14] for page in pages]
    assert charts[0] == charts[1]
    assert all(any("tiny-llama" in line for line in page) for page in pages)


def test_two_who_list_at_once_do_not_hinder_each_other(tmp_path):
    made.write(tmp_path / "a", made.records(last=3))
    first, second = Catalogue(tmp_path), Catalogue(tmp_path)
    assert first.runs() == second.runs() == first.runs()
    first.close()
    made.write(tmp_path / "b", made.records(last=3))
    assert len(second.runs()) == 2
    second.close()


def test_a_folder_that_changed_just_now_is_looked_at_again(tmp_path, monkeypatch, read):
    """Two changes within one tick of the file system's clock leave one time."""
    monkeypatch.setattr(catalogue, "_FRESH_NS", 2_000_000_000)
    made.write(tmp_path / "a", made.records(last=3))
    runs(tmp_path)
    stamp = os.stat(tmp_path / "a" / LOGS)
    made.write(tmp_path / "a", made.records(last=5))
    os.utime(tmp_path / "a" / LOGS, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert runs(tmp_path)[0].attempts == 2
    old = time.time() - 100
    os.utime(tmp_path / "a" / LOGS, (old, old))
    runs(tmp_path)
    read.clear()
    assert runs(tmp_path)[0].attempts == 2 and read == []


def test_settings_of_a_training_are_not_hidden_by_what_it_told_at_its_start(tmp_path):
    for name, rate in (("slow", 1e-4), ("fast", 3e-3)):
        made.write(tmp_path / name, [RunStarted(0, 20, {"optimizer": "adamw", "device": "cpu"}), made.step(1)]).close()
        (tmp_path / name / "config.yaml").write_text(f"optimizer:\n  kind: adamw\n  lr: {rate}\n")
    settings = {name: said["config"] for name, said in said_by_name(tmp_path).items()}
    assert settings["slow"]["optimizer"]["lr"] == 1e-4 and settings["fast"]["optimizer"]["lr"] == 3e-3
    assert settings["fast"]["device"] == "cpu"


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """Names of the runs whose logs are opened."""
    seen: list[str] = []
    original = catalogue.listing_of
    monkeypatch.setattr(
        catalogue, "listing_of", lambda folder, logs: seen.append(folder.name) or original(folder, logs)
    )
    return seen


def without_catalogue(root) -> list:
    for path in root.glob(f"{FILE}*"):
        path.unlink()
    return sorted(runs(root), key=lambda run: run.name)


def test_a_catalogue_is_made_anew_without_reading_logs_that_have_ended(tmp_path, opened):
    """By what each run has left, as long as it is of its logs, its config and its name as they are."""
    for name in "ab":
        made.write(tmp_path / name, made.records(last=3)).close()
    with track.init(name="script", dir=tmp_path, config={"lr": 0.1}) as run:
        run.log({"loss": 1.0})
    live = made.write(tmp_path / "live", made.records(last=3, outcome=None))
    opened.clear()  # of runs that have left theirs at their end
    first, said = without_catalogue(tmp_path), said_by_name(tmp_path)
    assert set(opened) == {"live"} and first == [summarize(folder) for folder in folders(tmp_path)]
    assert said["script"] == listing_of(tmp_path / "script", History(tmp_path / "script" / LOGS))[1]
    opened.clear()
    made.write(tmp_path / "b", made.records(last=5))
    edit(tmp_path / "script", Edit(("best",)))
    (tmp_path / "a").rename(tmp_path / "c")
    live.close()
    again = without_catalogue(tmp_path)
    assert sorted(set(opened)) == ["b", "c", "live", "script"] and again == [summarize(f) for f in folders(tmp_path)]
    opened.clear()
    assert without_catalogue(tmp_path) == again and opened == []


@pytest.mark.parametrize("place", [0, 5, 12, 60, -40, -3])
def test_a_listing_that_is_damaged_is_passed_over(tmp_path, place):
    made.write(tmp_path / "a", made.records(last=3)).close()
    path = tmp_path / "a" / LOGS / listing_file.FILE
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(bytes(data))
    assert without_catalogue(tmp_path) == [summarize(tmp_path / "a")]


ODD = {
    "nothing": ("{}", "{}"),
    "another form": ("[]", "7"),
    "deep": ("[" * 100_000, "[" * 100_000),
    "no number": (lambda told: {**told, "loss": "much"}, lambda told: {**told, "spark": "up"}),
    "another run": (lambda told: {**told, "name": "b"}, lambda told: {**told, "config": []}),
    "odd tags": (lambda told: {**told, "tags": None}, lambda told: {**told, "about": 3}),
    "odd status": (lambda told: {**told, "status": "fine"}, lambda told: {**told, "labels": [1]}),
    "more": (lambda told: {**told, "colour": "red"}, lambda told: {}),
}


@pytest.mark.parametrize("what", ODD)
@pytest.mark.parametrize("part", [0, 1])
def test_a_made_up_listing_with_right_checksums_hinders_nobody(tmp_path, what, part, monkeypatch):
    """It may come with a folder from elsewhere; its own run is read from the logs, all others are as they were."""
    for name in "ab":
        made.write(tmp_path / name, made.records(last=3)).close()
    folder = tmp_path / "a"
    of = listing_file.of(folder, catalogue._VERSION)
    told = list(listing_file.read(folder, of))
    odd = ODD[what][part]
    told[part] = odd if isinstance(odd, str) else json.dumps(odd(json.loads(told[part])))
    listing_file.write(folder, of, *told)
    assert without_catalogue(tmp_path) == [summarize(one) for one in folders(tmp_path)]
    assert said_by_name(tmp_path)["a"] == listing_of(folder, History(folder / LOGS))[1]
    assert [entry.summary.name for entry in Board(tmp_path, Histories()).entries()] == ["b", "a"]
    monkeypatch.setattr(catalogue, "listing_of", unread)
    assert len(without_catalogue(tmp_path)) == 2, "the listing has been written anew"


def unread(*_):
    raise AssertionError("the logs are read again")


@pytest.mark.parametrize("part", [3, 4])
def test_a_row_that_is_none_is_read_from_the_logs_once(tmp_path, monkeypatch, part):
    made.write(tmp_path / "a", made.records(last=3)).close()
    expected, said = runs(tmp_path), said_by_name(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE)) as db, db:
        row = list(db.execute("select name, stamp, is_settled, summary, said from runs").fetchone())
        row[part] = "{}"
        db.execute("replace into runs values (?, ?, ?, ?, ?, ?)", [*row, own_key.seal(catalogue._content(*row))])
    assert (runs(tmp_path), said_by_name(tmp_path)) == (expected, said)
    monkeypatch.setattr(catalogue, "listing_of", unread)
    assert (runs(tmp_path), said_by_name(tmp_path)) == (expected, said)


@pytest.mark.case("B1")
def test_a_listing_or_a_catalogue_that_somebody_else_has_made_is_not_believed(tmp_path, monkeypatch):
    made.write(tmp_path / "run", made.records(last=3))
    [before] = runs(tmp_path)
    path = tmp_path / "run" / LOGS / listing_file.FILE
    forged = path.read_bytes().replace(b'"step": 3', b'"step": 9').partition(b"\n")[2]
    seal = path.read_bytes().split(b"\n")[0].split()[1]
    path.write_bytes(b"%08x %s\n" % (zlib.crc32(forged), seal) + forged)
    assert b'"step": 9' in forged
    for ending in ("", "-wal", "-shm"):
        (tmp_path / f"{FILE}{ending}").unlink(missing_ok=True)
    assert runs(tmp_path) == [before] and before.step == 3
    with closing(sqlite3.connect(tmp_path / FILE)) as db, db:
        db.execute("update runs set summary = replace(summary, '\"step\": 3', '\"step\": 9')")
    assert runs(tmp_path) == [before]
    with closing(sqlite3.connect(tmp_path / FILE)) as db, db:
        db.execute("update runs set is_settled = 1, summary = replace(summary, '\"step\": 3', '\"step\": 9')")
    monkeypatch.setattr(own_key.os, "geteuid", lambda: os.getuid() + 1)  # whose runs these are may say what is in them
    assert runs(tmp_path)[0].step == 9

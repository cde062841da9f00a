"""Sources that are torn, damaged, hostile or still growing: read as far as they go, said, and never trusted."""

import json
import os
import random
import shutil
import sqlite3
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from tests.track.imports.test_recorded import RECORDED, TRACKERS, placed
from whet.base.crc32c import checksums, masked
from whet.base.errors import RunError
from whet.cli.main import main
from whet.track.imports import import_runs
from whet.track.imports.swanlab_lines import number_of_line
from whet.track.reading.catalogue import said_by_name
from whet.track.reading.store import history


def message(number: int, data: bytes | str | int) -> bytes:
    """A field of a protobuf message."""
    if isinstance(data, int):
        return varint(number << 3) + varint(data)
    data = data.encode() if isinstance(data, str) else data
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint(number: int) -> bytes:
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def fixed(number: int, value: float, form: str = "<d") -> bytes:
    return varint(number << 3 | (1 if form == "<d" else 5)) + struct.pack(form, value)


def checksum(data: bytes) -> int:
    """CRC-32C bit by bit, as RFC 3720 defines it."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


def mask(check: int) -> int:
    return ((check >> 15 | check << 17) + 0xA282EAD8) & 0xFFFFFFFF


def tfrecord(data: bytes) -> bytes:
    head = struct.pack("<Q", len(data))
    return head + struct.pack("<I", mask(checksum(head))) + data + struct.pack("<I", mask(checksum(data)))


def event(moment: float, step: int, *values: bytes) -> bytes:
    return fixed(1, moment) + message(2, step) + message(5, b"".join(message(1, value) for value in values))


def scalar(tag: str, value: float) -> bytes:
    return message(1, tag) + fixed(2, value, "<f")


def events(folder: Path, *found: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "events.out.tfevents.1700000000.host"
    path.write_bytes(b"".join(tfrecord(one) for one in found))
    return path


def test_checksums_are_those_of_the_standard():
    known = {bytes(32): 0x8A9136AA, b"\xff" * 32: 0x62A8AB43, bytes(range(32)): 0x46DD794E, b"123456789": 0xE3069283}
    for data, check in known.items():
        assert checksum(data) == check
        array = np.frombuffer(data * 3, np.uint8)
        starts = np.array([0, len(data), 2 * len(data)])
        assert checksums(array, starts, len(data)).tolist() == [check] * 3
    long = np.random.default_rng(0).integers(0, 256, 9001, np.uint8)
    for size in (4097, 5120, 9001):
        assert checksums(long, np.array([0]), size).tolist() == [checksum(long[:size].tobytes())]
    assert masked(np.array([0xE3069283], np.uint32)).tolist() == [mask(0xE3069283)]


def test_all_that_tensorboard_s_summaries_hold_is_read(tmp_path: Path):
    png = b"\x89PNG" + os.urandom(6000)
    picture = message(1, "old") + message(4, message(1, 1) + message(4, png))
    about = message(9, message(1, message(1, "images")))
    tensor = message(1, 7) + message(8, "4") + message(8, "4") + message(8, png)
    hist = fixed(1, -1.0) + message(6, struct.pack("<2d", 0.0, 2.0)) + message(7, struct.pack("<2d", 3, 4))
    bins = message(1, 2) + message(4, struct.pack("<6d", 0, 1, 5, 1, 3, 6))
    doubles = message(1, 2) + fixed(6, 0.1)
    half = message(1, 1) + message(4, struct.pack("<f", 0.5))
    whole = message(1, 9) + message(10, varint(7))
    events(
        tmp_path / "logs" / "run",
        event(1.7e9, 0, scalar("a", 1.0), scalar("b", 2.0), picture),
        event(1.7e9, 1, message(1, "new") + message(8, tensor) + about, message(1, "hist") + message(5, hist)),
        event(1.7e9, 2, message(1, "bins") + message(8, bins) + message(9, message(1, message(1, "histograms")))),
        event(1.7e9, 3, *(message(1, name) + message(8, t) for name, t in (("d", doubles), ("h", half), ("w", whole)))),
        event(
            1.7e9, 4, message(1, "say") + message(8, message(8, "words")) + message(9, message(1, message(1, "text")))
        ),
    )
    (done,) = import_runs(tmp_path / "logs", tmp_path / "runs")
    assert done.is_whole and done.name == "run"
    logs = history(tmp_path / "runs" / "run")
    last = {name: (int(logs.scalar(name)[0][0]), logs.scalar(name)[1][0]) for name in logs.names()}
    assert last == {"a": (0, 1.0), "b": (0, 2.0), "d": (3, 0.1), "h": (3, 0.5), "w": (3, 7.0)}
    media = {event.payload["name"]: event.payload["entries"][0] for event in logs.events("media")}
    for name in ("old", "new"):
        assert (tmp_path / "runs/run" / media[name]["path"]).read_bytes() == png
    assert (media["hist"]["counts"], media["hist"]["edges"]) == ([3.0, 4.0], [-1.0, 0.0, 2.0])
    assert (media["bins"]["counts"], media["bins"]["edges"]) == ([5.0, 6.0], [0.0, 1.0, 3.0])
    assert media["say"]["text"] == "words"


def test_a_damaged_record_is_left_out_and_said(tmp_path: Path):
    path = events(tmp_path / "logs", *(event(1.7e9 + n, n, scalar("loss", n)) for n in range(10)))
    data, size = bytearray(path.read_bytes()), path.stat().st_size // 10
    for place, left in ((5 * size + 20, [n for n in range(10) if n != 5]), (5 * size + 2, list(range(5)))):
        changed = bytearray(data)
        changed[place] ^= 1
        path.write_bytes(changed)
        (done,) = import_runs(tmp_path / "logs", tmp_path / f"runs-{place}")
        assert "damaged" in done.notes[0] and str(5 * size) in done.notes[0]
        logs = history(tmp_path / f"runs-{place}" / done.name)
        assert logs.scalar("loss")[0].tolist() == left
        assert "damaged" in logs.events("notice")[0].payload["text"]


def test_a_torn_tail_is_no_damage_and_what_comes_later_is_added(tmp_path: Path):
    path = events(tmp_path / "logs", *(event(1.7e9 + n, n, scalar("loss", n)) for n in range(10)))
    whole, size = path.read_bytes(), path.stat().st_size // 10
    root = tmp_path / "runs"
    for cut, steps, change in ((6 * size + 9, 6, "imported"), (6 * size + 9, 6, "is here already"),
                               (9 * size + 30, 9, "updated"), (10 * size, 10, "updated")):  # fmt: skip
        path.write_bytes(whole[:cut])
        (done,) = import_runs(tmp_path / "logs", root)
        assert (done.change, done.notes, done.name) == (change, (), "logs")
        assert history(root / "logs").scalar("loss")[0].tolist() == list(range(steps))
        assert [name for name in os.listdir(root) if not name.startswith(".")] == ["logs"]


@pytest.mark.parametrize("tracker", TRACKERS)
def test_no_change_of_bytes_does_more_than_lose_what_was_changed(tracker: str, tmp_path: Path):
    """Cut or changed anywhere, a source is read without its damaged part or refused with a word."""
    place, rng = placed(tracker, tmp_path), random.Random(0)
    sources = [path for path in place.rglob("*") if path.suffix not in (".png", ".txt") and path.is_file()]
    for number in range(25):
        root = tmp_path / f"runs{number}"
        path = rng.choice(sources)
        before = path.read_bytes()
        data = bytearray(before)
        if number % 2:
            del data[rng.randrange(len(data)) :]
        else:
            for _ in range(rng.choice([1, 20])):
                data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data)
        try:
            for done in import_runs(place, root):
                assert history(root / done.name).damaged == 0
        except RunError:
            pass
        path.write_bytes(before)


@pytest.mark.parametrize("name", ["x.wandb", "x.swanlab", "events.out.tfevents.1", "x.db", "meta.yaml"])
def test_garbage_under_a_known_name_is_refused_or_said(name: str, tmp_path: Path):
    heads = {"x.wandb": b":W&B\xe1\xbe\0", "x.swanlab": b":SWL\xd6\xe1\2", "x.db": b"SQLite format 3\0"}
    for number, data in enumerate((b"", os.urandom(5000), heads.get(name, b"") + os.urandom(70_000), b"\0" * 70_000)):
        place = tmp_path / str(number)
        place.mkdir()
        (place / name).write_bytes(data)
        try:
            for done in import_runs(place, tmp_path / f"runs{number}"):
                assert history(tmp_path / f"runs{number}" / done.name).names() == []
        except RunError as error:
            assert error.hint


def framed(records: list[bytes], head: bytes = b":W&B\xe1\xbe\0") -> bytes:
    data = bytearray(head)
    for record in records:
        data += struct.pack("<IHB", zlib.crc32(record, zlib.crc32(b"\1")), len(record), 1) + record
    return bytes(data)


def test_a_source_names_no_file_outside_of_its_folder(tmp_path: Path):
    (tmp_path / "secret.png").write_bytes(b"secret")
    files = tmp_path / "run" / "files"
    files.mkdir(parents=True)
    os.symlink(tmp_path / "secret.png", files / "link.png")
    rows = []
    for step, path in enumerate(("../../secret.png", str(tmp_path / "secret.png"), "link.png", "", "\0", "none.png")):
        value = json.dumps({"_type": "image-file", "path": path})
        item = message(1, f"image{step}") + message(16, value)
        rows.append(message(2, message(1, item) + message(2, message(1, step))))
    (tmp_path / "run" / "x.wandb").write_bytes(framed([message(17, message(1, "id")), *rows]))
    (done,) = import_runs(tmp_path / "run", tmp_path / "runs")
    assert not any(path.read_bytes() == b"secret" for path in (tmp_path / "runs").rglob("*") if path.is_file())
    assert history(tmp_path / "runs" / done.name).status == "killed"  # it tells no end


def test_names_lead_nowhere_else(tmp_path: Path):
    run = message(17, message(1, "../../id") + message(8, "../../../evil") + message(3, "../p"))
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "x.wandb").write_bytes(framed([run]))
    (done,) = import_runs(tmp_path / "source", tmp_path / "a" / "b" / "runs")
    assert done.name == "evil" and (tmp_path / "a/b/runs/evil/track").is_dir()


def test_no_object_is_made_of_what_a_yaml_names(tmp_path: Path):
    place = placed("mlflow_files", tmp_path)
    swan = placed("swanlab", tmp_path)
    evil = f"a: !!python/object/apply:os.system ['touch {tmp_path}/evil']\n"
    for path in [*place.rglob("meta.yaml"), *swan.rglob("config.yaml")]:
        path.write_text(evil)
    with pytest.raises(RunError, match="no run of another tracker"):
        list(import_runs(place, tmp_path / "runs"))
    (done,) = import_runs(swan, tmp_path / "runs")
    assert "config.yaml cannot be read" in done.notes[0] and not (tmp_path / "evil").exists()


def test_views_and_triggers_of_a_database_are_not_asked(tmp_path: Path):
    place = placed("trackio", tmp_path)
    (path,) = place.glob("*.db")
    with sqlite3.connect(path) as db:
        db.execute("alter table metrics rename to kept")
        db.execute("create view metrics as with recursive n(x) as (select 1 union all select x from n) select "
                   "x as timestamp, x as run_name, x as step, x as metrics, x as run_id from n")  # fmt: skip
    db.close()
    with pytest.raises(RunError, match="no run of another tracker"):
        list(import_runs(place, tmp_path / "runs"))


def test_an_import_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from whet.track.imports import writing

    place, root = placed("wandb", tmp_path), tmp_path / "runs"

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(writing._Log, "end", full)
        with pytest.raises(OSError):
            list(import_runs(place, root))
    assert [name for name in os.listdir(root) if not name.startswith(".")] == []
    assert [one.change for one in import_runs(place, root)] == ["imported"]


def test_the_command_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    place, root = placed("wandb", tmp_path), tmp_path / "runs"
    assert main(["runs", "import", str(place), "--root", str(root)]) == 0
    assert capsys.readouterr() == ("run-one\n", "run-one: imported, from wandb\n")
    assert main(["runs", "import", str(tmp_path / "none"), "--root", str(root)]) == 2
    assert main(["runs", "import", "--root", str(root)]) == 2
    (log,) = place.rglob("*.wandb")
    data = bytearray(log.read_bytes())
    data[600] ^= 1
    log.write_bytes(data)
    shutil.rmtree(root)
    assert main(["runs", "import", str(place), "--root", str(root)]) == 1
    assert "damaged at byte" in capsys.readouterr().err


def test_a_run_that_was_imported_can_be_asked_for(tmp_path: Path):
    list(import_runs(placed("mlflow_files", tmp_path), tmp_path / "runs"))
    about = said_by_name(tmp_path / "runs")["run-one"]["about"]["imported"]
    assert about["tracker"] == "mlflow" and RECORDED.is_dir()


def files_of_mlflow(folder: Path, **stated: str) -> Path:
    """A run in MLflow's file store, with lines of `meta.yaml` as they are given."""
    (folder / "params").mkdir(parents=True)
    (folder / "metrics").mkdir()
    (folder / "metrics" / "loss").write_text("1700000000000 0.5 1\n")
    lines = {"run_id": "r1", "experiment_id": "'0'", "start_time": "1700000000000", "status": "3", **stated}
    (folder / "meta.yaml").write_text("".join(f"{name}: {value}\n" for name, value in lines.items()))
    return folder


def leveldb(magic: bytes, *found: bytes) -> bytes:
    heads = (struct.pack("<IHB", zlib.crc32(one, zlib.crc32(b"\x01")), len(one), 1) for one in found)
    return magic + b"".join(head + one for head, one in zip(heads, found, strict=True))


WANDB, SWANLAB = b":W&B\x98\xbe\x00", b":SWL\x00\x00\x02"
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.swanlab", SWANLAB[:5]),
        ("a.wandb", leveldb(WANDB, message(17, b"\xff\xff"))),
        ("a.swanlab", leveldb(SWANLAB, message(10, message(12, b"\xff")))),
        ("a.wandb", leveldb(WANDB, message(2, message(1, message(2, "a") * 5000 + message(16, "1"))))),
        ("x.tfevents.1", tfrecord(fixed(1, 1.7e9) + message(5, message(1, message(1, "loss") + message(2, 1 << 50))))),
    ],
)  # fmt: skip
def test_a_hostile_run_is_said_and_the_others_are_imported(tmp_path: Path, name: str, data: bytes):
    files_of_mlflow(tmp_path / "source" / "0" / "r1")
    (tmp_path / "source" / name).write_bytes(data)
    found = {done.tracker: done for done in import_runs(tmp_path / "source", tmp_path / "runs")}
    assert found.pop("mlflow").is_whole
    (hostile,) = found.values()
    assert hostile.notes


@pytest.mark.parametrize("line", ["1" + "0" * 400, ".nan", "abc", "[1]"])
def test_a_time_that_is_none_stops_nothing(tmp_path: Path, line: str):
    files_of_mlflow(tmp_path / "source", start_time=line, end_time=line)
    (done,) = import_runs(tmp_path / "source", tmp_path / "runs")
    assert history(tmp_path / "runs" / done.name).scalar("loss")[1].tolist() == [0.5]


def test_steps_beyond_64_bits_are_bounded(tmp_path: Path):
    run = files_of_mlflow(tmp_path / "source")
    (run / "metrics" / "loss").write_text(f"1 0.5 {10**30}\n2 0.25 -{10**30}\n")
    (done,) = import_runs(tmp_path / "source", tmp_path / "runs")
    assert done.is_whole
    assert sorted(history(tmp_path / "runs" / done.name).scalar("loss")[0].tolist()) == [-(1 << 63), (1 << 63) - 1]


def test_yaml_that_unfolds_without_end_is_left_out(tmp_path: Path):
    for name, config in (
        ("bomb", BOMB),
        ("circle", "lr: {value: &a [*a]}\n"),
        ("deep", "lr: " + "[" * 900 + "]" * 900),
    ):
        (tmp_path / name / "files").mkdir(parents=True)
        (tmp_path / name / "a.swanlab").write_bytes(leveldb(SWANLAB, message(10, message(10, name))))
        (tmp_path / name / "files" / "config.yaml").write_text(config)
        (done,) = import_runs(tmp_path / name, tmp_path / "runs")
        assert "config.yaml cannot be read" in done.notes[0]


def test_a_link_makes_no_param_of_a_file_elsewhere(tmp_path: Path):
    run = files_of_mlflow(tmp_path / "source")
    (tmp_path / "private").write_text("a-private-key")
    for place in ("params/lr", "metrics/lr"):
        (run / place).symlink_to(tmp_path / "private")
    (done,) = import_runs(tmp_path / "source", tmp_path / "runs")
    assert b"a-private-key" not in b"".join(p.read_bytes() for p in (tmp_path / "runs" / done.name).rglob("*.tlog"))


def test_what_is_told_of_a_run_stays_one_short_line(tmp_path: Path):
    run = files_of_mlflow(tmp_path / "source")
    (run / "metrics" / "\x1b[2Jodd\nname").write_text("no point\n" * 1000)
    (done,) = import_runs(tmp_path / "source", tmp_path / "runs")
    assert len(done.notes) == 1000 and done.line().isprintable() and len(done.line()) < 1000


@pytest.mark.parametrize("named", ["../../../secret", "{secret}", "linked"])
def test_a_folder_that_a_source_names_is_within_its_run(named: str, tmp_path: Path):
    secret, run = tmp_path / "secret", tmp_path / "logs" / "run-1"
    named = named.format(secret=secret)
    secret.mkdir()
    (secret / "key.png").write_text("secret")
    (run / "media").mkdir(parents=True)
    (run / "media" / "linked").symlink_to(secret)
    entry = json.dumps({"index": 1, "data": ["key.png"], "create_time": "2024-01-01T00:00:00"})
    for place in (secret, run / "logs" / "linked"):
        place.mkdir(parents=True, exist_ok=True)
        (place / "10.log").write_text(f"{entry}\n")
    with sqlite3.connect(tmp_path / "logs" / "runs.swanlab") as db:
        db.execute("create table experiment (id,project_id,run_id,name,description,status,create_time,finish_time)")
        db.execute("insert into experiment values (1, 1, 'run-1', 'n', '', 1, '2024-01-01', '2024-01-02')")
        db.execute("create table tag (experiment_id, name, type, folder)")
        db.execute("insert into tag values (1, 'picture', 'image', ?)", (named,))
    [_] = import_runs(tmp_path / "logs", tmp_path / "runs")
    assert not list((tmp_path / "runs").glob("*/media/*"))


@pytest.mark.parametrize(
    ("index", "step"),
    [(7, 7), ("7", 7), (7.0, 7), (-7, -7), (2**63 - 1, 2**63 - 1), (2.7, None), (True, None), (None, None),
     (10**30, 10**30), (float("inf"), None), (float("nan"), None), ("1e3", None), ("9" * 5000, None), ([7], None),
     ("", None)],
)  # fmt: skip
def test_a_step_is_what_its_source_says_or_the_value_is_noted(index, step):
    notes: list[str] = []
    line = {"index": index, "data": 1.5, "create_time": "2024-01-01T00:00:00"}
    assert [one.step for one in number_of_line("loss", line, notes)] == ([] if step is None else [step])
    assert notes == ([] if step is not None else ["a value of loss cannot be read"])

"""Edits change what is said of a run and nothing that the run wrote; they are whole or not there, whoever writes."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import whet.track as track
from tests.track.runs import records, write
from whet.base.errors import RunError
from whet.cli.main import main
from whet.track.edits.edit import Edit, folded
from whet.track.edits.journal import edit
from whet.track.logs import frames
from whet.track.push.blocks import is_log
from whet.track.reading.catalogue import runs
from whet.track.reading.rows import chosen, listed
from whet.track.reading.store import history, summarize
from whet.track.script.described import described


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with track.init(name="run", dir=tmp_path, tags=["first", "second"], notes="as it began") as run:
        run.log({"loss": 1.0})
    return tmp_path / "run"


def digest(folder: Path) -> bytes:
    return (folder / "track/r0.a1.tlog").read_bytes()


def test_an_edit_is_read_wherever_a_run_is(folder: Path):
    before = digest(folder)
    edit(folder, Edit(("best",), ("second",), notes="better", group="sweep", pinned=True, labels={"stage": "prod"}))
    edit(folder, Edit(archived=True))
    found = summarize(folder)
    assert (found.tags, found.notes, found.group) == (("first", "best"), "better", "sweep")
    assert found.pinned and found.archived and found.status == "done" and found.step == 0
    assert runs(folder.parent) == [found] and described(history(folder)).labels == {"stage": "prod"}
    assert digest(folder) == before
    journal = next(folder.glob("track/edits-*"))
    assert is_log(f"track/{journal.name}")  # so that it goes along when the run is pushed


def test_a_filter_asks_for_what_was_edited_and_hides_what_is_archived(folder: Path):
    for name in ("other", "third"):
        write(folder.parent / name, records(last=2))
    edit(folder, Edit(("best",), group="a", archived=True))
    edit(folder.parent / "third", Edit(pinned=True, labels={"stage": "prod"}))
    names = lambda text="", **how: [run.name for run, _ in chosen(listed(folder.parent), text, **how)]  # noqa: E731
    assert names() == ["third", "other"]  # the pinned one first
    assert names(with_archived=True) == ["third", "other", "run"]
    assert names('group == "a"') == [] and names('group == "a" and archived') == ["run"]
    assert names("pinned") == ["third"] and names('label.stage == "prod"') == ["third"]
    assert names("not archived", order="name") == ["other", "third"] and names('tag == "best" or archived') == ["run"]


TAGS = st.lists(st.sampled_from("abc"), max_size=3).map(tuple)


@given(st.lists(st.sampled_from("abc"), unique=True), TAGS, TAGS, st.sampled_from([None, "", "x"]))
def test_what_is_undone_is_as_it_was(tags: list[str], add: tuple[str, ...], remove: tuple[str, ...], notes: str | None):
    add = tuple(tag for tag in add if tag not in remove)
    about = {"tags": tags, "notes": "before"}
    one = Edit(add, remove, notes=notes)
    back = one.undone(tags, about)
    after, _ = folded(about, {}, [one.payload(), back.payload()])
    assert (set(after["tags"]), after["notes"]) == (set(tags), "before")


def test_a_torn_tail_is_left_out_and_cut_off_by_the_next_edit(folder: Path):
    edit(folder, Edit(("one",)))
    journal = next(folder.glob("track/edits-*"))
    whole = journal.read_bytes()
    edit(folder, Edit(("two",)))
    cut = journal.read_bytes()
    journal.write_bytes(cut[: len(whole) + 40])
    assert summarize(folder).tags == ("first", "second", "one")
    edit(folder, Edit(("three",)))
    assert summarize(folder).tags == ("first", "second", "one", "three") and history(folder).damaged == 0


_MANY = """
import sys
from pathlib import Path
from whet.track.edits.edit import Edit
from whet.track.edits.journal import edit
sys.stdin.readline()
for number in range(15):
    edit(Path(sys.argv[1]), Edit((f"{sys.argv[2]}-{number}",)))
"""


def test_edits_of_several_processes_are_all_there(folder: Path):
    write_all = [
        subprocess.Popen([sys.executable, "-c", _MANY, str(folder), who], stdin=subprocess.PIPE, text=True)
        for who in ("a", "b")
    ]
    for process in write_all:
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.wait(60) for process in write_all] == [0, 0]
    for process in write_all:
        process.stdin.close()
    expected = {f"{who}-{number}" for who in ("a", "b") for number in range(15)}
    assert set(summarize(folder).tags) == expected | {"first", "second"} and history(folder).damaged == 0


def test_copies_that_are_edited_apart_keep_journals_apart(folder: Path, tmp_path: Path):
    copied = tmp_path / "copies" / "run"
    shutil.copytree(folder, copied)
    edit(folder, Edit(("here",)))
    edit(copied, Edit(("there",)))
    names = {path.name for place in (folder, copied) for path in place.glob("track/edits-*")}
    assert len(names) == 2 and all(frames.parse_name(Path(name)) for name in names)


@pytest.mark.parametrize("wrong", [
    Edit(("a" * 101,)), Edit(("",)), Edit((" a",)), Edit(("a\nb",)), Edit(("a",), ("a",)), Edit(group="x" * 201),
    Edit(notes="x" * (1 << 17)), Edit(labels={"a\n": "b"}), Edit(("\ud800",)),
])  # fmt: skip
def test_what_no_listing_could_show_is_refused(folder: Path, wrong: Edit):
    with pytest.raises(RunError):
        edit(folder, wrong)
    assert not list(folder.glob("track/edits-*"))


@pytest.mark.parametrize("payload", [
    {"add_tags": "best"}, {"add_tags": [1, None]}, {"set": [1]}, {"set": {"pinned": "yes", "project": "mine"}},
    {"labels": "x"}, {},
])  # fmt: skip
def test_an_edit_that_is_none_changes_nothing(payload: dict):
    about, labels = folded({"tags": ["a"], "notes": "n"}, {"l": "v"}, [payload])
    assert (about, labels) == ({"tags": ["a"], "notes": "n"}, {"l": "v"})


def test_the_command_edits_and_lists(folder: Path, capsys: pytest.CaptureFixture[str]):
    root = ["--root", str(folder.parent)]
    assert main(["runs", "edit", "run", "--tag", "best", "--untag", "first", "--note", "mine", "--archive", *root]) == 0
    assert summarize(folder).tags == ("second", "best") and summarize(folder).notes == "mine"
    assert main(["runs", *root]) == 0
    assert "run" not in capsys.readouterr().out
    assert main(["runs", "--archived", *root]) == 0
    assert "run" in capsys.readouterr().out
    assert main(["runs", "edit", 'tag == "best" and archived', "--no-archive", "--pin", *root]) == 0
    assert summarize(folder).pinned and not summarize(folder).archived
    assert main(["runs", "edit", "run", *root]) == 2 and main(["runs", "edit", "--pin", *root]) == 2
    assert main(["runs", "edit", "nobody", "--pin", *root]) != 0


def test_a_journal_that_cannot_be_written_is_not_tried_again_and_again(folder: Path, monkeypatch):
    edit(folder, Edit(archived=True))
    tried = []

    def reopened(path):
        tried.append(path)
        raise RunError("the disk is read-only", hint="another disk")

    monkeypatch.setattr("whet.track.edits.journal.EventLog.reopened", reopened)
    with pytest.raises(RunError, match="read-only"):
        edit(folder, Edit(archived=False))
    assert len(tried) == 1

"""Artifacts: the bytes that come back are those that were kept, a version for each change."""

from pathlib import Path

import pytest

import whet.track as track
from whet.base.errors import RunError
from whet.track.reading.catalogue import runs
from whet.track.reading.store import history


@pytest.fixture(autouse=True)
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("WHET_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    Path("data/a.txt").write_text("one")
    Path("data/sub").mkdir()
    Path("data/sub/b.txt").write_text("two")
    yield track.init(id="maker")
    track.finish()


def test_files_come_back_and_the_run_says_what_it_made_and_used(tmp_path, run):
    kept = track.log_artifact("data", name="set", type="dataset", aliases=["best"])
    assert (kept.version, sorted(kept.aliases)) == ("v0", ["best", "latest"])
    Path("data/a.txt").unlink()  # the copy does not depend on it
    found = track.use_artifact("entity/project/set:best")
    folder = Path(found.download("back"))
    assert (folder / "a.txt").read_text() == "one"
    assert (folder / "sub" / "b.txt").read_text() == "two"
    said = [
        (e.payload["direction"], e.payload["name"], e.payload["version"]) for e in history(run.path).events("artifact")
    ]
    assert said == [("output", "set", "v0"), ("input", "set", "v0")]
    assert [one.name for one in runs(tmp_path / "runs")] == ["maker"]  # their folder is no run


def test_a_change_makes_a_version_and_equal_files_none_and_lie_once(tmp_path):
    versions = []
    for text in ("one", "one", "changed", "one"):
        Path("data/a.txt").write_text(text)
        versions.append(track.log_artifact("data", name="set").version)
    assert versions == ["v0", "v0", "v1", "v2"]
    assert track.use_artifact("set").version == "v2"
    assert track.use_artifact("set:v1").get_path("a.txt").read_text() == "changed"
    objects = [path for path in (tmp_path / "runs" / ".artifacts" / "objects").rglob("*") if path.is_file()]
    assert len(objects) == 3


def test_an_artifact_is_filled_piece_by_piece():
    artifact = track.Artifact("model", type="model", metadata={"layers": 2}, description="small")
    artifact.add_file("data/a.txt", name="weights/w.txt")
    with artifact.new_file("made.txt") as file:
        file.write("made")
    artifact.add_reference("s3://bucket/big.bin")
    artifact.add(track.Table(["x"], [[1]]), "rows")
    track.log_artifact(artifact).wait()
    found = track.use_artifact("model:latest", type="model")
    assert sorted(found.files()) == ["big.bin", "made.txt", "rows.table.json", "weights/w.txt"]
    assert (found.metadata, found.description, found.type) == ({"layers": 2}, "small", "model")
    assert Path(found.download(), "made.txt").read_text() == "made"
    with pytest.raises(RunError, match="has 4 files"):
        found.file()


@pytest.mark.parametrize("name", ["../out", "/abs", "a/../../b"])
def test_a_name_that_leaves_the_artifact_is_refused(name):
    with pytest.raises(RunError, match="outside"):
        track.Artifact("x").add_file("data/a.txt", name=name)


@pytest.mark.parametrize(("wanted", "said"), [("sets", "no artifact `sets`"), ("set:v9", "has no `v9`")])
def test_what_is_not_there_is_said_with_what_is(wanted, said):
    track.log_artifact("data", name="set")
    with pytest.raises(RunError, match=said) as error:
        track.use_artifact(wanted)
    assert "set" in error.value.hint or "v0" in error.value.hint


def test_a_file_that_changes_while_it_is_kept_is_no_version(run):
    artifact = track.Artifact("set")
    artifact.add_file("data/a.txt")
    Path("data/a.txt").write_text("later")
    assert track.log_artifact(artifact).version == ""
    assert run.dropped == 1

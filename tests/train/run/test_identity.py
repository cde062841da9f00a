"""The files of a run folder are of one run: what is another run's is named, and digests cannot be lost."""

from __future__ import annotations

import json
import shutil
from functools import partial

import pytest

from tests.tiny import config
from tests.train.checkpoints.test_damaged_checkpoints import as_before_manifests
from tests.train.cut import cut_after
from whet.base.config import load
from whet.base.errors import RunError
from whet.base.sealed import read_sealed, sealed
from whet.train.api import resume
from whet.train.build import assemble
from whet.train.checkpoints.places import complete
from whet.train.run.dependencies import NAME
from whet.train.run.folder import RunFolder


@pytest.fixture
def cut(tmp_path):
    """Folders of runs that ended after step 2 of 4, with a checkpoint of each step."""
    return partial(cut_in, tmp_path)


def cut_in(folder, name, rows=None, **sections):
    settings = config(folder, name=name, **sections)
    settings["track"]["sinks"] = ["jsonl"]
    settings["train"] |= {"checkpoint_every": 1, "steps": 4}
    if rows is not None:
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        settings["data"]["train"] = [str(folder / f"{name}.jsonl")]
    return cut_after(2, settings)


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Such a run of which tests take files, and which they leave as it is."""
    return cut_in(tmp_path_factory.mktemp("other"), "two")


@pytest.fixture
def two(cut, other):
    return cut("one"), other


def notices(run):
    lines = (run / "records.jsonl").read_text().splitlines()
    return " ".join(record.get("text", "") for record in map(json.loads, lines))


@pytest.mark.case("D", "A9")
@pytest.mark.parametrize("name", ["resolved.json", NAME])
def test_a_record_of_another_run_is_refused_and_named(two, name):
    run, other = two
    own = (run / name).read_text()
    shutil.copy(other / name, run / name)
    with pytest.raises(RunError, match=f"`{name}` is of another run than `step-00000002/manifest.json`") as told:
        resume(run)
    assert f"rm {run / name}" in told.value.hint
    (run / name).write_text(own)
    assert resume(run)[1].outcome == "done"


@pytest.mark.case("D")
def test_what_the_hint_says_goes_on_and_stays_the_same_run(two):
    run, other = two
    before = read_sealed(run / NAME)["identity"]
    shutil.copy(other / "resolved.json", run / "resolved.json")
    (run / "resolved.json").unlink()
    assert resume(run)[1].outcome == "done"
    assert read_sealed(run / "resolved.json")["identity"] == before


@pytest.mark.case("D", "A10")
def test_a_checkpoint_of_another_run_is_passed_over(two):
    run, other = two
    shutil.rmtree(run / "checkpoints/step-00000002")
    shutil.copytree(other / "checkpoints/step-00000002", run / "checkpoints/step-00000002")
    assert resume(run)[1].outcome == "done"
    assert "step 2 is damaged (`manifest.json` is that of another run); going on from step 1" in notices(run)


@pytest.mark.case("D", "A10")
def test_a_checkpoint_that_had_digests_does_not_go_on_without(cut):
    run = cut("one")
    as_before_manifests(run / "checkpoints/step-00000002")
    assert resume(run)[1].outcome == "done"
    assert "step 2 is damaged (`manifest.json` is missing); going on from step 1" in notices(run)


def without_identity(path):
    """What the version before this one wrote."""
    values = {name: value for name, value in read_sealed(path).items() if name not in ("identity", "run")}
    path.write_text(sealed(values))


@pytest.mark.case("A10")
def test_a_run_of_before_goes_on_and_has_digests_from_there_on(cut):
    run = cut("one")
    for name in ("resolved.json", NAME):
        without_identity(run / name)
    for path in complete(run / "checkpoints"):
        as_before_manifests(path)
    built = assemble(load(run / "config.yaml"), RunFolder(run))
    assert built.loop.progress.step == 2
    built.loop.cadence = built.loop.cadence.__class__(1, 1, 100)
    built.loop.advance(built.loop.source.next(2))
    built.close()
    assert "the checkpoint of step 2 is of an earlier version and has no digests" in notices(run)
    as_before_manifests(run / "checkpoints/step-00000003")
    assert resume(run)[1].outcome == "done"
    assert "step 3 is damaged (`manifest.json` is missing); going on from step 2" in notices(run)


PAIRS = [{"prompt": f"name {i}", "chosen": f"the fox {i}", "rejected": f"a dog {i}"} for i in range(8)]


@pytest.mark.case("D")
def test_a_stored_reference_of_another_run_is_refused(cut):
    """As many samples of the same length, and other log-probabilities."""
    run, other = (cut(name, PAIRS, objective={"kind": "dpo", "reference": "stored"}) for name in ("one", "two"))
    for name in ("reference.npz", "reference.json"):
        shutil.copy(other / name, run / name)
    with pytest.raises(RunError, match="another run") as told:
        resume(run)
    assert "objective.reference=copy" in told.value.hint

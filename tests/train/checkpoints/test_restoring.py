"""What one rank alone cannot read is told by all, nobody waits, and nothing that others can read is lost."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.ranks import on_ranks
from tests.train.checkpoints.test_checkpoint import Run
from tests.train.checkpoints.test_damaged_checkpoints import flip
from whet.base.errors import RunError
from whet.parallel.world import World

NEWEST = "checkpoints/step-00000005"
# Of the second rank's own copy of all checkpoints, as on a machine that does not share the folder.
DAMAGES = {
    "gone": (lambda: shutil.rmtree("checkpoints"), "`manifest.json` cannot be read: No such file or directory"),
    "manifest": (lambda: flip(Path(NEWEST, "manifest.json")), "`manifest.json`: this is not JSON"),
    "state gone": (lambda: Path(NEWEST, "state.json").unlink(), "`state.json` is missing"),
    "state changed": (lambda: flip(Path(NEWEST, "state.json")), "`state.json` is not as it was written"),
    "metadata": (lambda: Path(NEWEST, ".metadata").write_bytes(b""), "`.metadata` has 0 bytes"),
    "own file": (lambda: Path(NEWEST, "__1_0.distcp").unlink(), "`__1_0.distcp` cannot be read: No such file"),
}
# What the second rank alone reads of the tensors.
OWN = "__1_0.distcp"


def written(tmp_path):
    """Checkpoints of steps 3 and 5 in a folder."""
    world = World.start("cpu", 60)
    run = Run(tmp_path / "checkpoints", world)
    for _ in range(2):
        run.learn(3 if run.progress.step == 0 else 2)
        run.checkpoints.save(run.progress.step)
    return run.weights()


def restored(tmp_path, cases):
    """What each rank says when the second one has its own, damaged copy."""
    world = World.start("cpu", 60)
    found = {}
    for case in cases:
        own = tmp_path / f"{case}-{world.index('all')}"
        shutil.copytree(tmp_path / "checkpoints", own / "checkpoints")
        os.chdir(own)
        if world.index("all") == 1:
            DAMAGES[case][0]() if case in DAMAGES else flip(Path(NEWEST, OWN))
        run = Run(Path("checkpoints"), world)
        try:
            found[case] = run.checkpoints.restore(), run.checkpoints.notices
        except RunError as error:
            found[case] = error
        found[case, "left"] = sorted(path.name for path in Path("checkpoints").glob("step-*"))
    return found


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("ranks")
    on_ranks(2, written, tmp_path)
    return on_ranks(2, restored, tmp_path, [*DAMAGES, "changed"])


@pytest.mark.ranks
@pytest.mark.parametrize("case", DAMAGES)
def test_what_one_rank_cannot_read_is_named_by_all_and_kept(told, case):
    for rank, found in enumerate(told):
        said = found[case]
        assert "the checkpoint of step 5 cannot be read on every rank: rank 1: " in said.message
        assert DAMAGES[case][1] in said.message and "ls -l" in said.hint and "whet train" in said.hint
        if rank == 0:
            assert found[case, "left"] == ["step-00000003", "step-00000005"]


@pytest.mark.ranks
def test_a_block_that_one_rank_reads_and_finds_changed_is_damage(told):
    for found in told:
        step, (notice,) = found["changed"]
        assert step == 3 and f"step 5 is damaged (`{OWN}` is not as it was written)" in notice


def test_what_is_damaged_and_cannot_be_put_aside_is_said(tmp_path):
    run = Run(tmp_path)
    for step in (3, 5):
        run.learn(step - run.progress.step)
        run.checkpoints.save(step)
    flip(tmp_path / "step-00000005" / "state.json")
    (tmp_path / "step-00000005.damaged").write_text("no folder")
    with pytest.raises(
        RunError, match=r"step 5 is damaged \(`state.json`.*cannot be put aside for .*3: Not a dir"
    ) as at:
        Run(tmp_path).checkpoints.restore()
    assert at.value.hint.startswith(f"mv {tmp_path}/step-00000005 ")

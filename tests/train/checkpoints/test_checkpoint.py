"""A checkpoint is complete or not there at all."""

from __future__ import annotations

import resource
import signal
from functools import partial

import pytest
import torch

from tests.nursery import Child
from tests.ranks import on_ranks
from whet.base.catalogue import model_source, optimizer, tuner
from whet.base.errors import RunError
from whet.base.parallel import Parallel
from whet.models.loading.context import BuildContext
from whet.optim.adapted import adapted
from whet.optim.groups import ParamGroups
from whet.parallel.fill import fill
from whet.parallel.shard import shard
from whet.parallel.world import World
from whet.train.checkpoints.checkpoint import Checkpoints
from whet.train.checkpoints.optimizer_state import NamedOptimizer
from whet.train.checkpoints.places import complete, latest
from whet.train.run.progress import Progress


class Run:
    """An MLP with its optimizer and progress, and the checkpoints of them."""

    def __init__(self, folder, world=None, keep=2, hidden=(16,)):
        self.world = world or World(torch.device("cpu"))
        context = BuildContext(tuner=tuner.get("full").build())
        loaded = model_source.get("mlp").build(context, features=4, classes=3, hidden=hidden)
        self.module = shard(loaded, self.world, Parallel(), ("whet_run",))
        fill(loaded, self.world)
        groups = ParamGroups.of(self.module, loaded.roles)
        self.optimizer = adapted(optimizer.get("adamw").build(groups, lr=0.1))
        self.progress = Progress()
        named = NamedOptimizer(self.optimizer, groups.names())
        self.checkpoints = Checkpoints(folder, self.module, named, {"progress": self.progress}, self.world, keep)

    def learn(self, steps):
        for _ in range(steps):
            features = torch.ones(5, 4) * (1 + self.progress.step)  # the same on every rank
            self.module.whet_run(features)["logits"].square().sum().div(self.world.count("data")).backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
            self.progress.step += 1

    def weights(self):
        full = [getattr(p, "full_tensor", lambda p=p: p)() for p in self.module.parameters()]
        return torch.cat([p.detach().flatten() for p in full])


def test_a_restored_run_goes_on_bit_for_bit(tmp_path):
    first = Run(tmp_path)
    first.learn(3)
    first.checkpoints.save(3)
    first.learn(4)
    second = Run(tmp_path)
    assert second.checkpoints.restore() == 3 and second.progress.step == 3
    second.learn(4)
    assert torch.equal(first.weights(), second.weights())


def test_the_newest_are_kept_and_partial_ones_are_ignored(tmp_path):
    run = Run(tmp_path, keep=2)
    for step in (1, 2, 3):
        run.learn(1)
        run.checkpoints.save(step)
    assert [p.name for p in complete(tmp_path)] == ["step-00000002", "step-00000003"]
    (tmp_path / "step-00000009.partial").mkdir()
    (tmp_path / "step-00000010").mkdir()  # renamed, but its marker never reached the disk
    assert latest(tmp_path).name == "step-00000003"
    assert (tmp_path / "latest").read_text().strip() == "step-00000003"


def fill_up(tmp_path):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    run = Run(tmp_path, hidden=(256,))
    run.learn(1)
    run.checkpoints.save(1)
    run.learn(1)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))  # every file ends at 4 KB, as on a full disk
    try:
        run.checkpoints.save(2)
    except RunError as error:
        return error
    return None


def test_a_full_disk_is_one_message_and_the_last_checkpoint_stays_whole(tmp_path):
    error = Child(partial(fill_up, tmp_path)).wait()
    assert "cannot write the checkpoint of step 2" in error.message and "step-00000001, is whole" in error.message
    assert "File too large" in error.message and "whet train" in error.hint
    assert [p.name for p in tmp_path.iterdir() if p.is_dir()] == ["step-00000001"]
    assert Run(tmp_path, hidden=(256,)).checkpoints.restore() == 1


def without_a_folder(tmp_path):
    world = World.start("cpu", 20)
    is_second = world.index("all") == 1
    run = Run(tmp_path / ("file/checkpoints" if is_second else "checkpoints"), world)
    run.learn(1)
    try:
        run.checkpoints.save(1)
    except RunError as error:
        return error
    return None


@pytest.mark.ranks
def test_a_rank_without_a_folder_is_named_by_all_and_nobody_waits(tmp_path):
    (tmp_path / "file").touch()
    first, second = on_ranks(2, without_a_folder, tmp_path)
    assert "step 1: rank 1: `step-00000001.partial`: Not a directory; there is no earlier checkpoint" in first.message
    assert second.message == first.message and "a path whose folders are folders" in first.hint
    assert not any((tmp_path / "checkpoints").iterdir())


@pytest.mark.case("A10")
def test_a_folder_where_the_newest_is_named_is_to_be_put_aside(tmp_path):
    run = Run(tmp_path)
    (tmp_path / "latest").mkdir()
    with pytest.raises(RunError, match="the checkpoint of step 1 is whole, and `latest` cannot name it: ") as error:
        run.checkpoints.save(1)
    assert "cannot write the checkpoint" not in error.value.message and Run(tmp_path).checkpoints.restore() == 1
    assert error.value.hint.startswith(f"mv {tmp_path / 'latest'} ")


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    Run(tmp_path, hidden=(8, 8)).checkpoints.save(1)
    with pytest.raises(RunError, match="does not fit the model"):
        Run(tmp_path).checkpoints.restore()


def test_unknown_and_missing_parts_are_refused_by_name(tmp_path):
    run = Run(tmp_path)
    run.checkpoints._parts = {"progress": run.progress, "source": run.progress}
    run.checkpoints.save(1)
    with pytest.raises(RunError, match=r"unknown \['source'\]"):
        Run(tmp_path).checkpoints.restore()


def sharded(tmp_path, save, restore):
    world = World.start("cpu", 60)
    run = Run(tmp_path, world)
    if restore:
        run.checkpoints.restore()
    run.learn(2)
    if save:
        run.checkpoints.save(run.progress.step)
        run.learn(2)
    weights = run.weights()
    world.close()
    return weights


@pytest.mark.ranks
@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2), pytest.param(2, 4, marks=pytest.mark.slow)])
def test_a_checkpoint_loads_on_another_number_of_ranks(tmp_path, before, after):
    goal = on_ranks(before, sharded, tmp_path, True, False)[0] if before > 1 else sharded(tmp_path, True, False)
    reached = on_ranks(after, sharded, tmp_path, False, True) if after > 1 else [sharded(tmp_path, False, True)]
    for weights in reached:
        assert torch.allclose(weights, goal, rtol=1e-5, atol=1e-6)

"""Weights on their way to an engine: one after the other, and whoever waits for them keeps no more than its part."""

from __future__ import annotations

import pytest
import torch

from tests.ranks import on_ranks
from tests.sweeps import some
from tests.train.test_rollouts import settings
from tests.train.test_rollouts_meshes import DENSE, ENGINE, GRPO, TWIN, base
from whet.base.config import from_mapping
from whet.kernels.layout import local
from whet.plan.tracing.live import Timeline, Watch, storages
from whet.train.build import assemble

pytestmark = pytest.mark.ranks
MESHES = {
    "pipeline": {"pipeline": 4},
    "pipeline-shard": {"pipeline": 2, "shard": 2},
    "pipeline-tensor": {"pipeline": 2, "tensor": 2},
    "shard-tensor": {"shard": 2, "tensor": 2},
}
SHAPE = {**DENSE, "num_hidden_layers": 8}


def most(timeline):
    """The most bytes that were alive at once."""
    held = highest = 0
    for kind, number in timeline.events:
        if kind != "at":
            held += timeline.pieces[number][0] * (1 if kind == "+" else -1)
            highest = max(highest, held)
    return highest


def passed(weights):
    """Bytes at once while weights go by, of the largest of them, and of all."""
    timeline, sizes = Timeline(), []
    with torch.no_grad(), Watch(timeline):
        for _, tensor in weights:
            sizes.append(tensor.nbytes)
    return most(timeline), max(sizes), sum(sizes)


def figures(folder, name, tuner):
    """Of the weights of now, and of those of a moment that are sent later; and what is kept of these, of what a rank
    has."""
    built = assemble(from_mapping(asked(folder, name, tuner)))
    player = built.supply.source.making.asking.player
    own = sum(local(p).nbytes for p in built.loaded.module.parameters())
    now, read = passed(player.weights()), player.of_now()
    shards = read.args[1].__self__
    kept = sum(one.nbytes() for one in storages([local(t) for t in shards.weights.values()]))
    return now, passed(read()), kept / own


def asked(folder, name, tuner):
    """A run whose ranks have engines of their own."""
    made = settings(
        folder, f"{name}-{tuner}", objective=GRPO, rollout={"staleness": 1, "updates": 1, "passes": 1} | ENGINE,
        model={"init": SHAPE}, plugins=[str(folder / "double.py")], parallel={**MESHES[name], "timeout_s": 60},
        train={"device": "cpu", "steps": 2}, tuner=tuner,
    )  # fmt: skip
    return made if tuner == "full" else {**made, "model": {"path": str(base(folder, 8))}}


CASES = [(name, tuner) for name in MESHES for tuner in ("full", "lora")]


@pytest.mark.parametrize(("name", "tuner"), some(CASES, [("pipeline-shard", "lora")]))
def test_no_more_than_two_tensors_are_held_of_weights_that_are_sent(tmp_path, name, tuner):
    """The one that an engine has just taken, and the next, which is being put together."""
    (tmp_path / "double.py").write_text(TWIN)
    asked(tmp_path, name, tuner)  # files that all ranks read
    for now, later, kept in on_ranks(4, figures, tmp_path, name, tuner):
        for highest, largest, total in (now, later):
            assert highest <= 2 * largest < total / 2
        assert kept == 1

"""Weights on their way to an engine: one at a time, and whoever waits for them keeps no more than its part."""

from __future__ import annotations

import pytest
import torch

from tests.alive import most
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


def passed(weights):
    """Bytes at once while weights go by, of the largest of them, and of all. Whoever takes them keeps none."""
    timeline, sizes = Timeline(), []
    with torch.no_grad(), Watch(timeline):
        for _, tensor in weights:
            sizes.append(tensor.nbytes)
            del tensor
    return most(timeline), max(sizes), sum(sizes)


def figures(folder, name, tuner):
    """Of the weights of now, and of those of a moment that are sent later; what is kept of these, of what a rank has;
    and whether the trained ones are as they were."""
    built = assemble(from_mapping(asked(folder, name, tuner)))
    player, live = built.supply.source.making.asking.player, [local(p) for p in built.loaded.module.parameters()]
    own, before = sum(one.nbytes for one in live), [one.detach().clone() for one in live]
    now, read = passed(player.weights()), player.of_now()
    shards = read.args[1].__self__
    kept = sum(one.nbytes() for one in storages([local(t) for t in shards.weights.values()]))
    later = passed(read())
    return now, later, kept / own, all(map(torch.equal, live, before))


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
def test_one_tensor_is_held_of_weights_that_are_sent_and_a_rank_s_part_of_it(tmp_path, name, tuner):
    """The part is copied where rows do not divide: shards are alike in size on their way."""
    rows = MESHES[name].get("shard", 1)
    (tmp_path / "double.py").write_text(TWIN)
    asked(tmp_path, name, tuner)  # files that all ranks read
    for now, later, kept, is_same in on_ranks(4, figures, tmp_path, name, tuner):
        for highest, largest, total in (now, later):
            part = largest / rows if rows > 1 else 0
            assert highest <= 1.01 * (largest + part) < total / 2
        assert kept == 1 and is_same

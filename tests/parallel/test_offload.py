"""Offload on two ranks: losses, gradient norms and weights are those of the same ranks without, to the bit."""

from __future__ import annotations

import pytest
import torch

from tests.inverted_host_memory import Inverted
from tests.parallel.stepped import two_steps
from tests.parallel.test_shard import LENGTHS, PROBED
from tests.ranks import on_ranks
from tests.tiny import LLAMA
from whet.base.catalogue import model_source, objective, optimizer, tuner
from whet.base.parallel import Parallel
from whet.contracts.model import Models
from whet.models.forward import activation_offload
from whet.models.forward.activation_checkpointing import Checkpointing, apply_checkpointing
from whet.models.forward.activation_offload import ActivationOffload
from whet.models.loading.context import BuildContext
from whet.optim import state_offload
from whet.optim.adapted import adapted
from whet.optim.groups import ParamGroups
from whet.optim.state_offload import StateOffload
from whet.parallel.fill import fill
from whet.parallel.pipeline.stages import stages_of
from whet.parallel.shard import shard
from whet.parallel.world import World
from whet.train.step.executor import DataParallel
from whet.train.step.pipelined import PipelineParallel

pytestmark = pytest.mark.ranks
MESHES = {
    "shard": Parallel(shard=2), "zero-2": Parallel(shard=2, zero=2), "tensor": Parallel(tensor=2),
    "pipeline": Parallel(pipeline=2),
}  # fmt: skip
# What leaves: activations, with what is recomputed; the share of state; weights.
WAYS = {
    "activations": ("none", True, 0.0, False),
    "selective": ("selective", True, 0.0, False),
    "all but weights": ("full", True, 1.0, False),
    "half the state": ("none", False, 0.5, False),
    "weights": ("full", True, 0.0, True),
}
CASES = [
    (mesh, way) for mesh in MESHES for way in WAYS if way != "weights" or mesh in ("shard", "zero-2")
]  # fmt: skip


def trained(world: World, mesh: Parallel, how: Checkpointing, state: Inverted | None, share: float, on_host: bool):
    init = {**LLAMA, "num_key_value_heads": 4, "vocab_size": 100, "num_hidden_layers": 2, "initializer_range": 0.2}
    loaded = model_source.get("hf").build(
        BuildContext(seed=3, tuner=tuner.get("full").build(), verdict=PROBED), init=init
    )
    apply_checkpointing(loaded, how)
    shard(loaded, world, mesh, ("whet_run",), on_host=on_host)
    loaded = fill(loaded, world, on_host=on_host)
    update = adapted(optimizer.get("adamw").build(ParamGroups.of(loaded.module, loaded.roles), lr=1e-2))
    if share:
        update = StateOffload(update, state, share)
    kind = DataParallel if stages_of(loaded.module) is None else PipelineParallel
    train = kind(world, Models(loaded.model), objective.get("sft").build(), update, loaded.module, 0, 0.5, None)
    figures = two_steps(train, world, LENGTHS)
    return figures, {name: tensor.clone() for name, tensor in train.weights()}


def differences(mesh: str):
    """What is not as it is without offload, and how much has left, by way."""
    settings, found = MESHES[mesh], {}
    # Of a tiny model's shards too, in this process alone.
    activation_offload.SMALLEST_BYTES = state_offload.SMALLEST_BYTES = 64
    world = World.start(
        "cpu", 60, {name: 2 for name in ("shard", "tensor", "pipeline") if getattr(settings, name) == 2}
    )
    expected, weights = trained(world, settings, Checkpointing(), None, 0.0, False)
    for way, (recompute, leaves, share, on_host) in WAYS.items():
        if (mesh, way) not in CASES:
            continue
        memory, state = Inverted(), Inverted()
        how = Checkpointing(recompute, 1, ActivationOffload(memory) if leaves else None)
        figures, others = trained(world, settings, how, state, share, on_host)
        wrong = [name for name, tensor in weights.items() if not torch.equal(tensor, others[name])]
        found[way] = (figures == expected, wrong, memory.moved_bytes > 0, state.peak_bytes > 0)
    return found


@pytest.fixture(scope="module")
def ranks():
    found = {}

    def run(mesh):
        if mesh not in found:
            found[mesh] = on_ranks(2, differences, mesh)
        return found[mesh]

    return run


@pytest.mark.parametrize(
    ("mesh", "way"),
    [pytest.param(*case, marks=[pytest.mark.slow] * (case[0] in ("zero-2", "pipeline"))) for case in CASES],
)
def test_two_ranks_that_offload_train_as_two_that_do_not(ranks, mesh, way):
    _, leaves, share, _ = WAYS[way]
    for found in ranks(mesh):
        assert found[way] == (True, [], leaves, share > 0)

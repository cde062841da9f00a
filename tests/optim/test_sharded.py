"""Every kind under FSDP2 on two ranks is the kind on one process, and its checkpoint is read on either."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.distributed.tensor import DTensor, distribute_tensor

from tests.optim.problem import build
from tests.optim.zoo import SETTINGS, Zoo, groups, state_of
from tests.ranks import on_ranks
from whet.base.run import Parallel
from whet.parallel.shard import shard
from whet.parallel.world import World
from whet.train.checkpoint import Checkpoints
from whet.train.optimizer_state import NamedOptimizer
from whet.train.progress import Progress

STEPS, SAVED = 9, 4


def gradients(module: nn.Module, step: int) -> None:
    """Set gradients by hand, each rank its rows of the same: what is tested is the step, not the backward pass."""
    draw = torch.Generator().manual_seed(step)
    for parameter in module.parameters():
        whole = torch.randn(parameter.shape, generator=draw)
        if parameter.dim() > 1:
            whole = whole * torch.logspace(0, -2, parameter.shape[-1])
        if isinstance(parameter, DTensor):
            whole = distribute_tensor(whole, parameter.device_mesh, parameter.placements, src_data_rank=None)
        parameter.grad = whole


def run(chosen, module: nn.Module, steps: range) -> None:
    for step in steps:
        if hasattr(chosen, "prepare_step"):
            chosen.prepare_step()
        gradients(module, step)
        if hasattr(chosen, "drop_idle"):
            chosen.drop_idle()
        chosen.step()
        if getattr(chosen, "wants_curvature", False):
            gradients(module, 1000 + step)
            chosen.curve(3.0)
        chosen.zero_grad()


def whole(module: nn.Module) -> list[torch.Tensor]:
    return [p.detach().full_tensor() if isinstance(p, DTensor) else p.detach().clone() for p in module.parameters()]


def one_kind(world: World, kind: str, state: str | None, folder: Path) -> tuple[list[torch.Tensor], int]:
    """Train, save half-way, read the checkpoint into a fresh optimizer, and go on with that one."""
    settings = {**SETTINGS[kind], **({"state": state} if state else {})}

    def fresh():
        module = shard(Zoo(), world, Parallel(), ())
        found = groups(module, seed=5)
        chosen = build(kind, found, **settings)
        named = NamedOptimizer(chosen, found.names())
        return (
            module,
            chosen,
            Checkpoints(folder / f"{kind}-{state}", module, named, {"progress": Progress()}, world, 2),
        )

    module, chosen, checkpoints = fresh()
    run(chosen, module, range(SAVED))
    checkpoints.save(SAVED)
    module, chosen, checkpoints = fresh()
    assert checkpoints.restore() == SAVED
    run(chosen, module, range(SAVED, STEPS))
    held = sum(t.to_local().numel() if isinstance(t, DTensor) else t.numel() for t in state_of(chosen))
    return whole(module), held


CASES = [(kind, None) for kind in SETTINGS] + [
    (kind, "8bit") for kind in ("adamw", "lion", "muon", "galore", "adam-mini", "soap")
]


def all_kinds(folder: Path) -> dict:
    world = World.start("cpu", 120)
    found = {}
    for kind, state in CASES:
        try:
            found[kind, state] = one_kind(world, kind, state, folder)
        except Exception as error:  # the other kinds still have their say
            found[kind, state] = f"{type(error).__name__}: {error}"
    world.close()
    return found


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory):
    """All kinds in one pool of ranks: starting it costs more than the steps."""
    return on_ranks(2, all_kinds, tmp_path_factory.mktemp("sharded"))


@pytest.mark.ranks
@pytest.mark.parametrize(("kind", "state"), CASES, ids=lambda v: str(v))
def test_two_ranks_step_like_one_process(kind, state, two_ranks, tmp_path):
    expected, held = one_kind(World(torch.device("cpu")), kind, state, tmp_path)
    for result in two_ranks:
        assert not isinstance(result[kind, state], str), result[kind, state]
        for weight, target in zip(result[kind, state][0], expected, strict=True):
            assert (weight - target).abs().max() <= 1e-6 * max(1.0, target.abs().max())
    shares = [result[kind, state][1] for result in two_ranks]
    # Only block means lie on both ranks; and no rank holds much more than its half.
    assert held <= sum(shares) <= 1.02 * held and max(shares) <= 0.75 * held


def read_from_one(folder: Path) -> dict:
    world = World.start("cpu", 120)
    found = {kind: one_kind_from(world, kind, folder) for kind in ("muon", "galore", "adam-mini", "lion")}
    world.close()
    return found


def one_kind_from(world: World, kind: str, folder: Path) -> list[torch.Tensor]:
    module = shard(Zoo(), world, Parallel(), ())
    found = groups(module, seed=5)
    chosen = build(kind, found, **SETTINGS[kind])
    named = NamedOptimizer(chosen, found.names())
    checkpoints = Checkpoints(folder / f"{kind}-None", module, named, {"progress": Progress()}, world, 2)
    assert checkpoints.restore() == SAVED
    run(chosen, module, range(SAVED, STEPS))
    return whole(module)


@pytest.mark.ranks
def test_a_checkpoint_of_one_process_goes_on_on_two(tmp_path):
    expected = {
        kind: one_kind(World(torch.device("cpu")), kind, None, tmp_path)[0]
        for kind in ("muon", "galore", "adam-mini", "lion")
    }
    for result in on_ranks(2, read_from_one, tmp_path):
        for kind, weights in result.items():
            for weight, target in zip(weights, expected[kind], strict=True):
                assert (weight - target).abs().max() <= 1e-6 * max(1.0, target.abs().max()), kind

"""Every kind under FSDP2 on two ranks is the kind on one process, and its checkpoint is read on either."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from tests.optim.problem import build
from tests.optim.zoo import SETTINGS, Zoo, groups, one_step, state_of
from tests.ranks import on_ranks
from tests.sweeps import some
from whet.parallel.world import World
from whet.train.checkpoints.checkpoint import Checkpoints
from whet.train.checkpoints.optimizer_state import NamedOptimizer
from whet.train.run.progress import Progress

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
        one_step(chosen, partial(gradients, module), step, 3.0)


def whole(module: nn.Module) -> list[torch.Tensor]:
    return [p.detach().full_tensor() if isinstance(p, DTensor) else p.detach().clone() for p in module.parameters()]


def fresh(world: World, kind: str, state: str | None, folder: Path):
    """A new module and optimizer, and where its checkpoints lie."""
    module = Zoo()
    if world.mesh is not None:
        fully_shard(module, mesh=world.mesh)
    found = groups(module, seed=5)
    chosen = build(kind, found, **{**SETTINGS[kind], **({"state": state} if state else {})})
    named = NamedOptimizer(chosen, found.names())
    place = folder / f"{kind}-{state}"
    return module, chosen, Checkpoints(place, module, named, {"progress": Progress()}, world, 2)


def one_kind(world: World, kind: str, state: str | None, folder: Path) -> tuple[list[torch.Tensor], int]:
    """Train, save half-way, read the checkpoint into a fresh optimizer, and go on with that one."""
    module, chosen, checkpoints = fresh(world, kind, state, folder)
    run(chosen, module, range(SAVED))
    checkpoints.save(SAVED)
    return go_on(world, kind, state, folder)


def go_on(world: World, kind: str, state: str | None, folder: Path) -> tuple[list[torch.Tensor], int]:
    """The weights after the steps from the checkpoint in `folder` on, and how much state this rank holds."""
    module, chosen, checkpoints = fresh(world, kind, state, folder)
    assert checkpoints.restore() == SAVED
    run(chosen, module, range(SAVED, STEPS))
    held = sum(t.to_local().numel() if isinstance(t, DTensor) else t.numel() for t in state_of(chosen))
    return whole(module), held


CASES = [(kind, None) for kind in SETTINGS] + [
    (kind, "8bit") for kind in ("adamw", "lion", "muon", "galore", "adam-mini", "soap")
]
# State in shares of rows, in block means, of projections, and in 8 bits; the others run with the slow tests. How each
# kind steps on two ranks is asked by the tests of placements.
NOW = [("adam-mini", None), ("muon", None), ("galore", None), ("adamw", "8bit")]


def all_kinds(folder: Path, cases: list) -> dict:
    """Every case from its start, and from the checkpoint that one process wrote."""
    world = World.start("cpu", 120)
    found = {}
    for kind, state in cases:
        try:
            found[kind, state] = one_kind(world, kind, state, folder / "two"), go_on(world, kind, state, folder / "one")
        except Exception as error:  # the other kinds still have their say
            found[kind, state] = f"{type(error).__name__}: {error}"
    world.close()
    return found


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Of a case: its runs on one process and then on each of two ranks, and where all left their checkpoints.

    One pool of ranks has those of `NOW`, another the rest: starting it costs more than the steps.
    """

    @cache
    def made(is_now: bool):
        folder, cases = tmp_path_factory.mktemp("sharded"), [case for case in CASES if (case in NOW) == is_now]
        alone = {case: one_kind(World(torch.device("cpu")), *case, folder / "one") for case in cases}
        return folder, alone, on_ranks(2, all_kinds, folder, cases)

    return lambda *case: made(case in NOW)


def assert_equal(weights: list[torch.Tensor], expected: list[torch.Tensor]) -> None:
    for weight, target in zip(weights, expected, strict=True):
        assert (weight - target).abs().max() <= 1e-6 * max(1.0, target.abs().max())


@pytest.mark.ranks
@pytest.mark.parametrize(("kind", "state"), some(CASES, NOW), ids=lambda v: str(v))
def test_two_ranks_step_like_one_process(kind, state, runs):
    _, alone, ranks = runs(kind, state)
    expected, held = alone[kind, state]
    for result in ranks:
        assert not isinstance(result[kind, state], str), result[kind, state]
        assert_equal(result[kind, state][0][0], expected)
    shares = [result[kind, state][0][1] for result in ranks]
    # Only block means lie on both ranks; and no rank holds much more than its half.
    assert held <= sum(shares) <= 1.02 * held and max(shares) <= 0.75 * held


@pytest.mark.ranks
@pytest.mark.parametrize(("kind", "state"), some(CASES, NOW), ids=lambda v: str(v))
def test_a_checkpoint_goes_on_on_another_number_of_ranks(kind, state, runs):
    """That of one process on two ranks, and that of two ranks on one process."""
    folder, alone, ranks = runs(kind, state)
    for result in ranks:
        assert not isinstance(result[kind, state], str), result[kind, state]
        assert_equal(result[kind, state][1][0], alone[kind, state][0])
    weights, _ = go_on(World(torch.device("cpu")), kind, state, folder / "two")
    assert_equal(weights, alone[kind, state][0])

"""Every kind steps weights that lie in shards or copies, however they are placed, as one process steps them whole."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch.distributed.tensor import DTensor, Partial, Shard, distribute_tensor
from torch.distributed.tensor.placement_types import _StridedShard

from tests.optim.placements import EXACT, SAVED, SCHEMES, STEPS, Trial, model, ranks_of, start
from tests.ranks import on_ranks
from tests.sweeps import some
from whet.base.errors import ConfigError
from whet.kernels.layout import Layout, local, whole_tensor
from whet.parallel.world import World

pytestmark = pytest.mark.ranks
CASES = [(kind, "exact") for kind in EXACT] + [
    ("adamw", "8bit"), ("adam-mini", "8bit"), ("schedule-free", "8bit"), ("sophia", "8bit"), ("muon", "8bit"),
    ("adamw", "bf16"), ("adamw", "bfloat16"), ("lion", "kahan"), ("badam-ratio", "kahan"), ("muon", "bfloat16"),
    ("adamw", "ema"),
]  # fmt: skip
GRID = [(*case, scheme) for case in CASES for scheme in SCHEMES]
# Every kind in a placement over two ranks, and every placement with one that steps by sums over rows, and one that
# needs matrices whole (and steps the rest number by number).
SORTS = {"adam-mini": {"adam-mini", "adafactor", "came"}, "muon": {"muon", "normuon", "muonclip"}}
OF_TWO = [scheme for scheme in SCHEMES if ranks_of(scheme) == 2]
NOW = [(kind, how, OF_TWO[number % len(OF_TWO)]) for number, (kind, how) in enumerate(CASES)]
NOW += [
    (kind, "exact", scheme)
    for kind, sort in SORTS.items()
    for scheme in SCHEMES
    if not any((other, "exact", scheme) in NOW for other in sort)
]
# A checkpoint of each placement is read under the next one; that of one process under the first.
SAVED_NOW = [("muon", "exact"), ("adamw", "8bit")]
FROM = {
    "rows-4": None,
    "columns-4": "rows-4",
    "hsdp": "columns-4",
    "tensor": "hsdp",
    "expert": "tensor",
    "strided": "expert",
}
RESUMED = [(*case, scheme) for case in CASES for scheme in FROM]
RESUMED_NOW = [(*case, scheme) for case in SAVED_NOW for scheme in FROM]


def all_of(size: int, cases: list, resumed: list, folder: Path) -> dict:
    """On one of `size` ranks: every case from its start, then those resumed from checkpoints of other placements."""
    dist.init_process_group("gloo")
    worlds = {scheme: start(scheme) for scheme in SCHEMES if ranks_of(scheme) == size}
    found: dict = {}
    for kind, how, scheme in dict.fromkeys([*cases, *resumed]):
        if scheme not in worlds:
            continue
        try:
            trial = Trial((kind, how), worlds[scheme], scheme, folder)
            trial.advance(range(SAVED))
            if (kind, how, scheme) in resumed:
                trial.checkpoints.save(SAVED)
            found[kind, how, scheme] = trial.run(range(SAVED, STEPS))
        except Exception as error:  # the other cases still have their say
            found[kind, how, scheme] = f"{type(error).__name__}: {error}"
    for kind, how, scheme in resumed if size == 4 else ():
        try:
            found["resumed", kind, how, scheme] = go_on((kind, how), worlds[scheme], scheme, folder)
        except Exception as error:
            found["resumed", kind, how, scheme] = f"{type(error).__name__}: {error}"
    return found


def go_on(case: tuple[str, str], world: World, scheme: str | None, folder: Path) -> list[torch.Tensor]:
    """The last steps from what was saved under the placement before this one."""
    trial = Trial(case, world, scheme, folder)
    trial.checkpoints._folder = folder / f"{case[0]}-{case[1]}-{FROM[scheme] if scheme else 'strided'}"
    assert trial.checkpoints.restore() == SAVED
    return trial.run(range(SAVED, STEPS))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folder of checkpoints, and what every rank of two and of four found; the slow cases run apart."""

    @cache
    def made(is_now: bool):
        folder = tmp_path_factory.mktemp("placements")
        cases = [case for case in GRID if (case in NOW) == is_now]
        resumed = [case for case in RESUMED if (case in RESUMED_NOW) == is_now]
        for kind, how in dict.fromkeys((kind, how) for kind, how, _ in resumed):
            trial = Trial((kind, how), World(torch.device("cpu")), None, folder)
            trial.advance(range(SAVED))
            trial.checkpoints.save(SAVED)
        return folder, {size: on_ranks(size, all_of, size, cases, resumed, folder) for size in (2, 4)}

    return made


@cache
def alone(case: tuple[str, str]) -> list[torch.Tensor]:
    """What one process makes of a case."""
    return Trial(case, World(torch.device("cpu")), None, Path()).run(range(STEPS))


def assert_equal(found: list[torch.Tensor] | str, expected: list[torch.Tensor], how: str) -> None:
    """To rounding of the sums that shards are added up in; what is rounded to fewer bits, bit for bit or by one."""
    assert not isinstance(found, str), found
    bound = {"exact": 1e-10, "8bit": 1e-6}.get(how, 0.0)
    for weight, target in zip(found, expected, strict=True):
        assert (weight - target).abs().max() <= bound * max(1.0, target.abs().max())


@pytest.mark.parametrize(("kind", "how", "scheme"), some(GRID, NOW))
def test_placed_weights_are_stepped_like_whole_ones(kind, how, scheme, runs):
    _, ranks = runs((kind, how, scheme) in NOW)
    for found in ranks[ranks_of(scheme)]:
        assert_equal(found[kind, how, scheme], alone((kind, how)), how)


@pytest.mark.parametrize(("kind", "how", "scheme"), some(RESUMED, RESUMED_NOW))
def test_state_of_one_placement_goes_on_in_another(kind, how, scheme, runs):
    _, ranks = runs((kind, how, scheme) in RESUMED_NOW)
    for found in ranks[4]:
        assert_equal(found["resumed", kind, how, scheme], alone((kind, how)), how)


@pytest.mark.parametrize(("kind", "how"), some(CASES, SAVED_NOW))
def test_state_of_a_placement_goes_on_in_one_process(kind, how, runs):
    folder, _ = runs((kind, how) in SAVED_NOW)
    found = go_on((kind, how), World(torch.device("cpu")), None, folder)
    assert_equal(found, alone((kind, how)), how)


def layouts() -> list[str]:
    """Where a layout is wrong about its tensor."""
    dist.init_process_group("gloo")
    wrong = []
    for scheme in SCHEMES:
        if ranks_of(scheme) != 4:
            continue
        world = start(scheme)
        for (name, placed), whole in zip(
            model(("", "exact"), world, scheme).named_parameters(),
            model(("", "exact"), World(torch.device("cpu")), None).parameters(), strict=True,
        ):  # fmt: skip
            layout, own = Layout.of(placed), local(placed.detach())
            with warned() as said:
                gathered = whole_tensor(placed)
            rows = layout.by_rows()
            moved = layout.moved(own, rows)
            facts = {
                "here": torch.equal(whole[layout.here], own),
                "rows": torch.equal(whole[rows.here], moved),
                "back": torch.equal(rows.moved(moved, layout), own),
                "whole": layout.is_whole == (own.shape == whole.shape),
                "gathered": torch.equal(whole, gathered),
                "in silence": not said,
                "columns": _columns_fit(layout, own, whole.detach()),
            }
            wrong += [f"{scheme} {name}: {fact}" for fact, holds in facts.items() if not holds]
    return wrong + _not_refused(start("tensor"))


@contextmanager
def warned() -> Iterator[list]:
    """What torch warns of inside, on its own log."""
    said: list = []
    handler, log = logging.Handler(logging.WARNING), logging.getLogger("torch.distributed.tensor")
    handler.emit = said.append
    log.addHandler(handler)
    try:
        yield said
    finally:
        log.removeHandler(handler)


def _columns_fit(layout: Layout, own: torch.Tensor, whole: torch.Tensor) -> bool:
    columns = layout.columns(torch.device("cpu"))
    if columns is None or not own.numel():
        return True
    rows = whole[layout.here[0]].reshape(own.shape[0], -1)
    return torch.equal(rows[:, columns], own.reshape(own.shape[0], -1))


def _not_refused(world: World) -> list[str]:
    """Shards of every other row, and sums that are not made."""
    parts = torch.ones(8, 2)
    scattered = distribute_tensor(parts, world.mesh, [Shard(0), _StridedShard(0, split_factor=2)], src_data_rank=None)
    partial = DTensor.from_local(parts, world.mesh, [Partial(), Shard(0)])
    found = []
    for name, tensor in (("scattered", scattered), ("partial", partial)):
        try:
            Layout.of(tensor).check(name)
            found.append(name)
        except ConfigError as error:
            assert name in str(error) and error.hint
    return found


def test_a_layout_tells_where_each_piece_lies():
    assert on_ranks(4, layouts) == [[]] * 4

"""Every optimizer, wherever weights, tokens and layers lie, trains as it does on one process; or the two are refused.

Each takes five steps of a tiny model in float64, with the gradients of packed rows: what is tested in tests/optim is a
step on weights that are placed by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import product

import pytest
import torch

from tests.exact import LIMIT
from tests.parallel.meshes import MESHES, OPTIMIZERS, RANKS, Case, learned, on_their_ranks, ranks_of
from tests.parallel.test_meshes import all_of
from tests.sweeps import some
from whet.base.catalogue import optimizer
from whet.base.config import from_mapping
from whet.base.errors import ConfigError
from whet.train.setup.chosen import chosen_of
from whet.train.setup.combinations import apart, check_combinations

PLACEMENTS = {
    "replicated": "replicate-2", "ZeRO-1": "zero-1", "ZeRO-2": "zero-2", "ZeRO-3": "shard-2", "hybrid": "hybrid",
    "tensor": "tensor-2", "sequence": "sequence-2", "context": "context-2", "ring": "ring-2", "pipeline": "pipeline-2",
    "expert": "expert-2", "ZeRO-3 x tensor": "shard-tensor", "ZeRO-3 x pipeline": "pipeline-shard",
}  # fmt: skip
# Routers compute in float32, and so do those who note the logits of attention. Of the directions that a step of few
# tokens does not reach, rounding chooses SOAP's basis.
SINGLE = {"expert": 1e-5, "muonclip": 1e-6, "soap": 1e-2}


def case_of(kind: str, placement: str) -> Case:
    """What is trained: no biases of keys, whose gradient is but rounding; where experts are shared, a mixture."""
    mesh = PLACEMENTS[placement]
    return Case("moe" if placement == "expert" else "tied", "sft", mesh, optimizer=kind)


def refusal(kind: str, placement: str) -> str | None:
    """Why a kind is not run there, as the table of what goes together says it."""
    asked = MESHES[PLACEMENTS[placement]]
    has = {f"parallel.{axis}" for axis in RANKS if asked.get(axis, 1) > 1} | {"ranks.several"}
    return next((why for feature, why in apart(optimizer.get(kind)) if feature in has), None)


def grid() -> Iterator[tuple[str, str]]:
    """Those that are run."""
    return ((kind, place) for kind, place in product(OPTIMIZERS, PLACEMENTS) if refusal(kind, place) is None)


GRID = list(grid())
REFUSED = [cell for cell in product(OPTIMIZERS, PLACEMENTS) if cell not in GRID]
# Sums over rows, whole matrices, turns, a second gradient and averages, each somewhere; the others are slow.
NOW = [
    ("adafactor", "tensor"), ("muon", "pipeline"), ("badam", "context"), ("sophia", "replicated"),
    ("schedule-free", "ZeRO-1"), ("galore", "sequence"),
]  # fmt: skip


def test_the_table_has_every_kind():
    assert set(OPTIMIZERS) == set(optimizer.names())


@pytest.mark.parametrize(("kind", "placement"), REFUSED)
def test_what_is_not_run_is_refused_before_ranks_start(kind, placement):
    """By the table that is looked up before anything is read, with the reason, and words to be without it."""
    run = from_mapping({
        "model": {"init": {"model_type": "llama"}, "tokenizer": "none"}, "data": ["rows.jsonl"],
        "optimizer": {"kind": kind}, "parallel": MESHES[PLACEMENTS[placement]],
    }).run  # fmt: skip
    with pytest.raises(ConfigError, match=f"optimizer: {kind}") as raised:
        check_combinations(run, chosen_of(run))
    assert raised.value.hint


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """What one process finds of a case, and every rank; the slow cases run apart."""
    folder = tmp_path_factory.mktemp("optimizers")

    @cache
    def alone(case: Case):
        return learned(case, folder)

    @cache
    def made(is_now: bool):
        cases = [case_of(*cell) for cell in GRID if (cell in NOW) == is_now]
        return on_their_ranks(all_of, cases, folder)

    return alone, made


@pytest.mark.ranks
@pytest.mark.parametrize(("kind", "placement"), some(GRID, NOW))
def test_an_optimizer_trains_as_on_one_process(kind, placement, ranks):
    alone, made = ranks
    case = case_of(kind, placement)
    figures, weights = alone(case.alone)
    limit = max(SINGLE.get(kind, LIMIT), SINGLE.get(placement, LIMIT))
    for found in made((kind, placement) in NOW)[ranks_of(case.mesh)]:
        assert not isinstance(found[case], str), found[case]
        told, whole = found[case]
        numbers, expected = (torch.tensor(one, dtype=torch.float64) for one in (told, figures))
        torch.testing.assert_close(numbers, expected, rtol=limit, atol=0)
        for name, tensor in whole.items():
            torch.testing.assert_close(tensor, weights[name], rtol=0, atol=100 * limit)

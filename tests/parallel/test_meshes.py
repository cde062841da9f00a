"""Any mesh gives the loss and gradient norm of one process (law 6), and its weights, over five steps.

Micro-batches are packed rows, several a step; the last step is a short one, of which a rank may have nothing.
"""

from __future__ import annotations

import traceback
from functools import cache, partial
from itertools import product

import pytest
import torch

from tests.exact import LIMIT
from tests.parallel.meshes import (
    LOSSES,
    MESHES,
    MODELS,
    SINGLE,
    Case,
    can_be,
    depth_of,
    learned,
    on_their_ranks,
    ranks_of,
    stored,
)
from tests.sweeps import some

pytestmark = pytest.mark.ranks
GRID = [Case(*case) for case in product(MODELS, LOSSES, MESHES) if can_be(case[0], case[2])]
# Each axis with each thing that it has to do with, once; the others are slow. `tied` learns by `sft` on copies, tensor
# and sequence in the tests of optimizers, which ask the same.
NOW = [
    Case("normed", "dpo", "context-2"), Case("lora", "sft", "zero-1"), Case("lora", "sft", "shard-tensor"),
    Case("window", "sft", "ring-2"), Case("moe", "sft", "expert-tensor"), Case("mla", "sft", "sequence-2"),
    Case("tied", "dpo", "pipeline-2"), Case("window", "sft", "zbv-2"),
]  # fmt: skip


def tried(learn, cases, folder):
    """What this rank finds of every case by `learn(case, folder)`, or how it failed."""
    found = {}
    for case in cases:
        try:
            found[case] = learn(case, folder)
        except Exception:  # the other cases still have their say
            found[case] = traceback.format_exc()
    return found


all_of = partial(tried, learned)


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """What one process finds of a model and a loss, and what every rank does of a case; the slow cases run apart."""
    folder = tmp_path_factory.mktemp("meshes")
    for layers in {depth_of(mesh) for mesh in MESHES}:
        stored(folder, layers)

    @cache
    def alone(case: Case):
        return learned(case, folder)

    @cache
    def made(is_now: bool):
        cases = [case for case in GRID if (case in NOW) == is_now]
        return on_their_ranks(all_of, cases, folder)

    return alone, made


@pytest.mark.parametrize("case", some(GRID, NOW), ids=lambda case: f"{case.model}-{case.loss}-{case.mesh}")
def test_a_mesh_learns_as_one_process_does(case, ranks):
    alone, made = ranks
    figures, weights = alone(case.alone)
    limit = SINGLE.get(case.model, LIMIT)
    for found in made(case in NOW)[ranks_of(case.mesh)]:
        assert not isinstance(found[case], str), found[case]
        told, whole = found[case]
        numbers, expected = (torch.tensor(one, dtype=torch.float64) for one in (told, figures))
        torch.testing.assert_close(numbers, expected, rtol=limit, atol=0)
        assert whole.keys() == weights.keys()
        for name, tensor in whole.items():
            torch.testing.assert_close(tensor, weights[name], rtol=0, atol=100 * limit)

"""A loss that is no number is traced to the rank and to the row that made it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.ranks import on_ranks
from tests.tiny import config
from whet.base.config import from_mapping
from whet.contracts.objective import LossParts
from whet.contracts.sample import Origin, Sample
from whet.data.order.collate import collate
from whet.kernels.layout import local
from whet.parallel.world import World
from whet.train.build import assemble
from whet.train.step.blame import Blame

LENGTHS = (3, 5, 4)
ALONE = World(torch.device("cpu"))


def batch():
    samples = [
        Sample(np.arange(1, n + 1, dtype=np.int32), np.ones(n, np.float32), origin=Origin("rows.jsonl", 10 + i))
        for i, n in enumerate(LENGTHS)
    ]
    return collate(samples)


def token_parts(broken: int | None) -> LossParts:
    """A loss for each trained token, of which one of sample `broken` is none."""
    values = torch.ones(sum(n - 1 for n in LENGTHS))
    if broken is not None:
        values[sum(n - 1 for n in LENGTHS[:broken])] = math.nan
    return LossParts("token", values)


def blamed(*parts: LossParts | None, sums: list[float], module=None) -> str | None:
    found = Blame()
    terms = [{"loss": torch.tensor(value)} for value in sums]
    found.look([batch() for _ in parts], terms, list(parts), module or torch.nn.Linear(1, 1))
    told = found.told(ALONE)
    assert found.told(ALONE) is None  # once
    return told


@pytest.mark.parametrize("row", range(3))
def test_the_one_row_that_is_to_blame_is_named(row):
    assert blamed(token_parts(row), sums=[math.nan]) == f"`loss` of rows.jsonl row {10 + row} is nan"


def test_the_micro_batch_is_named_where_there_are_several():
    told = blamed(token_parts(None), token_parts(2), sums=[1.0, math.inf])
    assert told == "`loss` of rows.jsonl row 12 is inf (micro-batch 2 of 2)"


def test_sequences_and_what_tells_no_parts():
    parts = LossParts("sequence", torch.tensor([1.0, math.inf, 1.0]))
    assert blamed(parts, sums=[math.inf]) == "`loss` of rows.jsonl row 11 is inf"
    assert blamed(None, sums=[math.nan]).startswith("`loss` of rows.jsonl row 10, rows.jsonl row 11, rows.jsonl row 12")


def test_where_every_loss_is_a_number_the_gradient_is_named():
    module = torch.nn.Linear(2, 2)
    module.weight.grad, module.bias.grad = torch.full((2, 2), math.inf), torch.ones(2)
    told = blamed(token_parts(None), sums=[1.0], module=module)
    assert told == "every loss is a number, and the gradient of `weight` is not"
    assert blamed(token_parts(None), sums=[1.0]) is None


def poisoned(folder) -> tuple[str, str | None]:
    """Train on two ranks; in the second step the first sample of rank 1 has a loss that is no number. How that ended,
    and what is then said of a weight of rank 1 that is none."""
    built = assemble(from_mapping(config(folder, name="poisoned", train={"steps": 4})))
    loop = built.loop
    if loop.world.index("all") == 1:
        inner = loop.executor.objective.__class__.__call__

        def call(objective, models, batch, statistics):
            terms = inner(objective, models, batch, statistics)
            if loop.progress.step == 1:
                broken = {name: total * math.nan for name, total in terms.sums.items()}
                values = terms.parts.values * torch.where(torch.arange(len(terms.parts.values)) == 0, math.nan, 1.0)
                return replace(terms, sums=broken, parts=terms.parts._replace(values=values))
            return terms

        loop.executor.objective.__class__.__call__ = call
    ended = loop.run()
    if loop.world.index("all") == 1:
        local(loop.executor.module.get_parameter("model.norm.weight").data)[0] = math.inf
    broken = loop._broken()
    built.close()
    return f"{ended.outcome} {ended.step}: {ended.reason}", broken


@pytest.mark.ranks
def test_the_rank_and_the_row_are_named_on_all_ranks(tmp_path):
    config(tmp_path)
    (one, broken), other = on_ranks(2, poisoned, tmp_path)
    assert (one, broken) == other
    assert broken == "the update of step 1 made 1 weights on rank 1, such as `model.norm.weight`, infinite or undefined"
    assert one.startswith("failed 1: loss nan and gradient norm nan are not finite")
    assert "on rank 1 `" in one and "on rank 0" not in one and "rows.jsonl row " in one

"""Measuring asks objectives what their samples look like, whoever wrote them, and needs no data for it."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType

import numpy as np
import pytest
import torch

from tests.tiny import config, conversations, write_rows
from whet.base.catalogue import objective
from whet.base.config import from_mapping
from whet.contracts.example import sample_of
from whet.contracts.objective import Terms, Traits, traits_of
from whet.data.order.collate import collate
from whet.train.build import assemble

IDS = np.arange(2, 42, dtype=np.int32)
# Those of samples without tokens, or drawn in a form, or with what is stored of a teacher, which add to an example.
OTHERS = {"classify", "mlm", "span-corruption", "distill"}


@pytest.mark.parametrize("name", sorted({*objective.names()} - OTHERS))
def test_every_objective_weighs_its_own_example(name):
    loss = objective.get(name).build()
    traits = traits_of(loss)
    sample = traits.example_of(traits.reading)(IDS)
    assert sample.ids.tolist() == IDS.tolist()
    weights = loss.weights(collate([sample, sample]))
    assert weights.keys() == loss.coefficients.keys() and all(weight > 0 for weight in weights.values())


class Weighed:
    """Somebody else's loss: next tokens, each times a number of its own and one of the sample."""

    coefficients = MappingProxyType({"loss": 1.0})
    traits = Traits(example=partial(sample_of, fields={"trust": 1.0}, values=("worth",)))

    def __init__(self):
        self.seen = []

    def weights(self, batch):
        return {"loss": float(batch.fields["trust"].sum())}

    def __call__(self, models, batch, statistics):
        self.seen.append(batch.num_tokens)
        worth = batch.trained.values["worth"][batch.trained.trained_at]
        logprobs = models.run(batch, frozenset({"logprobs"}))["logprobs"]
        return Terms({"loss": -(logprobs * (1 + worth)).sum()})


@pytest.fixture
def weighed():
    """The kind, and the one loss that it builds."""
    loss = Weighed()
    objective("weighed", takes=("conversation",))(lambda: loss)
    yield loss
    del objective._kinds["weighed"]


def test_somebody_elses_objective_is_measured_with_its_own_example(tmp_path, weighed):
    """No row of the data has the numbers that it reads, so that only its example can have been measured."""
    write_rows(tmp_path / "rows.jsonl", conversations(8))
    made = config(tmp_path, name="measured", objective="weighed", train={"batch_tokens": 1024, "micro_batch": "auto"})
    built = assemble(from_mapping(made))
    built.close()
    assert {64, 128} <= set(weighed.seen)  # the two sizes whose difference is what a token takes
    assert 128 <= built.loop.dealer.capacity <= 1024
    with pytest.raises(KeyError, match="trust"):
        built.loop.advance(built.loop.source.next(0))


@pytest.mark.parametrize("kind", ["sequence-classification", "embedding"])
def test_an_objective_of_texts_is_measured_without_its_rows(tmp_path, kind):
    """A stream has no rows yet when its micro-batch is measured."""
    row = {"query": "the red fox", "positive": "a fox that is red"}
    rows = [row if kind == "embedding" else {"text": f"fox {i}", "label": "good" if i % 2 else "bad"} for i in range(9)]
    rows = [row | {"query": f"the red fox {i}"} if kind == "embedding" else row for i, row in enumerate(rows)]
    given = {"kind": kind, **({"labels": ["bad", "good"]} if kind != "embedding" else {})}
    sections = {"data": {"train": [str(write_rows(tmp_path / "texts.jsonl", rows))], "streaming": True}}
    train = {"steps": 1, "batch_tokens": 512, "micro_batch": "auto"}
    built = assemble(from_mapping(config(tmp_path, name="texts", objective=given, train=train, **sections)))
    assert np.isfinite(built.loop.run().step) and built.loop.dealer.capacity > 0
    built.close()
    assert all(torch.isfinite(p).all() for p in built.loaded.module.parameters())

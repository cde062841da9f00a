"""Span corruption: what is hidden comes back whole, as much of it as asked, and by draws that splits do not change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.marked import bert_tokenizer, t5_tokenizer
from whet.base.errors import DataError, ModelError
from whet.contracts.rows import Text
from whet.contracts.sample import Origin, Sample
from whet.data.transforms.span_corruption import Denoiser, Spans, ul2

TOKENIZER = t5_tokenizer()
SENTINELS = [TOKENIZER.convert_tokens_to_ids(f"<extra_id_{number}>") for number in range(20)]
END = TOKENIZER.eos_token_id


def spans(*denoisers: Denoiser, seed: int = 0) -> Spans:
    return Spans.of(TOKENIZER, seed, denoisers=denoisers or (Denoiser(0.15, 3.0),))


def passage(length: int, row: int = 0) -> Sample:
    ids = (np.arange(length) * 7 + row) % 20 + 3
    return Sample(ids.astype(np.int32), np.ones(length, np.float32), origin=Origin("f", row))


def put_back(source: list[int], target: list[int]) -> list[int]:
    """The text, from a source and a target without their ends: each sentinel replaced by what the target has for it."""
    hidden: dict[int, list[int]] = {}
    for token in target:
        if token in SENTINELS:
            hidden[token] = []
        else:
            hidden[list(hidden)[-1]].append(token)
    return [t for token in source for t in (hidden[token] if token in SENTINELS else [token])]


@given(st.integers(1, 90), st.sampled_from([Denoiser(0.15, 3.0), Denoiser(0.9, 1.0), *ul2()]), st.integers(0, 5))
def test_source_and_target_together_are_the_passage(length, denoiser, passes):
    form = spans(denoiser)
    drawn = form.draw(passage(length), passes)
    source, target = drawn.ids.tolist(), drawn.streams["target"].ids.tolist()
    assert source[-1] == target[-1] == END
    assert put_back(source[:-1], target[:-1]) == passage(length).ids.tolist()
    used = [token for token in source if token in SENTINELS]
    assert used == SENTINELS[: len(used)] == [token for token in target if token in SENTINELS]
    hidden, count = denoiser.counts(length, len(SENTINELS))
    assert len(used) == count and len(target) == hidden + count + 1
    assert len(source) + len(target) == form.length(length) and drawn.streams["target"].weights.all()


def test_the_share_and_the_size_of_spans_are_those_asked():
    hidden, count = Denoiser(0.15, 3.0).counts(200, 100)
    assert (hidden, count) == (30, 10)
    drawn = spans(Denoiser(0.25, None)).draw(passage(80), 0)
    assert drawn.ids.tolist() == [*passage(80).ids[:60].tolist(), SENTINELS[0], END]


def test_every_place_is_hidden_as_often_as_another():
    form, seen = spans(), np.zeros(40)
    for row in range(1500):
        source = form.draw(Sample(np.arange(40, dtype=np.int32) + 1000, np.ones(40), origin=Origin("f", row)), 0).ids
        seen[np.setdiff1d(np.arange(40), source - 1000)] += 1
    inner = seen[8:32] / 1500
    assert abs(inner - inner.mean()).max() < 5 * (inner.mean() / 1500) ** 0.5


def test_another_pass_or_row_or_seed_hides_other_spans_and_the_same_hides_the_same():
    form, sample = spans(), passage(60)
    first = form.draw(sample, 0).ids.tolist()
    assert first == spans().draw(sample, 0).ids.tolist()
    moved = Sample(sample.ids, sample.weights, origin=Origin("/elsewhere/f", 0))
    assert first == form.draw(moved, 0).ids.tolist()
    others = [form.draw(sample, 1), form.draw(passage(60, row=20), 0), spans(seed=1).draw(sample, 0)]
    assert all(first != other.ids.tolist() for other in others)


def test_kinds_of_a_mixture_are_drawn_alike_and_told_by_their_mode():
    modes = (30, 31, 32)  # ids that stand for three tokens
    form = spans(*ul2(modes))
    firsts = [int(form.draw(passage(64, row), 0).ids[0]) for row in range(1400)]
    shares = [np.mean(np.array(firsts) == mode) for mode in modes]
    assert shares == pytest.approx([2 / 7, 1 / 7, 4 / 7], abs=0.05)


@pytest.mark.parametrize("denoisers", [(Denoiser(0.15, 3.0),), ul2(), (Denoiser(0.8, 1.0),)])
def test_passages_are_as_long_as_both_sides_have_room(denoisers):
    form = spans(*denoisers)
    recipe = form.recipe(frozenset({"text"}), 24, "auto", None)
    samples, _ = recipe("f", [(0, Text("tree oak bird song " * 30))])
    drawn = [form.draw(sample, passes) for sample in samples for passes in range(8)]
    longest = max(max(len(d.ids), len(d.streams["target"].ids)) for d in drawn)
    assert longest <= 24
    if len(denoisers) == 1:
        assert longest >= 23
    assert sum(len(sample.ids) for sample in samples) == 120


def test_an_example_has_about_as_many_tokens_as_asked():
    for form in (spans(), spans(*ul2())):
        assert 195 <= form.example(np.arange(200, dtype=np.int32)).num_tokens <= 200


def test_what_is_missing_is_said():
    with pytest.raises(ModelError, match="hides spans behind sentinels .* has none"):
        Spans.of(bert_tokenizer(), 0, denoisers=ul2())
    with pytest.raises(DataError, match="the model names no limit"):
        spans().recipe(frozenset({"text"}), None, "auto", None)
    with pytest.raises(DataError, match="has no room for two tokens"):
        spans().recipe(frozenset({"text"}), 2, "auto", None)

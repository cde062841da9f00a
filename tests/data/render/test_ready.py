"""Samples that a format has made: learned from as they are, or refused with what is wrong with them."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.data.conversations import CHATML, make_tokenizer
from tests.data.words import WordRenderer
from whet.base.catalogue import data_format
from whet.base.errors import DataError
from whet.contracts.rows import Ready, Text
from whet.contracts.sample import Media, Origin, Sample
from whet.data.inspect import inspect
from whet.data.render.ready import ready
from whet.data.render.recipe import Recipe
from whet.data.render.renderer import Renderer
from whet.data.sources.files import Source

IMAGE = Media("image", "a.png", (1, 3), (1, 2, 1), np.arange(6, dtype=np.uint8).reshape(2, 3))
GOOD = Sample(
    np.array([5, 1, 1, 7], np.int32), np.array([0, 0, 0, 2], np.float32), {"trust": 0.5},
    positions=np.arange(12, dtype=np.int32).reshape(3, 4), media=(IMAGE,),
)  # fmt: skip
TAKES = frozenset({"sample", "text"})


def test_a_sample_is_learned_from_as_it_is_among_rows_of_words():
    rows = list(enumerate([Text("x y"), Ready(GOOD), Text("z w")]))
    samples, entries = Recipe(WordRenderer(), TAKES)("a.jsonl", rows)
    assert not entries and [sample.origin for sample in samples] == [Origin("a.jsonl", n) for n in range(3)]
    found = samples[1]
    assert found.ids is GOOD.ids and found.positions is GOOD.positions and found.media == GOOD.media
    assert found.weights.tolist() == [0, 0, 0, 2] and found.fields == {"trust": 0.5}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"ids": np.zeros((2, 2), np.int32)}, "`ids` have the shape (2, 2)"),
        ({"ids": np.array([5.5, 1, 1, 7])}, "not all numbers of tokens"),
        ({"ids": np.array([5, -1, 1, 7])}, "not all numbers of tokens"),
        ({"ids": np.array([5, 2**32 + 1, 1, 7])}, "not all numbers of tokens"),
        ({"weights": np.array([0, 0, np.nan, 1])}, "`weights` are not all finite"),
        ({"weights": [1, 1]}, "`weights` has the shape (2,)"),
        ({"targets": np.zeros(3)}, "`targets` has the shape (3,)"),
        ({"values": {"old": np.zeros(5)}}, "`old` has the shape (5,)"),
        ({"positions": np.zeros(4)}, "`positions` have the shape (4,)"),
        ({"positions": np.zeros((3, 5))}, "`positions` have the shape (3, 5)"),
        ({"cuts": (3, 1)}, "`cuts` (3, 1)"),
        ({"cuts": (4,)}, "`cuts` (4,)"),
        ({"media": (replace(IMAGE, span=(3, 5)),)}, "the image a.png stands at (3, 5)"),
        ({"media": (replace(IMAGE, span=(2, 2)),)}, "the image a.png stands at (2, 2)"),
        ({"cuts": (2,)}, "the image a.png stands at (1, 3)"),
        ({"streams": {"beside": Sample(np.zeros(2, np.int32), np.zeros(3))}}, "`weights` has the shape (3,)"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes, told):
    refused = ready(Ready(replace(GOOD, **changes)), Origin("a", 0))
    assert refused.reason == "bad_sample" and told in refused.detail


def test_a_sample_with_nothing_to_train_is_refused_and_one_in_place_may_train_its_first_token():
    first = replace(GOOD, weights=[1.0, 0, 0, 0])
    assert ready(Ready(first), Origin("a", 0)).reason == "nothing_to_train"
    assert ready(Ready(replace(first, is_in_place=True)), Origin("a", 0)).weights.dtype == np.float32


def test_a_long_sample_is_an_error_or_cut_and_never_through_its_image():
    with pytest.raises(DataError, match="4 tokens, and 3 are allowed"):
        Recipe(None, TAKES, 3)("a", [(0, Ready(GOOD))])
    whole = replace(GOOD, weights=[0, 0, 1, 1])
    [cut], [entry] = Recipe(None, TAKES, 3, "cut")("a", [(0, Ready(whole))])
    assert cut.ids.tolist() == [5, 1, 1] and cut.positions.tolist() == GOOD.positions[:, :3].tolist()
    assert cut.media == (IMAGE,) and entry.action == "truncated"
    with pytest.raises(DataError, match="a cut goes through the image a.png"):
        Recipe(None, TAKES, 2, "cut")("a", [(0, Ready(replace(GOOD, weights=[0, 1, 1, 1])))])


def test_inspect_shows_where_an_image_stands(tmp_path, monkeypatch):
    monkeypatch.setattr(data_format, "_kinds", dict(data_format._kinds))

    @data_format("shown_sample", matches=lambda row: "shown" in row, priority=99, columns=("shown",))
    def shown_sample(row):
        """A sample of this test."""
        return Ready(replace(GOOD, weights=row["shown"]))

    rows = [{"shown": [0, 0, 0, 2]}, {"shown": [0, 0]}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    seen = inspect(replace(Source.parse("a.jsonl", tmp_path), format="shown_sample"), Renderer(make_tokenizer(CHATML)))
    assert [(token.id, token.role, token.weight) for token in seen.shown[0].tokens] == [
        (5, "text", 0), (1, "image", 0), (1, "image", 0), (7, "text", 2)
    ]  # fmt: skip
    assert [number for number, _ in seen.refused["bad_sample"]] == [1] and seen.kinds == {"sample": 2}

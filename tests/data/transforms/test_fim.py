"""Fill-in-the-middle: what was cut comes together again, by character where the text allows it, seeded by sample."""

from __future__ import annotations

import numpy as np
import pytest

from tests.tiny import sentence, tokenizer
from whet.base.errors import ModelError
from whet.contracts.rows import Text
from whet.contracts.sample import Origin, Sample
from whet.data.render.recipe import Recipe
from whet.data.render.renderer import Renderer
from whet.data.transforms.fim import FillIn

TOKENS = ["<fim_prefix>", "<fim_suffix>", "<fim_middle>"]


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    from transformers import AutoTokenizer

    found = AutoTokenizer.from_pretrained(tokenizer(tmp_path_factory.mktemp("tokenizer")))
    found.add_tokens(TOKENS, special_tokens=True)
    return found


def parts(sample, fill_in):
    """(suffix first?, prefix, suffix, middle) of a rearranged sample; with SPM the middle holds the prefix too."""
    ids = sample.ids.tolist()
    assert ids[-1] == fill_in.end
    before, after, between = (ids.index(token) for token in fill_in.sentinels)
    if after == before + 1:
        return True, [], ids[after + 1 : between], ids[between + 1 : -1]
    return False, ids[before + 1 : after], ids[after + 1 : between], ids[between + 1 : -1]


def of(number):
    return f"{number} {sentence(number, 12)}"


def rows(count):
    return [(i, Text(of(i))) for i in range(count)]


def recipe(words, limit=None, **settings):
    fill_in = FillIn.of(words, (), **{"rate": 0.5, "spm": 0.5, "seed": 0, **settings})
    return Recipe(Renderer(words, fill_in=fill_in), frozenset({"text"}), limit), fill_in


def test_a_share_is_rearranged_and_nothing_is_lost(words):
    make, fill_in = recipe(words)
    samples, _ = make("rows", rows(400))
    moved = [s for s in samples if fill_in.sentinels[0] in s.ids]
    assert 0.4 < len(moved) / len(samples) < 0.6
    orders, split_words = [], 0
    for sample in moved:
        is_spm, prefix, suffix, middle = parts(sample, fill_in)
        orders.append(is_spm)
        text = words.decode([*prefix, *middle]) + words.decode(suffix)
        assert text == of(sample.origin.row)
        whole = words.encode(text, add_special_tokens=False)
        split_words += sorted([*prefix, *middle, *suffix]) != sorted(whole)
        assert (sample.weights[1:] == 1).all()
    assert 0.35 < np.mean(orders) < 0.65 and split_words > len(moved) / 3
    plain = Recipe(Renderer(words), frozenset({"text"}))("rows", rows(400))[0]
    for sample, same in zip(samples, plain, strict=True):
        assert fill_in.sentinels[0] in sample.ids or sample.ids.tolist() == same.ids.tolist()


def test_draws_depend_on_the_seed_and_the_sample_alone(words):
    make, _ = recipe(words)
    forward, _ = make("rows", rows(40))
    backward, _ = make("elsewhere", rows(40)[::-1])
    assert [s.ids.tolist() for s in forward] == [s.ids.tolist() for s in backward[::-1]]
    other, _ = recipe(words, seed=1)
    assert [s.ids.tolist() for s in other("rows", rows(40))[0]] != [s.ids.tolist() for s in forward]
    assert other.key != make.key != Recipe(Renderer(words), frozenset({"text"})).key


@pytest.mark.parametrize("spm", [0.0, 1.0])
def test_pieces_of_a_long_document_stay_within_the_limit_and_hold_every_token_once(words, spm):
    make, fill_in = recipe(words, 24, rate=1.0, spm=spm)
    samples, _ = make("rows", [(0, Text(sentence(3, 200)))])
    assert all(len(s.ids) <= 24 for s in samples) and len(samples) > 5
    text = ""
    for sample in samples:
        is_spm, prefix, suffix, middle = parts(sample, fill_in)
        assert is_spm == bool(spm)
        text += words.decode([*prefix, *middle, *suffix])
    assert text.replace(" ", "") == sentence(3, 200).replace(" ", "")


def test_a_piece_that_is_no_whole_text_is_cut_among_its_tokens(words):
    """Its first token is the second half of a character."""
    ids = words.encode("ü over the old oak trees", add_special_tokens=False)[1:]
    fill_in = FillIn.of(words, TOKENS, rate=1.0, spm=0.0, seed=0)
    sample = Sample(np.array(ids, np.int32), np.ones(len(ids), np.float32), origin=Origin("rows", 0))
    _, prefix, suffix, middle = parts(fill_in(sample, None), fill_in)
    assert [*prefix, *middle, *suffix] == ids


def test_a_document_with_sentinels_in_it_stays_as_it_is(words):
    make, fill_in = recipe(words, rate=1.0)
    samples, _ = make("rows", [(0, Text("the owl <fim_suffix> the fox"))])
    assert samples[0].ids.tolist().count(fill_in.sentinels[1]) == 1 and fill_in.sentinels[0] not in samples[0].ids


def test_sentinels_are_found_by_kind_or_name_and_missing_ones_are_named(tmp_path):
    from transformers import AutoTokenizer

    plain = AutoTokenizer.from_pretrained(tokenizer(tmp_path / "plain"))
    settings = {"rate": 0.5, "spm": 0.5, "seed": 0}
    with pytest.raises(ModelError, match="no tokens to fill in with, such as <fim_prefix>") as error:
        FillIn.of(plain, (), **settings)
    assert "model.new_tokens=[<fim_prefix>,<fim_suffix>,<fim_middle>]" in error.value.hint
    with pytest.raises(ModelError, match="no token '<x>'"):
        FillIn.of(plain, ("<x>", "<y>", "<z>"), **settings)
    plain.add_tokens(["▁<PRE>", "▁<SUF>", "▁<MID>", "<x>"])
    assert FillIn.of(plain, (), **settings).sentinels == tuple(
        plain.convert_tokens_to_ids(["▁<PRE>", "▁<SUF>", "▁<MID>"])
    )
    assert FillIn.of(plain, ("<x>", "a", "b"), **settings).sentinels[0] == plain.convert_tokens_to_ids("<x>")
    plain.eos_token = None
    with pytest.raises(ModelError, match="no end-of-text token"):
        FillIn.of(plain, ("<x>", "a", "b"), **settings)

"""Groups: what a pair becomes, in the table, in a batch, and when it is too long."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.tiny import tokenizer as write_tokenizer
from whet.base.errors import DataError
from whet.contracts.rows import Labelled, Preference
from whet.contracts.sample import Sample
from whet.data.order.collate import collate
from whet.data.render.branches import separate
from whet.data.render.recipe import Recipe
from whet.data.render.renderer import Renderer
from whet.data.store.table import SampleTable

PAIR = Preference(
    [{"role": "user", "content": "the old owl"}],
    [{"role": "assistant", "content": "the quick fox"}],
    [{"role": "assistant", "content": "the lazy dog jumps"}],
)


@pytest.fixture(scope="module")
def renderer(tmp_path_factory):
    from transformers import AutoTokenizer

    folder = write_tokenizer(tmp_path_factory.mktemp("tokenizer"))
    return Renderer(AutoTokenizer.from_pretrained(folder))


def texts(renderer, sample, branch):
    """What a branch reads as, and what of it is trained."""
    whole = separate(sample)[branch]
    shown = renderer.token_texts(whole.ids.tolist())
    return "".join(shown), "".join(t for t, w in zip(shown, whole.weights, strict=True) if w)


def recipe(renderer, **settings):
    return Recipe(renderer, settings.pop("takes", frozenset({"preference"})), **settings)


def test_each_reply_reads_as_a_conversation_of_its_own_and_is_trained_alone(renderer):
    [sample], entries = recipe(renderer)("rows", [(0, PAIR)])
    chat = "<|im_start|>user\nthe old owl<|im_end|>\n<|im_start|>assistant\n{}<|im_end|>"
    for branch, said in enumerate(("the quick fox", "the lazy dog jumps")):
        assert texts(renderer, sample, branch) == (chat.format(said), f"{said}<|im_end|>")
    assert not entries and len(sample.cuts) == 2
    prompt = renderer.token_texts(sample.ids[: sample.cuts[0]].tolist())
    assert "".join(prompt) == "<|im_start|>user\nthe old owl<|im_end|>\n<|im_start|>assistant"


def test_replies_that_begin_alike_share_no_trained_token(renderer):
    """Both begin with `the`, which is trained in both, so it stands in both."""
    [sample], _ = recipe(renderer)("rows", [(0, PAIR)])
    assert all(sample.weights[: sample.cuts[0]] == 0)
    assert all(sample.ids[cut] == sample.ids[sample.cuts[0]] for cut in sample.cuts)


def test_a_labelled_reply_is_the_last_one_and_keeps_its_label(renderer):
    turns = [("user", "owl"), ("assistant", "the fox"), ("user", "dog"), ("assistant", "the trees")]
    messages = [{"role": role, "content": content} for role, content in turns]
    take = recipe(renderer, takes=frozenset({"preference", "labelled"}))
    [sample, good, bad], _ = take("rows", [(0, Labelled(messages, False)), (1, PAIR)])
    assert texts(renderer, sample, 0)[1] == "the trees<|im_end|>"
    assert sample.fields == {"label": 0} and sample.cuts == ()
    assert [s.fields["label"] for s in (good, bad)] == [1, 0]
    assert texts(renderer, bad, 0)[1] == "the lazy dog jumps<|im_end|>"


def test_a_pair_is_cut_where_its_longest_reply_ends(renderer):
    [whole], _ = recipe(renderer)("rows", [(0, PAIR)])
    limit = whole.longest - 1
    [cut], [entry] = recipe(renderer, max_length=limit, truncation="cut")("rows", [(0, PAIR)])
    assert cut.longest == limit and entry.action == "truncated"
    chosen, rejected = separate(whole)
    np.testing.assert_array_equal(separate(cut)[0].ids, chosen.ids[:limit])
    np.testing.assert_array_equal(separate(cut)[1].ids, rejected.ids[:limit])
    with pytest.raises(DataError, match=f"{whole.longest} tokens"):
        recipe(renderer, max_length=limit, truncation="error")("rows", [(0, PAIR)])
    shared = whole.cuts[0]
    _, [entry] = recipe(renderer, max_length=shared + 1, truncation="cut")("rows", [(0, PAIR)])
    assert (entry.action, entry.reason) == ("skipped", "nothing_left")


groups = st.lists(
    st.tuples(st.integers(0, 4), st.lists(st.integers(1, 5), min_size=0, max_size=3)).filter(lambda g: g[0] or g[1]),
    min_size=1,
    max_size=5,
)


def sample_of(number, shape):
    shared, branches = shape
    length = shared + sum(branches)
    cuts = tuple((shared + np.cumsum([0, *branches[:-1]])).tolist()) if branches else ()
    ids = np.arange(1, length + 1, dtype=np.int32) + 100 * number
    weights = np.array([i % 2 for i in range(length)], np.float32)
    weights[: shared if cuts else 0] = 0
    weights[list(cuts)] = 0
    return Sample(ids, weights, {"score": np.arange(len(branches)) * 1.0 if branches else 0.0}, None, cuts)


@given(groups)
def test_a_table_gives_back_its_groups(shapes):
    samples = [sample_of(i, shape) for i, shape in enumerate(shapes)]
    samples = [Sample(s.ids, s.weights, {}, None, s.cuts) for s in samples]
    table = SampleTable.of(samples)
    for index, sample in enumerate(samples):
        found = table.sample(index, "rows")
        assert found.cuts == sample.cuts
        np.testing.assert_array_equal(found.ids, sample.ids)


@given(groups)
def test_a_batch_holds_every_branch_at_its_place_shared_or_not(shapes):
    samples = [sample_of(i, shape) for i, shape in enumerate(shapes)]
    shared, whole = collate(samples), collate(samples, shared=False)
    rows = [row for sample in samples for row in separate(sample)]
    assert shared.num_samples == whole.num_samples == len(rows) == len(shared.fields["score"])
    beginnings = {segment.prefix for segment in shared.text.segments}
    own = [s for i, s in enumerate(shared.text.segments) if i not in beginnings]
    for row, branch, segment in zip(rows, own, whole.text.segments, strict=True):
        before = shared.text.segments[branch.prefix] if branch.prefix >= 0 else branch._replace(end=branch.start)
        for stream, spans in ((shared.text, (before, branch)), (whole.text, (segment,))):
            at = torch.cat([torch.arange(s.start, s.end) for s in spans])
            assert stream.ids[at].tolist() == row.ids.tolist()
            assert stream.positions[at].tolist() == list(range(row.num_tokens))
            assert stream.weights[at][:-1].tolist() == row.weights[1:].tolist() and stream.weights[at][-1] == 0
    if any(sample.cuts for sample in samples):
        counts = [len(sample.cuts) or 1 for sample in samples]
        assert torch.bincount(shared.fields["group"]).tolist() == counts

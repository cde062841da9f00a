"""Sides: what an encoder reads and a decoder writes, with the tokenizer's own call as the oracle."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from tests.marked import t5_tokenizer
from whet.contracts.rows import Completion, Conversation, Text
from whet.data.refusal import Refused
from whet.data.render.seq2seq import Pairing
from whet.data.render.seq2seq_texts import SideRenderer
from whet.data.store.table import SampleTable

TOKENIZER = t5_tokenizer()
RENDERER = SideRenderer(TOKENIZER)


def conversation(*contents: str, system: str | None = None, **rest) -> Conversation:
    roles = ["user", "assistant"] * len(contents)
    messages = [{"role": role, "content": content} for role, content in zip(roles, contents, strict=False)]
    first = [{"role": "system", "content": system}] if system else []
    return Conversation([*first, *messages], **rest)


def test_a_completion_has_the_tokens_that_the_tokenizer_gives_each_side():
    [found] = RENDERER.sides([Completion("tree oak bird", "song river")])
    own = TOKENIZER("tree oak bird", text_target="song river")
    assert found.source.tolist() == own["input_ids"]
    assert found.target.tolist() == own["labels"]
    assert found.weights.tolist() == [1, 1, 1]


def test_a_conversation_is_its_system_message_and_question_and_the_reply():
    [found] = RENDERER.sides([conversation("oak", "song", system="tree")])
    assert found.source.tolist() == TOKENIZER("tree\n\noak")["input_ids"]
    assert found.target.tolist() == TOKENIZER("song")["input_ids"]


def test_a_special_token_that_somebody_wrote_is_text_in_conversations_alone():
    said, given = "oak </s> <extra_id_0>", {TOKENIZER.eos_token_id, TOKENIZER.convert_tokens_to_ids("<extra_id_0>")}
    talked, completed = RENDERER.sides([conversation(said, said), Completion(said, said)])
    assert not given & {*talked.source[:-1].tolist(), *talked.target[:-1].tolist()}
    assert given <= {*completed.source[:-1].tolist()} & {*completed.target[:-1].tolist()}


def test_weights_of_messages_and_patterns_multiply():
    messages = [{"role": "user", "content": "oak"}, {"role": "assistant", "content": "song tree bird", "weight": 0.5}]
    [found] = SideRenderer(TOKENIZER, scale={"tree": 4.0}).sides([Conversation(messages)])
    assert found.weights.tolist() == [0.5, 2.0, 0.5, 0.5]


@pytest.mark.parametrize(
    "row, reason",
    [
        (conversation("oak", "song", "tree", "bird"), "turns"),
        (conversation("oak"), "turns"),
        (conversation("oak", "song", tools=[{"type": "function"}]), "turns"),
        (Conversation([{"role": "user", "content": "oak"}, {"role": "assistant", "content": "oak", "weight": 0}]),
         "nothing_to_train"),
        (Text("oak"), "kind"),
    ],
)  # fmt: skip
def test_what_has_no_two_sides_is_refused(row, reason):
    [found] = RENDERER.sides([row])
    assert isinstance(found, Refused) and found.reason == reason


def test_it_pickles_and_its_fingerprint_follows_what_decides_the_tokens():
    again = pickle.loads(pickle.dumps(RENDERER))
    assert again.fingerprint == RENDERER.fingerprint != SideRenderer(TOKENIZER, scale={"a": 2.0}).fingerprint
    assert again.sides([Completion("oak", "song")])[0].target.tolist() == [4, 6, 1][1:]


def test_roles_are_shown():
    [found] = RENDERER.render([Completion("oak", "song tree")])
    assert found.roles == ("source", "source", "target", "target", "end")
    assert found.weights.tolist() == [0, 0, 1, 1, 1]


def recipe(limit=6, truncation="auto"):
    return Pairing(RENDERER).recipe(frozenset({"completion", "conversation", "text"}), limit, truncation, None)


LONG = Completion("tree oak bird song river stone dog", "cat walk sing over under and the")


def test_a_cut_source_is_still_framed_and_a_cut_target_does_not_end():
    [sample], [entry] = recipe(truncation="cut")("f", [(3, LONG)])
    drawn = Pairing(RENDERER).draw(sample, 0)
    whole = TOKENIZER(LONG.prompt, text_target=LONG.completion)
    assert drawn.ids.tolist() == [*whole["input_ids"][:5], TOKENIZER.eos_token_id]
    assert drawn.streams["target"].ids.tolist() == whole["labels"][:6]
    assert (entry.action, entry.reason) == ("truncated", "too_long")


def test_a_long_row_is_skipped_or_an_error():
    from whet.base.errors import DataError

    samples, [entry] = recipe(truncation="skip")("f", [(3, LONG)])
    assert not samples and entry.reason == "too_long"
    with pytest.raises(DataError, match="has 8 tokens, and 6 are"):
        recipe()("f", [(3, LONG)])
    with pytest.raises(DataError, match="raw text"):
        recipe()("f", [(0, Text("oak"))])


def test_a_row_is_stored_as_source_and_target():
    """It comes back from a table with both sides, and counts the tokens of both, and those trained of the target."""
    [sides] = RENDERER.sides([Completion("oak tree", "song")])
    [sample], _ = recipe()("f", [(0, Completion("oak tree", "song"))])
    table = SampleTable.of([sample])
    drawn = Pairing(RENDERER).draw(table.sample(0, "f"), 5)
    assert table.lengths.tolist() == [drawn.num_tokens] == [len(sides.source) + len(sides.target)]
    assert table.trained.tolist() == [np.count_nonzero(sides.weights)]
    assert np.array_equal(drawn.ids, sides.source) and np.array_equal(drawn.streams["target"].ids, sides.target)
    assert np.array_equal(drawn.streams["target"].weights, sides.weights)
    assert not drawn.weights.any() and drawn.kind == "bidirectional"

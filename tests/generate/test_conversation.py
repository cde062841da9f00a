"""Conversations: history, what fits into the context, thinking apart from the answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.generate import tiny
from whet.base.errors import ModelError
from whet.contracts.model import Capabilities, Loaded
from whet.generate.conversation import Conversation, fitted
from whet.generate.engines.local import local
from whet.generate.prompts import prompt_ids
from whet.generate.protocol import GenerateSettings
from whet.generate.thinking import ThinkingSplit

SETTINGS = GenerateSettings(max_new_tokens=12, temperature=1.0, seed=1)


def conversation(**changes):
    engine = local(Loaded(tiny.module(), tiny.tokenizer(), Capabilities(context=128), None, {}))
    return Conversation(engine, tiny.tokenizer(), SETTINGS, **{"context": 128, **changes})


def said(talk, text):
    return "".join(piece.text for piece in talk.ask(text))


def test_the_next_answer_depends_on_what_was_said():
    fresh, talk = conversation(), conversation()
    first = said(talk, "hello")
    assert [m["role"] for m in talk.messages] == ["user", "assistant"] and talk.messages[1]["content"] == first
    again = said(talk, "hello")
    assert first == said(fresh, "hello")
    fresh.reset()
    assert said(fresh, "hello") != again
    assert len(talk.messages) == 4 and len(fresh.messages) == 2


def test_a_stopped_answer_stays_in_the_history_as_far_as_it_came():
    talk = conversation()
    pieces = talk.ask("hello")
    heard = next(pieces).text + next(pieces).text
    pieces.close()
    assert talk.messages[-1] == {"role": "assistant", "content": heard}
    said(talk, "and then?")
    assert [m["role"] for m in talk.messages] == ["user", "assistant"] * 2


def test_the_oldest_turns_go_when_the_context_is_full_and_the_system_message_stays():
    talk = conversation(system="be kind")
    dropped = 0
    for number in range(5):
        said(talk, f"question number {number}")
        dropped += talk.num_dropped
        assert talk.messages[0] == {"role": "system", "content": "be kind"}
        assert talk.messages[-2]["content"] == f"question number {number}"
    assert dropped > 0 and dropped + len(talk.messages) - 1 == 10
    assert [m["role"] for m in talk.messages[1:]] == ["user", "assistant"] * ((len(talk.messages) - 1) // 2)


@given(room=st.integers(1, 200), lengths=st.lists(st.integers(1, 12), min_size=1, max_size=5))
def test_what_is_kept_fits_and_no_more_is_dropped_than_must_be(room, lengths):
    tok = tiny.tokenizer()
    roles = ["user", "assistant"] * len(lengths)
    messages = [{"role": role, "content": "hi " * n} for role, n in zip(roles, [*lengths, *lengths], strict=True)][:-1]
    sizes = [len(prompt_ids(tok, messages[start:])) for start in range(0, len(messages), 2)]
    if min(sizes) > room:
        with pytest.raises(ModelError, match=f"{sizes[-1]} tokens .* room for {room}"):
            fitted(tok, messages, room)
    else:
        kept, dropped = fitted(tok, messages, room)
        assert dropped == 2 * next(i for i, size in enumerate(sizes) if size <= room)
        assert kept == messages[dropped:]


def test_a_message_that_is_too_long_leaves_the_history_as_it_was():
    talk = conversation()
    said(talk, "hello")
    before = list(talk.messages)
    with pytest.raises(ModelError, match="the last message alone"):
        said(talk, "word " * 300)
    assert talk.messages == before and said(talk, "hello again")


def test_without_a_template_every_text_stands_alone():
    talk = conversation(uses_template=False)
    said(talk, "The quick")
    assert talk.messages == []


@given(
    parts=st.lists(st.sampled_from(["a", "<", "<th", "ink>", "</", "think>", "</think>", "<think>", " "]), max_size=9)
)
def test_thinking_is_told_apart_however_the_text_is_cut(parts):
    def parted(texts):
        split = ThinkingSplit()
        found = [part for text in texts for part in split.push(text)] + list(split.flush())
        return ["".join(t for t, is_thinking in found if is_thinking == which) for which in (True, False)]

    whole = "".join(parts)
    assert parted(parts) == parted([whole]) == parted(list(whole))
    if "<" not in whole:
        assert parted(parts) == ["", whole]


def test_thinking_may_have_begun_in_the_prompt():
    split = ThinkingSplit(is_thinking=True)
    assert [*split.push("hm, 4</thi"), *split.push("nk>four")] == [("hm, 4", True), ("four", False)]

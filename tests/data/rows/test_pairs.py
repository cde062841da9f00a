"""Pairs, marked replies and transcripts: every spelling is the same row, and what both sides have is said once."""

import pytest

from tests.data.rows.spelled import ANOTHER, ASKED, MESSAGES, SHAREGPT, read, said
from whet.contracts.rows import (
    Conversation,
    Labelled,
    Preference,
    Text,
)
from whet.data.refusal import Refused
from whet.data.rows.detect import Detector


@pytest.mark.parametrize(
    "row",
    [
        {"conversations": SHAREGPT[:1], "chosen": SHAREGPT[1], "rejected": {"from": "gpt", "value": "c"}},
        {"prompt": "a", "chosen": "b", "rejected": "c"},
        {"prompt": MESSAGES[:1], "chosen": MESSAGES[1:], "rejected": [{"role": "assistant", "content": "c"}]},
        {"chosen": MESSAGES, "rejected": [MESSAGES[0], {"role": "assistant", "content": "c"}]},
        {"instruction": "a", "input": "", "chosen": "b", "rejected": "c", "output": "unused"},
        {"prompt": MESSAGES[:1], "chosen": MESSAGES, "rejected": [MESSAGES[0], {"role": "assistant", "content": "c"}]},
        {"chosen": "\n\nHuman: a\n\nAssistant: b", "rejected": "\n\nHuman: a\n\nAssistant: c"},
        {
            "input": {"messages": MESSAGES[:1]},
            "preferred_output": MESSAGES[1:],
            "non_preferred_output": [{"role": "assistant", "content": "c"}],
        },
    ],
)
def test_every_spelling_of_a_preference_is_the_same(row):
    assert read(row) == Preference([MESSAGES[0]], [MESSAGES[1]], [{"role": "assistant", "content": "c"}])


def test_a_transcript_is_cut_at_its_speakers_and_must_end_with_a_reply():
    start = "\n\nHuman: Who?\n\nAssistant: I. Human: no speaker here\n\nHuman: And\n\nthen?\n\nAssistant:"
    row = read({"chosen": f"{start} Yes.", "rejected": f"{start} No.\n\nReally."})
    said = ["Who?", "I. Human: no speaker here", "And\n\nthen?"]
    assert [m["content"] for m in row.prompt] == said
    assert (row.chosen[0]["content"], row.rejected[0]["content"]) == ("Yes.", "No.\n\nReally.")
    assert read({"chosen": f"{start} Yes.\n\nHuman: ok", "rejected": f"{start} No."}).reason == "bad_row"


@pytest.mark.parametrize("columns", [{"margin": 1.5}, {"margin": "1.5"}, {"score_chosen": 4, "score_rejected": 2.5}])
def test_a_pair_may_say_by_how_much(columns):
    pair = {"prompt": "a", "chosen": "b", "rejected": "c"}
    assert read({**pair, **columns}).margin == 1.5 and read(pair).margin is None
    assert read({**pair, "margin": "much"}).reason == "bad_row"


def test_a_pair_without_a_difference_is_refused():
    assert read({"prompt": "a", "chosen": "b", "rejected": "b"}).reason == "bad_row"


@pytest.mark.parametrize(
    "row",
    [
        {"messages": MESSAGES, "label": True},
        {"messages": MESSAGES, "kto_tag": "true"},
        {"prompt": "a", "completion": "b", "label": 1},
    ],
)
def test_every_spelling_of_a_labelled_reply_is_the_same(row):
    assert read(row) == Labelled(MESSAGES, True)


def test_columns_of_pairs_that_are_both_empty_are_those_of_another_format():
    assert isinstance(read({"messages": MESSAGES, "chosen": None, "rejected": None}), Conversation)


SAID_TWICE = [  # prompt, reply, and what both together say, once
    ("a", [{"role": "system", "content": "s"}, *MESSAGES], [("system", "s"), *ASKED]),
    ("a ", MESSAGES, ASKED),
    ("a", [MESSAGES[1]], ASKED),
    ([{"role": "system", "content": "s"}, MESSAGES[0]], MESSAGES, [("system", "s"), *ASKED]),
    ([{"role": "system", "content": "s"}], MESSAGES, [("system", "s"), *ASKED]),
    ([*MESSAGES, {"role": "user", "content": "c"}], [{"role": "user", "content": "c"}, MESSAGES[1]],
     [*ASKED, ("user", "c"), ("assistant", "b")]),
]  # fmt: skip


@pytest.mark.case("A4")
@pytest.mark.parametrize(("prompt", "reply", "once"), SAID_TWICE)
def test_what_a_prompt_and_a_reply_both_have_is_said_once(prompt, reply, once):
    pair = read({"prompt": prompt, "chosen": reply, "rejected": [*reply[:-1], ANOTHER]})
    assert [(m["role"], m["content"]) for m in [*pair.prompt, *pair.chosen]] == once
    assert len(pair.chosen) == len(pair.rejected) == 1 and pair.rejected[0]["content"] == "another"
    marked = read({"prompt": prompt, "completion": reply, "label": True})
    assert [(m["role"], m["content"]) for m in marked.messages] == once
    whole = read({"prompt": prompt, "completion": reply})
    assert [(m["role"], m["content"]) for m in whole.messages] == once
    assert [m.get("weight", 1) for m in whole.messages] == [0] * (len(once) - 1) + [1]


@pytest.mark.case("A4")
@pytest.mark.parametrize(
    ("prompt", "reply"),
    [
        ("a", [{"role": "user", "content": "another question"}, MESSAGES[1]]),
        ("a", [{"role": "system", "content": "s"}, MESSAGES[1]]),
        (MESSAGES, [MESSAGES[1], MESSAGES[0], MESSAGES[1]][:1] * 2),
        ("a", [MESSAGES[0]]),
    ],
)
def test_a_reply_that_does_not_begin_with_the_assistant_is_refused(prompt, reply):
    for columns in (
        {"chosen": reply, "rejected": [ANOTHER]},
        {"completion": reply, "label": False},
        {"completion": reply},
    ):
        refused = read({"prompt": prompt, **columns})
        assert isinstance(refused, Refused) and refused.hint


@pytest.mark.case("A4")
def test_two_sides_that_answer_different_prompts_are_no_pair():
    system = [{"role": "system", "content": "s"}]
    other = [{"role": "user", "content": "else"}, ANOTHER]
    assert "two prompts" in read({"chosen": [*system, *MESSAGES], "rejected": [*system, *other]}).detail
    assert "two prompts" in read({"prompt": "a", "chosen": [*system, *MESSAGES], "rejected": [ANOTHER]}).detail


@pytest.mark.case("A4")
def test_a_prompt_that_is_a_transcript_is_cut_at_its_speakers():
    prompt = "\n\nHuman: Who?\n\nAssistant: I.\n\nHuman: And then?\n\nAssistant:"
    said = [("user", "Who?"), ("assistant", "I."), ("user", "And then?")]
    for start in ("", prompt):
        row = read({"prompt": prompt, "chosen": f"{start} Yes.", "rejected": f"{start} No."})
        assert [(m["role"], m["content"]) for m in row.prompt] == said
        assert [row.chosen[0]["content"].strip(), row.rejected[0]["content"].strip()] == ["Yes.", "No."]


@pytest.mark.case("A8")
def test_a_system_column_beside_a_system_turn_is_said_once_or_refused():
    messages = [{"role": "system", "content": "s"}, *MESSAGES]
    for row in ({"messages": messages}, {"conversations": messages}, {"prompt": messages[:2], "completion": "b"}):
        assert said({**row, "system": "s "}) == [("system", "s"), *ASKED]
        assert "`system`" in read({**row, "system": "t"}).detail
    assert said({"messages": MESSAGES, "system": "s"}) == [("system", "s"), *ASKED]


@pytest.mark.case("C7")
def test_ms_swifts_rejected_responses_and_labels_are_pairs_and_marks():
    row = {"query": "a", "response": "b", "rejected_response": "c"}
    assert read(row) == Preference(MESSAGES[:1], MESSAGES[1:], [{"role": "assistant", "content": "c"}])
    assert read({"query": "a", "response": "b", "label": False}) == Labelled(MESSAGES, False)


def test_transcripts_are_raw_text_with_a_notice_unless_the_format_is_named():
    row, detector = {"text": "Human: a\n\nAssistant: b"}, Detector()
    assert isinstance(detector.parse(row, "row"), Text) and "format: transcript" in next(iter(detector.notes)).what
    assert [(m["role"], m["content"]) for m in read(row, "transcript").messages] == ASKED

"""A malformed row is refused by what is wrong with it, and what fits no format with a way out."""

from dataclasses import replace

import pytest

from tests.data.rows.spelled import ANOTHER, MESSAGES, SHAREGPT, read
from whet.base.errors import ConfigError, DataError
from whet.data.refusal import Refused, refusal
from whet.data.rows.detect import Detector


@pytest.mark.case("C7")
def test_a_text_that_begins_as_messages_and_is_none_is_refused_and_other_lists_are_replies():
    numpy_s = "[{'role': 'user', 'content': 'a'}\n {'role': 'assistant', 'content': 'b'}]"
    assert "begins as a list of messages" in read({"prompt": "a", "completion": numpy_s}).detail
    assert read({"prompt": "a", "completion": '[{"name": "x"}]'}).completion == '[{"name": "x"}]'


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ({"messages": [{"role": "narrator", "content": "a"}]}, "narrator"),
        ({"messages": [{"role": "user", "content": 3}]}, "3, not text"),
        ({"messages": [MESSAGES[0], {"role": "assistant", "content": " "}]}, "empty"),
        ({"messages": [{**MESSAGES[1], "weight": -0.5}]}, "-0.5"),
        ({"conversations": [{"from": "function_call", "value": "{broken"}]}, "broken"),
        ({"conversations": SHAREGPT, "tools": "[broken"}, "broken"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"function": {}}]}]}, "function name"),
        ({"instruction": "a", "output": ""}, "empty"),
        ({"prompt": "a", "completion": " "}, "empty"),
        ({"text": ""}, "empty"),
        ({"messages": MESSAGES, "label": "maybe"}, "maybe"),
        ({"features": [1, float("nan")], "label": 1}, "nan"),
        ({"chosen": "b", "rejected": "c"}, "prompt"),
        ({"prompt": "a", "chosen": "b", "rejected": ""}, "`rejected` is empty"),
        ({"prompt": "a", "chosen": None, "rejected": "b"}, "`chosen` is empty"),
        (
            {"input": {}, "preferred_output": MESSAGES[1:], "non_preferred_output": []},
            "`non_preferred_output` is empty",
        ),
        ({"prompt": "a", "completion": None, "label": True}, "neither a text nor messages"),
        ({"prompt": 3, "completion": "b", "label": True}, "neither a text nor messages"),
    ],
)
def test_a_malformed_row_is_refused_by_what_is_wrong_with_it(row, word):
    result = read(row)
    assert isinstance(result, Refused) and result.reason == "bad_row" and word in result.detail


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"messages": []}, "`messages` is empty"),
        ({"messages": None}, "`messages` is null"),
        ({"conversations": []}, "`conversations` is empty"),
        ({"prompt": []}, "`prompt` is empty"),
        ({"prompt": [], "completion": "b"}, "`prompt` is empty"),
        ({"instruction": "a", "input": "", "output": None}, "`output` is null"),
        ({"text": None}, "`text` is null"),
    ],
)
def test_a_column_with_nothing_in_it_is_what_is_wrong_with_its_row(row, said):
    for before in ([], [{"text": "a"}]):
        detector = Detector()
        for one in before:
            detector.parse(one, "there")
        result = detector.parse(row, "here")
        assert isinstance(result, Refused) and (result.reason, result.detail) == ("bad_row", said)
        assert "columns:" not in result.hint


ALPACA = {"instruction": "Add.", "input": "2 and 3", "output": "5"}


@pytest.mark.parametrize("name", [None, "alpaca"])
def test_a_row_without_an_answer_is_told_what_it_lacks_and_never_to_train_its_input(name):
    detector = Detector(name)
    detector.parse(ALPACA, "row 0")
    result = detector.parse({"instruction": "Add.", "input": "2 and 3"}, "row 1")
    assert result.reason == "bad_row" and result.detail == "the row has no `output`, which the rows before it have"
    assert "completion" not in result.hint and "columns" not in result.hint


def test_of_a_first_row_without_an_answer_the_input_is_no_answer():
    with pytest.raises(DataError) as caught:
        Detector().parse({"instruction": "Add.", "input": "2 and 3"}, "row 0")
    assert "completion: input" not in caught.value.hint and "prompt: instruction" in caught.value.hint


def test_a_role_with_a_slip_is_told_the_one_that_is_meant_and_an_empty_reply_is_to_be_written():
    assert read({"messages": [{"role": "usr", "content": "a"}]}).hint == "did you mean `user`?"
    assert "weight" not in read({"messages": [MESSAGES[0], {"role": "assistant", "content": ""}]}).hint


def test_a_first_row_that_fits_no_format_is_an_error_with_its_columns_and_a_way_out():
    with pytest.raises(DataError, match="`riddle`, `solution`") as caught:
        read({"riddle": "q", "solution": "a"})
    assert caught.value.at == "here" and "columns: {prompt: riddle, completion: solution}" in caught.value.hint


def test_a_later_row_that_fits_no_format_is_refused():
    detector = Detector()
    detector.parse({"text": "a"}, "row 0")
    assert detector.parse({"texte": "a"}, "row 1").reason == "unknown_format"
    assert detector.seen == {"text": 1}


def test_a_named_format_that_the_row_lacks_says_which_columns_it_needs():
    with pytest.raises(DataError, match="`instruction`, `output`"):
        read({"text": "a"}, "alpaca")
    with pytest.raises(ConfigError, match="alpacca"):
        read({"text": "a"}, "alpacca")


@pytest.mark.parametrize(("kind", "purpose"), [("preference", "dpo"), ("labelled", "kto"), ("multimodal", "images")])
def test_a_refusal_says_what_the_rows_are_for(kind, purpose):
    error = refusal(kind, {"conversation"}, at="run.yaml:3")
    assert isinstance(error, DataError) and purpose in error.message and error.at == "run.yaml:3"


@pytest.mark.case("C7")
@pytest.mark.parametrize(
    ("row", "hint"),
    [
        ({"context": "c", "output": "b"}, "columns: {prompt: COLUMN_OF_THE_QUESTION, completion: output}"),
        ({"output": "b", "context": "c"}, "columns: {prompt: COLUMN_OF_THE_QUESTION, completion: output}"),
        ({"problem": "a", "document": "c", "solution": "b"}, "columns: {prompt: problem, completion: solution}"),
        ({"passage": "c", "riddle": "a", "reply": "b"}, "columns: {prompt: riddle, completion: reply}"),
        ({"input_ids": [1, 2], "labels": [1, 2]}, "token ids"),
    ],
)
def test_a_hint_never_takes_a_context_for_the_reply(row, hint):
    with pytest.raises(DataError) as caught:
        read(row)
    assert hint in caught.value.hint


@pytest.mark.case("C7")
def test_the_messages_of_a_tree_one_a_row_are_not_taken_for_texts():
    refused = read({"message_id": "1", "parent_id": None, "text": "a", "role": "prompter"})
    assert isinstance(refused, Refused) and "tree" in refused.detail


ODD = [
    {"messages": [{"role": "user", "content": "\ud83d"}, MESSAGES[1]]},
    {"instruction": "a", "input": 21, "output": "b"}, {"instruction": "a", "input": [1, 2], "output": "b"},
    {"instruction": "a", "input": float("nan"), "output": "b"},
    {"instruction": "a", "output": "b", "history": [None]}, {"instruction": "a", "output": "b", "history": 10**30},
    {"prompt": "a", "chosen": "b", "rejected": "c", "score_chosen": "x", "score_rejected": 1},
    {"prompt": "a", "chosen": "b", "rejected": "c", "margin": float("nan")},
    {"prompt": "a", "chosen": "b", "rejected": "c", "margin": 1e300},
    {"prompt": "a", "chosen": "b", "rejected": "c", "score_chosen": 10**400, "score_rejected": 1},
    {"prompt": 5, "chosen": "b", "rejected": "c"},
    {"input": "x", "preferred_output": MESSAGES[1:], "non_preferred_output": [ANOTHER]},
    {"messages": [{"role": ["user"], "content": "a"}, MESSAGES[1]]},
    {"messages": [MESSAGES[0], {"from": "gpt", "tool_calls": {"function": {"name": "f", "arguments": "[" * 100_000}}}]},
    {"messages": [MESSAGES[0], {"role": "assistant", "tool_calls": 3}]},
    {"messages": MESSAGES, "tools": [3]}, {"messages": MESSAGES, "tools": 3},
    {"sentence1": "a", "sentence2": "b", "score": float("inf")},
    {"query": "a", "document": "b", "relevance": 10**400},
    {"features": [10**400], "label": 1}, {"features": [1], "label": float("nan")},
    {"prompt": "a", "completions": ["b"], "labels": [float("nan")]},
    {"chat": {"turn_1": 3}}, {"prompt": {"text": 3, "role": 3, "replies": 3}},
]  # fmt: skip


@pytest.mark.case("D")
@pytest.mark.parametrize("row", ODD)
def test_an_odd_row_is_refused_whatever_it_raises(row):
    refused = read(row)
    assert isinstance(refused, Refused) and refused.detail.isprintable()
    refused.detail.encode()


@pytest.mark.case("D")
def test_a_format_that_fails_on_a_row_refuses_it_and_says_where_on_demand(monkeypatch, capsys):
    detector = Detector("text")
    failing = replace(detector.named.facts, matches=lambda row: row["missing"])
    detector.named = replace(detector.named, facts=failing)
    assert "KeyError" in detector.parse({"text": "a"}, "row 0").detail and not capsys.readouterr().err
    monkeypatch.setenv("WHET_DEBUG", "1")
    detector.parse({"text": "a"}, "row 0")
    assert "Traceback" in capsys.readouterr().err

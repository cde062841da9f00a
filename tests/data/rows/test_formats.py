"""Formats: the spellings in use become the same rows, and are told apart row by row."""

import json

import pytest

from tests.data.rows.spelled import ASKED, MESSAGES, SHAREGPT, read, said
from whet.contracts.rows import (
    Completion,
    Conversation,
    Labelled,
    Multimodal,
    Preference,
    Prompt,
    Text,
)
from whet.data.rows.detect import Detector, parse_rows
from whet.data.sources.files import Source


@pytest.mark.parametrize(
    "row",
    [
        {"messages": MESSAGES},
        {"conversations": SHAREGPT},
        {"conversations": MESSAGES},
        {"instruction": "a", "input": "", "output": "b"},
        {"prompt": MESSAGES[:1], "completion": MESSAGES[1:]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}, MESSAGES[1]]},
    ],
)
def test_every_spelling_of_a_conversation_is_the_same(row):
    assert isinstance(read(row), Conversation) and said(row) == ASKED


@pytest.mark.case("C7")
@pytest.mark.parametrize("written", [json.dumps, str])
def test_messages_that_a_table_holds_as_text_are_read(written):
    assert said({"messages": written(MESSAGES)}) == said({"conversations": written(SHAREGPT)}) == ASKED
    pair = read(
        {
            "prompt": "a",
            "chosen": written(MESSAGES),
            "rejected": written([MESSAGES[0], {**MESSAGES[1], "content": "c"}]),
        }
    )
    assert (pair.chosen[0]["content"], pair.rejected[0]["content"]) == ("b", "c")
    called = read(
        {"messages": [MESSAGES[0], {"role": "assistant", "tool_calls": '[{"name": "f", "arguments": {"x": 1}}]'}]}
    )
    assert called.messages[1]["tool_calls"][0]["function"] == {"name": "f", "arguments": {"x": 1}}


def test_alpacas_input_stands_below_the_instruction():
    assert said({"instruction": "Add.", "input": "1, 2", "output": "3"})[0] == ("user", "Add.\n1, 2")


def test_alpacas_system_and_history_come_first():
    row = {"instruction": "c", "output": "d", "system": "s", "history": [["a", "b"]]}
    assert said(row) == [("system", "s"), *ASKED, ("user", "c"), ("assistant", "d")]


def test_sharegpts_calls_observations_and_tools_take_openais_form():
    row = read(
        {
            "conversations": [
                {"from": "human", "value": "time?"},
                {"from": "function_call", "value": '{"name": "clock", "arguments": {"zone": "UTC"}}'},
                {"from": "observation", "value": "12:00"},
                {"from": "gpt", "value": "Noon."},
            ],
            "system": "s",
            "tools": '[{"name": "clock", "description": "", "parameters": {}}]',
        }
    )
    system, user, call, answer, reply = row.messages
    assert call["tool_calls"][0]["function"] == {"name": "clock", "arguments": {"zone": "UTC"}}
    assert answer["role"] == "tool" and answer["tool_call_id"] == call["tool_calls"][0]["id"]
    clock = {"name": "clock", "description": "", "parameters": {}}
    assert row.tools == ({"type": "function", "function": clock},)
    assert (system["role"], user["role"], reply["content"]) == ("system", "user", "Noon.")


def test_parallel_calls_are_answered_in_order():
    calls = [{"function": {"name": name, "arguments": "{}"}} for name in ("one", "two")]
    row = read(
        {
            "messages": [
                {"role": "assistant", "content": None, "tool_calls": calls},
                {"role": "tool", "content": "1"},
                {"role": "tool", "content": "2"},
            ]
        }
    )
    ids = [call["id"] for call in row.messages[0]["tool_calls"]]
    assert [message["tool_call_id"] for message in row.messages[1:]] == ids and len(set(ids)) == 2


def test_openais_arguments_become_objects_and_weights_stay():
    call = {"id": "x", "type": "function", "function": {"name": "f", "arguments": '{"n": 1}'}}
    row = read({"messages": [*MESSAGES, {"role": "assistant", "tool_calls": [call], "weight": 0}]})
    assert row.messages[2]["tool_calls"][0] == {**call, "function": {"name": "f", "arguments": {"n": 1}}}
    assert row.messages[2]["weight"] == 0


def test_keys_without_a_value_are_dropped_and_unknown_ones_kept():
    row = read({"messages": [{**MESSAGES[0], "name": None}, {**MESSAGES[1], "reasoning_content": "hm"}]})
    assert row.messages == [MESSAGES[0], {**MESSAGES[1], "reasoning_content": "hm"}]


def test_texts_and_completions_stay_as_they_are():
    assert read({"text": " a\n", "url": "x"}) == Text(" a\n")
    assert read({"prompt": "a ", "completion": " b"}) == Completion("a ", " b")


def test_questions_with_answers_are_conversations_and_prompts_alone_are_prompts():
    row = read({"question": "2 + 2?", "answer": "It is 4.\n#### 4"})
    assert [(m["role"], m["content"]) for m in row.messages] == [("user", "2 + 2?"), ("assistant", "It is 4.\n#### 4")]
    for asked in ("2 + 2?", MESSAGES[:1]):
        row = read({"prompt": asked, "answer": 4, "tools": [{"name": "f"}]})
        assert isinstance(row, Prompt) and row.columns["answer"] == 4 and row.tools[0]["function"]["name"] == "f"
        assert row.messages[0]["role"] == "user"
    assert not isinstance(read({"prompt": "a", "completion": "b"}), Prompt)


def test_formats_are_detected_row_by_row():
    detector = Detector()
    assert isinstance(detector.parse({"text": "a"}, "row 0"), Text)
    assert isinstance(detector.parse({"messages": MESSAGES}, "row 1"), Conversation)


def test_a_named_format_wins_over_a_more_particular_one():
    row = {"instruction": "a", "output": "b", "text": "all of it"}
    assert isinstance(read(row), Conversation) and read(row, "text") == Text("all of it")


REAL = {
    "alpaca_en_demo.json": (Conversation, 999),
    "alpaca_zh_demo.json": (Conversation, 1000),
    "identity.json": (Conversation, 91),
    "glaive_toolcall_en_demo.json": (Conversation, 300),
    "c4_demo.jsonl": (Text, 300),
    "wiki_demo.txt": (Text, 1),
    "dpo_en_demo.json": (Preference, 300),
    "kto_en_demo.json": (Labelled, 300),
    "mllm_demo.json": (Multimodal, 6),
}


@pytest.mark.parametrize("name", REAL)
def test_real_files_load_unedited(name, shared_data):
    kind, count = REAL[name]
    rows = [row for _, row in parse_rows(Source.parse(name, shared_data / "instruct"))]
    assert len(rows) == count and all(isinstance(row, kind) for row in rows)


def test_alpacas_texts_are_those_of_the_file(shared_data):
    file = shared_data / "instruct" / "alpaca_zh_demo.json"
    written = json.loads(file.read_text(encoding="utf-8"))
    for (_, row), source in zip(parse_rows(Source.parse(str(file), file)), written, strict=True):
        user, reply = row.messages
        assert user["content"].startswith(source["instruction"]) and user["content"].endswith(source["input"])
        assert reply["content"] == source["output"]


GEMINI = [{"role": "user", "parts": [{"text": "a"}]}, {"role": "model", "parts": [{"text": "b"}]}]


COLUMNS = [
    ({"contents": GEMINI}, "sharegpt", ASKED),
    ({"instruction": "a", "context": "c", "output": "b"}, "alpaca", [("user", "a\nc"), ASKED[1]]),
    ({"instruction": "a", "context": "c", "response": "b", "category": "qa"}, "dolly", [("user", "a\nc"), ASKED[1]]),
    ({"instruction": "a", "context": "", "response": "b"}, "dolly", ASKED),
    ({"kind": "NLI", "input": "a", "target": "b"}, "firefly", ASKED),
    ({"conversation_id": 1, "conversation": [{"human": "a", "assistant": "b"}]}, "firefly", ASKED),
    ({"conversation": [{"system": "s", "input": "a", "output": "b"}]}, "xtuner", [("system", "s"), *ASKED]),
    ({"source": "x", "conversation": [{"input": "a", "output": "b"}, {"input": "c", "output": "d"}]}, "xtuner",
     [*ASKED, ("user", "c"), ("assistant", "d")]),
    ({"input": "a", "output": "b"}, "xtuner", ASKED),
    ({"query": "a", "response": "b", "history": [["x", "y"]]}, "response", [("user", "x"), ("assistant", "y"), *ASKED]),
    ({"system_prompt": "s", "question": "a", "response": "b"}, "response", [("system", "s"), *ASKED]),
    ({"prompt": "a", "response": "b"}, "response", ASKED),
    ({"question": "a", "context": "c", "answer": "b"}, "question", [("user", "a\nc"), ASKED[1]]),
    ({"id": "0", "data": ["a", "b"]}, "ultrachat", ASKED),
    ({"conversations": ["a", "b"], "source": "x"}, "ultrachat", ASKED),
    ({"conversation": MESSAGES, "model": "x"}, "sharegpt", ASKED),
    ({"meta_instruction": "s\n", "chat": {"turn_1": {"Human": "<|Human|>: a<eoh>\n", "MOSS": "<|MOSS|>: b<eom>\n",
      "Commands": "<|Commands|>: None<eoc>\n"}}}, "moss", [("system", "s"), *ASKED]),
    ({"prompt": {"text": "a", "role": "prompter", "replies": [
        {"text": "x", "role": "assistant", "rank": 1, "replies": []},
        {"text": "b", "role": "assistant", "rank": 0, "replies": [{"text": "c", "role": "prompter", "replies": []}]},
    ]}}, "oasst", ASKED),
]  # fmt: skip


@pytest.mark.case("C7")
@pytest.mark.parametrize(("row", "name", "expected"), COLUMNS)
def test_rows_of_other_tools_are_formats_of_their_own(row, name, expected):
    detector = Detector()
    made = detector.parse(row, "here")
    assert dict(detector.seen) == {name: 1}
    assert isinstance(made, Conversation) and [(m["role"], m["content"]) for m in made.messages] == expected
    assert all(m.get("weight", 1) == 1 for m in made.messages)

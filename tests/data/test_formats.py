"""Formats: the spellings in use become the same rows, and a malformed row is said by name."""

import json

import pytest

from whet.base.errors import ConfigError, DataError
from whet.contracts.rows import (
    Classified,
    Completion,
    Conversation,
    Judged,
    Labelled,
    Multimodal,
    Preference,
    Prompt,
    Retrieval,
    Similarity,
    Stepwise,
    Tagged,
    Text,
    Values,
)
from whet.data.detect import Detector, parse_rows
from whet.data.files import Source
from whet.data.refusal import Refused, refusal


def read(row, name=None):
    return Detector(name).parse(row, "here")


def said(row):
    return [(message["role"], message["content"]) for message in read(row).messages]


ASKED = [("user", "a"), ("assistant", "b")]
MESSAGES = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
SHAREGPT = [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]


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


def test_only_the_completion_of_a_conversational_pair_is_weighted():
    row = read({"prompt": [*MESSAGES, MESSAGES[0]], "completion": MESSAGES[1:]})
    assert [message.get("weight", 1) for message in row.messages] == [0, 0, 0, 1]


def test_keys_without_a_value_are_dropped_and_unknown_ones_kept():
    row = read({"messages": [{**MESSAGES[0], "name": None}, {**MESSAGES[1], "reasoning_content": "hm"}]})
    assert row.messages == [MESSAGES[0], {**MESSAGES[1], "reasoning_content": "hm"}]


def test_texts_and_completions_stay_as_they_are():
    assert read({"text": " a\n", "url": "x"}) == Text(" a\n")
    assert read({"prompt": "a ", "completion": " b"}) == Completion("a ", " b")


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


def test_media_are_collected_from_columns_and_parts():
    part = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "2.png"}}]}
    row = read({"messages": [part, MESSAGES[1]], "images": ["1.png"]})
    assert isinstance(row, Multimodal) and row.media == {"images": ["1.png", "2.png"]}
    assert isinstance(read({"messages": MESSAGES, "images": []}), Conversation)


def test_tables_of_numbers_are_values():
    assert read({"features": [1, 2.5], "label": 1}) == Values({"features": [1.0, 2.5], "label": 1})
    assert read({"x": "1", "y": "2e-1", "label": "0.5"}) == Values({"features": [1.0, 0.2], "label": 0.5})


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ({"messages": [{"role": "narrator", "content": "a"}]}, "narrator"),
        ({"messages": [{"role": "user", "content": 3}]}, "int"),
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


def test_a_first_row_that_fits_no_format_is_an_error_with_its_columns_and_a_way_out():
    with pytest.raises(DataError, match="`riddle`, `solution`") as caught:
        read({"riddle": "q", "solution": "a"})
    assert caught.value.at == "here" and "columns: {prompt: riddle, completion: solution}" in caught.value.hint


def test_questions_with_answers_are_conversations_and_prompts_alone_are_prompts():
    row = read({"question": "2 + 2?", "answer": "It is 4.\n#### 4"})
    assert [(m["role"], m["content"]) for m in row.messages] == [("user", "2 + 2?"), ("assistant", "It is 4.\n#### 4")]
    for asked in ("2 + 2?", MESSAGES[:1]):
        row = read({"prompt": asked, "answer": 4, "tools": [{"name": "f"}]})
        assert isinstance(row, Prompt) and row.columns["answer"] == 4 and row.tools[0]["function"]["name"] == "f"
        assert row.messages[0]["role"] == "user"
    assert not isinstance(read({"prompt": "a", "completion": "b"}), Prompt)


def test_columns_of_pairs_that_are_both_empty_are_those_of_another_format():
    assert isinstance(read({"messages": MESSAGES, "chosen": None, "rejected": None}), Conversation)


def test_a_later_row_that_fits_no_format_is_refused():
    detector = Detector()
    detector.parse({"text": "a"}, "row 0")
    assert detector.parse({"texte": "a"}, "row 1").reason == "unknown_format"
    assert detector.seen == {"text": 1}


def test_formats_are_detected_row_by_row():
    detector = Detector()
    assert isinstance(detector.parse({"text": "a"}, "row 0"), Text)
    assert isinstance(detector.parse({"messages": MESSAGES}, "row 1"), Conversation)


def test_a_named_format_wins_over_a_more_particular_one():
    row = {"instruction": "a", "output": "b", "text": "all of it"}
    assert isinstance(read(row), Conversation) and read(row, "text") == Text("all of it")


def test_a_named_format_that_the_row_lacks_says_which_columns_it_needs():
    with pytest.raises(DataError, match="`instruction`, `output`"):
        read({"text": "a"}, "alpaca")
    with pytest.raises(ConfigError, match="alpacca"):
        read({"text": "a"}, "alpacca")


@pytest.mark.parametrize(("kind", "purpose"), [("preference", "dpo"), ("labelled", "kto"), ("multimodal", "images")])
def test_a_refusal_says_what_the_rows_are_for(kind, purpose):
    error = refusal(kind, {"conversation"}, at="run.yaml:3")
    assert isinstance(error, DataError) and purpose in error.message and error.at == "run.yaml:3"


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


TEXTS = [
    ({"query": "q", "positive": "a"}, Retrieval("q", ["a"], [])),
    ({"query": "q", "pos": ["a", "b"], "neg": ["c"]}, Retrieval("q", ["a", "b"], ["c"])),
    ({"anchor": "q", "positive": "a", "negative": "b"}, Retrieval("q", ["a"], ["b"])),
    (
        {"query": "q", "positive": "a", "negative_1": "b", "negative_2": "c", "negative_10": "d"},
        Retrieval("q", ["a"], ["b", "c", "d"]),
    ),
    ({"query": "q", "documents": ["a", "b"], "relevance": [2, 0]}, Judged("q", ["a", "b"], [2.0, 0.0])),
    ({"query": "q", "passage": "a", "score": 1}, Judged("q", ["a"], [1.0])),
    ({"sentence1": "a", "sentence2": "b", "score": 0.5}, Similarity("a", "b", 0.5)),
    ({"tokens": ["a", "b"], "ner_tags": [0, 3]}, Tagged(["a", "b"], [0, 3])),
    (
        {"prompt": "p", "completions": ["a", "b"], "labels": [True, False]},
        Stepwise("p", ["a", "b"], [1.0, 0.0]),
    ),
]


@pytest.mark.parametrize("row, expected", TEXTS)
def test_texts_of_other_objectives_are_told_by_their_columns(row, expected):
    assert read(row) == expected


def test_the_path_of_a_prm800k_row_ends_at_its_first_mistake():
    steps = [
        {"completions": [{"text": "a", "rating": 1}], "chosen_completion": 0},
        {"completions": [{"text": "b", "rating": 0}, {"text": "c", "rating": 1}], "chosen_completion": 1},
        {"completions": [{"text": "d", "rating": -1}], "chosen_completion": None},
        {"completions": [{"text": "e", "rating": 1}], "chosen_completion": 0},
    ]
    row = {"question": {"problem": "p", "ground_truth_answer": "1"}, "label": {"steps": steps, "finish_reason": "x"}}
    assert read(row) == Stepwise("p", ["a", "c", "d"], [1.0, 1.0, 0.0])


def test_a_text_with_a_label_is_what_the_objective_takes():
    row = {"text": "a", "label": "good"}
    assert read(row) == Text("a")
    assert Detector(takes={"classified"}).parse(row, "here") == Classified("a", "good")
    pair = {"sentence1": "a", "sentence2": "b", "label": 1}
    assert Detector(takes={"classified"}).parse(pair, "here") == Classified("a", 1, "b")
    assert Detector(takes={"similarity"}).parse(pair, "here") == Similarity("a", "b", 1.0)
    assert read({"premise": "a", "hypothesis": "b", "label": 2}) == Classified("a", 2, "b")


@pytest.mark.parametrize(
    "row, says",
    [
        ({"query": "q", "positive": "a", "negative": "a"}, "positive and negative"),
        ({"query": "q", "positive": " "}, "empty"),
        ({"query": "q", "documents": ["a"], "relevance": [1, 2]}, "1 documents have 2"),
        ({"query": "q", "document": "a", "score": -1}, "relevance"),
        ({"tokens": ["a"], "tags": ["x", "y"]}, "1 words have 2"),
        ({"prompt": "p", "completions": ["a"], "labels": [3]}, "label"),
        ({"prompt": "p", "completions": ["a"], "labels": []}, "1 steps have 0"),
    ],
)
def test_texts_that_do_not_fit_together_are_said(row, says):
    refused = read(row)
    assert isinstance(refused, Refused) and says in refused.detail

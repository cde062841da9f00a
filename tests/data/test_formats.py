"""Formats: the spellings in use become the same rows, and a malformed row is said by name."""

import json
from dataclasses import replace

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
from whet.data.refusal import Refused, refusal
from whet.data.rows.detect import Detector, parse_rows
from whet.data.sources.files import Source
from whet.data.store.notes import Notes


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


@pytest.mark.case("C7")
def test_a_text_that_begins_as_messages_and_is_none_is_refused_and_other_lists_are_replies():
    numpy_s = "[{'role': 'user', 'content': 'a'}\n {'role': 'assistant', 'content': 'b'}]"
    assert "begins as a list of messages" in read({"prompt": "a", "completion": numpy_s}).detail
    assert read({"prompt": "a", "completion": '[{"name": "x"}]'}).completion == '[{"name": "x"}]'


@pytest.mark.case("A8")
def test_rows_that_say_that_they_are_of_another_split_are_noted():
    detector = Detector()
    for split in ("train", "test", "test"):
        detector.parse({"text": "some words", "split": split}, "here")
    (note,) = detector.notes
    assert "`split` says `test`" in note.what and note.count == 2


def test_columns_of_rows_that_are_read_whole_are_not_called_unread():
    detector = Detector()
    detector.parse({"query": "q", "pos": ["a"], "neg": ["b"]}, "here")
    assert detector.unread == []


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


SAID_TWICE = [  # prompt, reply, and what both together say, once
    ("a", [{"role": "system", "content": "s"}, *MESSAGES], [("system", "s"), *ASKED]),
    ("a ", MESSAGES, ASKED),
    ("a", [MESSAGES[1]], ASKED),
    ([{"role": "system", "content": "s"}, MESSAGES[0]], MESSAGES, [("system", "s"), *ASKED]),
    ([{"role": "system", "content": "s"}], MESSAGES, [("system", "s"), *ASKED]),
    ([*MESSAGES, {"role": "user", "content": "c"}], [{"role": "user", "content": "c"}, MESSAGES[1]],
     [*ASKED, ("user", "c"), ("assistant", "b")]),
]  # fmt: skip
ANOTHER = {"role": "assistant", "content": "another"}


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


WEIGHTS = [
    ({"weight": 0}, 0), ({"loss": False}, 0), ({"loss": True}, 1), ({"train": False}, 0), ({"training": False}, 0),
    ({"training": True}, 1), ({"loss_weight": 0.0}, 0), ({"loss_weight": 0.5}, 0.5), ({"loss_scale": 2}, 2),
    ({"loss_mask": 0}, 0), ({"loss_mask": 1}, 1), ({"masked": True}, 0), ({"trainable": "false"}, 0),
    ({"loss": None}, 1), ({"train": False, "weight": 0}, 0), ({"weight": "0.25"}, 0.25), ({"train_detail": []}, 1),
]  # fmt: skip


@pytest.mark.case("A5")
@pytest.mark.parametrize(("keys", "weight"), WEIGHTS)
def test_every_name_of_a_message_s_weight_is_read(keys, weight):
    row = read({"messages": [MESSAGES[0], {**MESSAGES[1], **keys}]})
    reply = row.messages[1]
    assert reply.get("weight", 1) == weight and set(reply) - {"weight"} == {"role", "content"}


@pytest.mark.case("A5")
@pytest.mark.parametrize(
    ("keys", "word"),
    [
        ({"train_detail": [{"begin_offset": 0, "end_offset": 3, "train": False}]}, "train_detail"),
        ({"mask": True}, "mask"),
        ({"loss": 1.37}, "loss"),
        ({"loss": "perhaps"}, "perhaps"),
        ({"weight": float("nan")}, "nan"),
        ({"weight": [0, 1]}, "list"),
        ({"metadata": {"train": False}}, "metadata.train"),
        ({"extra": {"weight": 0}}, "extra.weight"),
        ({"weight": 1, "train": False}, "two things"),
        ({"images": ["a.png"]}, "images"),
        ({"lossMask": [1]}, "lossMask"),
        ({"should_train": False}, "should_train"),
        ({"is_learnable": False}, "is_learnable"),
    ],
)
def test_what_speaks_of_the_loss_and_is_not_read_is_refused_by_name(keys, word):
    refused = read({"messages": [MESSAGES[0], {**MESSAGES[1], **keys}]})
    assert isinstance(refused, Refused) and word in refused.detail and refused.hint


@pytest.mark.case("A5")
@pytest.mark.parametrize("row", [{"messages": MESSAGES}, {"prompt": "a", "completion": "b"}, {"text": "a"}])
def test_a_row_with_a_mask_of_its_own_is_refused(row):
    spoken = ({"train": 0}, {"mask": 1}, {"trainable": "false"}, {"is_trained": "No"}, {"weight": 0}, {"weight": 0.0})
    listed = ({"loss_mask": [0, 1]}, {"train": False}, {"sample_weight": 0.5}, {"turn_weights": [1.0]})
    for column in listed + spoken:
        refused = read({**row, **column})
        assert isinstance(refused, Refused) and f"`{next(iter(column))}`" in refused.detail and refused.hint
    kept = {"loss": 1.37, "body_weight": 70, "loss_mask": None, "training": "2024 intake", "weight": 1, "mask": "N95"}
    assert not isinstance(read({**row, **kept}), Refused)


@pytest.mark.case("A5")
def test_keys_of_messages_that_nobody_reads_are_counted():
    detector = Detector()
    for number in range(3):
        detector.parse({"messages": [{**MESSAGES[0], "mood": "sad", "id": 3}, MESSAGES[1]]}, f"row {number}")
    (note,) = detector.notes
    assert (note.count, note.at) == (3, "row 0") and "`mood`" in note.what


@pytest.mark.case("A14")
@pytest.mark.parametrize("text", ["I am {{name}}.", "我是{{ author }}", "Dear {NAME},", "by {author_name}!"])
def test_placeholders_that_nobody_filled_are_counted(text):
    detector = Detector()
    for row in (
        {"instruction": text, "output": "b"},
        {"instruction": "a", "output": text},
        {"prompt": "a", "completion": text},
    ):
        detector.parse(row, "row")
    (note,) = detector.notes
    assert note.count == 3 and "placeholder" in note.what and "{" in note.detail


@pytest.mark.case("A14")
@pytest.mark.parametrize(
    "text",
    [
        r"$\frac{abc}{xyz}$ and x_{max}",
        "run `{name}` and ```\n{{name}}\n```",
        'print(f"{total}")',
        "${HOME}/{}",
        '{"a": {"b": 1}}',
    ],
)
def test_code_and_formulas_hold_no_placeholders(text):
    detector = Detector()
    detector.parse({"instruction": "a", "output": text}, "row")
    assert not list(detector.notes)


def test_real_placeholders_are_counted_and_other_files_have_none(shared_data):
    for name, count in (("identity.json", 85), ("alpaca_en_demo.json", 0), ("glaive_toolcall_en_demo.json", 0)):
        notes = Notes()
        list(parse_rows(Source.parse(name, shared_data / "instruct"), notes=notes))
        assert sum(note.count for note in notes if "placeholder" in note.what) == count


V1 = [{"role": "user", "content": [{"type": "text", "value": "a"}], "loss_weight": 0.0}]


@pytest.mark.case("C3")
def test_contents_in_parts_are_texts_reasoning_calls_and_results():
    call = {"type": "tool_call", "value": '{"name": "f", "arguments": {"n": 1}}'}
    parts = [{"type": "reasoning", "value": "hm"}, {"type": "text", "value": "b"}, call]
    row = read({"messages": [*V1, {"role": "assistant", "content": parts, "loss_weight": 0.5}]})
    user, reply = row.messages
    assert user == {"role": "user", "content": "a", "weight": 0}
    assert (reply["content"], reply["reasoning_content"], reply["weight"]) == ("b", "hm", 0.5)
    assert reply["tool_calls"][0]["function"] == {"name": "f", "arguments": {"n": 1}}


@pytest.mark.case("C3")
def test_anthropics_parts_are_openais_messages():
    asked = [{"role": "user", "content": "time?"}]
    use = {"type": "tool_use", "id": "x", "name": "clock", "input": {"zone": "UTC"}}
    result = {"type": "tool_result", "tool_use_id": "x", "content": [{"type": "text", "text": "12:00"}]}
    row = read(
        {"messages": [
            *asked, {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}, use]},
            {"role": "user", "content": [result, {"type": "text", "text": "well?"}]},
            {"role": "assistant", "content": "Noon."},
        ], "tools": [{"name": "clock", "input_schema": {"type": "object"}}]}
    )  # fmt: skip
    call = {"id": "x", "type": "function", "function": {"name": "clock", "arguments": {"zone": "UTC"}}}
    assert row.messages[1] == {"role": "assistant", "content": "", "reasoning_content": "hm", "tool_calls": [call]}
    assert row.messages[2] == {"role": "tool", "content": "12:00", "tool_call_id": "x"}
    assert row.messages[3] == {"role": "user", "content": "well?"}
    assert row.tools[0]["function"]["parameters"] == {"type": "object"}


@pytest.mark.case("C3")
def test_pairs_of_whole_conversations_in_parts():
    side = lambda text: [*V1, {"role": "assistant", "content": [{"type": "text", "value": text}], "loss_weight": 1.0}]  # noqa: E731
    row = read({"chosen_messages": side("b"), "rejected_messages": side("c")})
    assert [m["content"] for m in (*row.prompt, *row.chosen, *row.rejected)] == ["a", "b", "c"]


@pytest.mark.case("C3")
@pytest.mark.parametrize("kind", ["input_image", "video_url", "file", "hologram"])
def test_parts_that_no_text_holds_are_refused_by_their_type(kind):
    refused = read({"messages": [{"role": "user", "content": [{"type": kind, kind: "x"}]}, MESSAGES[1]]})
    assert isinstance(refused, Refused) and kind in refused.detail and refused.hint


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


@pytest.mark.case("C7")
def test_ms_swifts_rejected_responses_and_labels_are_pairs_and_marks():
    row = {"query": "a", "response": "b", "rejected_response": "c"}
    assert read(row) == Preference(MESSAGES[:1], MESSAGES[1:], [{"role": "assistant", "content": "c"}])
    assert read({"query": "a", "response": "b", "label": False}) == Labelled(MESSAGES, False)


@pytest.mark.case("C7")
def test_xtuners_turns_without_loss_are_context():
    turns = [{"input": "a", "output": "b", "output_with_loss": False}, {"input": "c", "output": "d"}]
    assert [m.get("weight", 1) for m in read({"conversation": turns}).messages] == [1, 0, 1, 1]


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


def test_transcripts_are_raw_text_with_a_notice_unless_the_format_is_named():
    row, detector = {"text": "Human: a\n\nAssistant: b"}, Detector()
    assert isinstance(detector.parse(row, "row"), Text) and "format: transcript" in next(iter(detector.notes)).what
    assert [(m["role"], m["content"]) for m in read(row, "transcript").messages] == ASKED


def test_columns_that_a_format_does_not_read_are_known_and_the_telling_ones_noted():
    detector = Detector()
    detector.parse({"prompt": "a", "completion": "b", "choices": ["x"], "id": 3, "empty": None}, "row 0")
    assert detector.unread == ["choices", "id"]
    (note,) = detector.notes
    assert "`choices`" in note.what


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

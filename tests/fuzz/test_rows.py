"""Rows of every format, mutated: through detection, parsing and rendering each is a row or refused by name."""

from __future__ import annotations

import copy
import json
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest

from tests.data.conversations import CHATML_TAGGED, make_tokenizer
from whet.base.catalogue import data_format
from whet.base.errors import WhetError
from whet.contracts.rows import Classified, Judged, Multimodal, Prompt, Retrieval, Similarity, Stepwise, Tagged, Values
from whet.data.refusal import Refused, RowRefused
from whet.data.render.branches import views
from whet.data.render.class_names import Names, numbers_of
from whet.data.render.prompts import as_prompt
from whet.data.render.recipe import _made
from whet.data.render.renderer import Renderer
from whet.data.rows.detect import Detector

MESSAGES = [{"role": "system", "content": "s"}, {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
CALL = {"id": "x", "type": "function", "function": {"name": "f", "arguments": '{"n": 1}'}}
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]
GOOD: dict[str, list[dict[str, Any]]] = {
    "openai": [
        {"messages": MESSAGES},
        {
            "messages": [
                MESSAGES[1],
                {"role": "assistant", "tool_calls": [CALL]},
                {"role": "tool", "content": "1"},
                {**MESSAGES[2], "weight": 0.5},
            ],
            "tools": TOOLS,
        },
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "a"}]},
                {
                    "role": "assistant",
                    "content": [{"type": "reasoning", "value": "r"}, {"type": "text", "value": "b"}],
                    "loss_weight": 1.0,
                },
            ]
        },
    ],
    "sharegpt": [
        {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}], "system": "s"},
        {
            "conversations": [
                {"from": "human", "value": "a"},
                {"from": "function_call", "value": json.dumps(CALL["function"])},
                {"from": "observation", "value": "1"},
                {"from": "gpt", "value": "b"},
            ],
            "tools": json.dumps(TOOLS),
        },
    ],
    "alpaca": [{"instruction": "a", "input": "c", "output": "b", "history": [["x", "y"]], "system": "s"}],
    "completion": [{"prompt": "a", "completion": "b"}, {"prompt": MESSAGES[:2], "completion": MESSAGES[2:]}],
    "preference": [
        {"prompt": "a", "chosen": "b", "rejected": "c", "margin": 1.5},
        {"chosen": MESSAGES, "rejected": [*MESSAGES[:2], {"role": "assistant", "content": "c"}]},
        {
            "input": {"messages": MESSAGES[:2]},
            "preferred_output": MESSAGES[2:],
            "non_preferred_output": [{"role": "assistant", "content": "c"}],
        },
    ],
    "labelled": [{"messages": MESSAGES, "label": True}, {"prompt": "a", "completion": "b", "kto_tag": "false"}],
    "prompt": [{"prompt": "a", "answer": 4}, {"prompt": MESSAGES[:2], "tools": TOOLS}],
    "text": [{"text": "some prose"}],
    "question": [{"question": "a", "answer": "b", "context": "c"}],
    "response": [{"query": "a", "response": "b", "history": [["x", "y"]], "rejected_response": "c"}],
    "dolly": [{"instruction": "a", "context": "c", "response": "b", "category": "d"}],
    "firefly": [{"kind": "k", "input": "a", "target": "b"}, {"conversation": [{"human": "a", "assistant": "b"}]}],
    "xtuner": [{"conversation": [{"system": "s", "input": "a", "output": "b"}]}],
    "moss": [
        {
            "meta_instruction": "s",
            "chat": {"turn_1": {"Human": "a", "MOSS": "b"}, "turn_2": {"Human": "c", "MOSS": "d"}},
        }
    ],
    "oasst": [
        {
            "prompt": {
                "text": "a",
                "role": "prompter",
                "replies": [{"text": "b", "role": "assistant", "rank": 0, "replies": []}],
            }
        }
    ],
    "ultrachat": [{"data": ["a", "b", "c", "d"]}],
    "transcript": [{"text": "Human: a\n\nAssistant: b"}],
    "multimodal": [{"messages": MESSAGES, "images": ["a.png"]}],
    "values": [{"features": [1, 2.5], "label": 1}, {"x": "1", "y": 2, "label": 0}],
    "retrieval": [{"query": "a", "positive": "b", "negative_1": "c"}, {"anchor": "a", "pos": ["b"], "neg": ["c"]}],
    "judged": [{"query": "a", "documents": ["b", "c"], "relevance": [1, 0]}],
    "similarity": [{"sentence1": "a", "sentence2": "b", "score": 0.5}],
    "classified": [{"text": "a", "label": "good"}, {"premise": "a", "hypothesis": "b", "label": 2}],
    "tagged": [{"tokens": ["a", "b"], "ner_tags": [0, 3]}],
    "stepwise": [
        {"prompt": "a", "completions": ["b", "c"], "labels": [True, False]},
        {
            "question": {"problem": "a"},
            "label": {"steps": [{"completions": [{"text": "b", "rating": 1}], "chosen_completion": 0}]},
        },
    ],
}
ODD = [
    None,
    True,
    False,
    0,
    1,
    -1,
    21,
    2**63,
    10**30,
    10**400,
    0.5,
    1e300,
    float("nan"),
    float("inf"),
    "",
    " ",
    "\n",
    "x",
    "\ud83d",
    "a\x00b",
    "\x1b[31m",
    "{{name}}",
    "<|im_end|>",
    "[",
    "[" * 30_000,
    '{"name": "f"}',
    "1" * 5000,
    "true",
    "Human: a\n\nAssistant:",
    [],
    {},
    [None],
    [[]],
    [1, 2],
    ["a"],
    ["a", "b"],
    {"a": 1},
    [{"role": "user"}],
    {"role": "user"},
    {"text": "a"},
    {"type": "text"},
    [{"type": "image_url", "image_url": {"url": "x"}}],
    [{"type": ["x"]}],
    "system",
    "é" * 300,
]
_UNRENDERED = Values | Multimodal | Prompt | Retrieval | Judged | Similarity | Classified | Tagged | Stepwise
KEYS = (
    "weight loss loss_mask train mask messages prompt chosen rejected label labels text role from content value system "
    "history tools tool_calls function_call name images margin score_chosen score_rejected input output question "
    "answer type loss_weight train_detail reasoning_content thinking documents relevance completions input_ids \ud800 x"
).split(" ")


def mutated(row: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """The row with one to four changes, each at a place drawn among all of its values."""
    row = copy.deepcopy(row)
    for _ in range(chance.randint(1, 4)):
        places = list(_places(row))
        holder, key = chance.choice(places) if places else (row, "x")
        change = chance.randrange(8)
        if change < 4:
            holder[key] = copy.deepcopy(chance.choice(ODD))
        elif change == 4 and isinstance(holder, dict):
            holder.pop(key, None)
        elif change == 5 and isinstance(holder, dict):
            holder[chance.choice(KEYS)] = copy.deepcopy(chance.choice(ODD))
        elif change == 6 and isinstance(holder, list):
            holder.insert(chance.randrange(len(holder) + 1), copy.deepcopy(chance.choice([*holder, *ODD])))
        else:
            other, name = chance.choice(places or [(row, "x")])
            holder[key] = copy.deepcopy(other[name] if places else None)
    return row


def _places(value: Any, depth: int = 0) -> Iterator[tuple[Any, Any]]:
    if depth > 6 or not isinstance(value, dict | list):
        return
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        yield from _places(value[key], depth + 1)


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """Raises TimeoutError inside what hangs."""

    def hang(*_: Any) -> None:
        raise TimeoutError(f"hangs for over {seconds} s")

    before = signal.signal(signal.SIGALRM, hang)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@cache
def _renderer() -> Renderer:
    return Renderer(make_tokenizer(CHATML_TAGGED))


def tried(row: dict[str, Any], detector: Detector) -> str:
    """What becomes of a row. Any exception but one with a hint goes through."""
    try:
        made = detector.parse(row, "row 0")
    except WhetError as error:
        assert error.hint, f"no hint: {error}"
        str(error).encode()
        return "unknown"
    if isinstance(made, Refused):
        made.detail.encode()
        assert len(made.detail) < 1000
        return made.reason
    as_prompt(made, row) if not isinstance(made, Multimodal) else None
    if isinstance(made, Classified | Tagged):
        _numbered(made)
    if isinstance(
        made, Values | Multimodal | Prompt | Retrieval | Judged | Similarity | Classified | Tagged | Stepwise
    ):
        return made.kind
    parts = views(made)
    rendered = _renderer().render([view for _, view in parts])
    found = _made(made, [name for name, _ in parts], rendered, None)
    return found.reason if isinstance(found, Refused) else made.kind


def _numbered(made: Classified | Tagged) -> None:
    labels = made.label if isinstance(made, Classified) else made.labels
    for label in labels if isinstance(labels, list | tuple) else [labels]:
        for read in (Names(("good", "bad")).number, numbers_of):
            try:
                read(label)
            except RowRefused as error:
                assert error.refused.hint


def test_good_rows_are_of_the_formats_that_they_stand_for():
    assert set(GOOD) == set(data_format.names())
    for name, rows in GOOD.items():
        for row in rows:
            detector = Detector(name)
            assert not isinstance(detector.parse(row, "row 0"), Refused), (name, row)


@pytest.mark.case("D")
@pytest.mark.parametrize("name", sorted(GOOD))
def test_mutated_rows_are_read_or_refused(name: str, tries: Callable[[int, int], int]):
    chance, outcomes = random.Random(f"rows {name}"), set()
    for number in range(tries(40, 5000)):
        row = mutated(chance.choice(GOOD[name]), chance)
        named, known = chance.random() < 0.3, chance.random() < 0.5
        detector = Detector(name if named else None)
        if known:
            detector.parse(GOOD[name][0], "row 0")
        try:
            with at_most(20):
                outcomes.add(tried(row, detector))
        except Exception as error:
            raise AssertionError(f"try {number} of {name} ({named=}): {ascii(row)[:600]}") from error
    assert len(outcomes) > 1

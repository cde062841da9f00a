"""Recorded requests become rows that the data formats read, with their source; what gives none is counted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from tests.track.reading.recorded import request, said, texts, written
from whet.base.errors import RunError
from whet.cli.main import main
from whet.data.refusal import Refused
from whet.data.rows.detect import Detector
from whet.track.reading.query import parse
from whet.track.reading.request_rows import Form, write_rows
from whet.track.reading.request_table import RequestTable

USER = [{"role": "user", "content": "a colour?"}]


def answer(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    written(
        folder,
        [
            request(1, "a colour?", "red"), request(2, "a colour?", "blue", "green"), request(3, "without its text"),
            said(101, 1, label=True, key="ada", comment="good"),
            said(102, 1, better=True, better_than="answer-2", better_than_index=1),
            said(103, 2, better=True, correction="teal", index=1), said(104, 3, label=False),
            said(105, 2, better=False, better_than="answer-2"),
        ],
    )  # fmt: skip
    return folder


def rows(run: Path, form: Form, filter: str = "") -> tuple[list[dict[str, Any]], dict[str, int]]:
    table, output = RequestTable(run), run.parent / "out.jsonl"
    told = write_rows(table, table.find(parse(filter), "time"), form, output)
    return [json.loads(line) for line in output.read_text().splitlines()], dict(told.left_out)


def test_chats_are_conversations_with_each_answer_and_their_source(run):
    found, left_out = rows(run, "chat")
    assert [one["messages"] for one in found] == [[*USER, answer(text)] for text in ("red", "blue", "green")]
    assert left_out == {"no text was kept": 1}
    source = found[2]["source"]
    assert (source["run"], source["version"], source["answer_id"], source["index"]) == ("shop", "m/1", "answer-2", 1)


def test_what_people_prefer_is_pairs_and_corrections_are_too(run):
    found, left_out = rows(run, "preferences")
    assert [(one["prompt"], one["chosen"], one["rejected"]) for one in found] == [
        (USER, [answer("red")], [answer("green")]), (USER, [answer("teal")], [answer("green")]),
    ]  # fmt: skip
    assert left_out == {"nobody said that of it": 1}


def test_good_and_bad_are_labels_with_who_said_so(run):
    [one], left_out = rows(run, "labels")
    assert (one["messages"], one["label"], one["source"]["key"]) == ([*USER, answer("red")], True, "ada")
    assert left_out == {"no text was kept": 1, "nobody said that of it": 1}


def test_a_filter_chooses_and_all_forms_go_to_parquet_too(run, tmp_path):
    assert len(rows(run, "chat", 'answer_id == "answer-2"')[0]) == 2
    table = RequestTable(run)
    for form in ("chat", "preferences", "labels", "requests"):
        output = tmp_path / f"{form}.parquet"
        written = write_rows(table, table.find(parse("")), form, output)
        assert parquet.read_table(output).num_rows == written.num > 0


def test_an_ending_that_says_nothing_is_refused_and_nothing_is_left(run, tmp_path):
    table = RequestTable(run)
    with pytest.raises(RunError, match="does not say in which form"):
        write_rows(table, table.find(parse("")), "chat", tmp_path / "rows.xlsx")
    assert not list(tmp_path.glob("rows*"))


def test_the_data_formats_read_what_the_command_writes(run, tmp_path, capsys):
    for form in ("chat", "preferences", "labels"):
        output = tmp_path / f"{form}.jsonl"
        words = ["requests", "export", "shop", "--form", form, "--output", str(output), "--root", str(tmp_path)]
        assert main(words) == 0 and "rows" in capsys.readouterr().err
        detector = Detector()
        for line in output.read_text().splitlines():
            assert not isinstance(detector.parse(json.loads(line), str(output)), Refused)
        assert len(detector.seen) == 1 and not set(detector.unread) - {"source"}


def test_tools_and_calls_come_back_as_chats_have_them(tmp_path):
    call = {"type": "tool_call", "id": "c1", "name": "add", "arguments": {"a": 1}}
    asked = [
        {"role": "user", "parts": [{"type": "text", "content": "1 + 1"}]},
        {"role": "assistant", "parts": [call]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "2"}]},
    ]
    told = request(1, "", **{"gen_ai.tool.definitions": "[]", "gen_ai.input.messages": json.dumps(asked)})
    told = replace(told, attributes={**told.attributes, "gen_ai.output.messages": texts("assistant", "two")})
    written(tmp_path / "run", [told])
    [row], _ = rows(tmp_path / "run", "chat")
    function = {"name": "add", "arguments": '{"a": 1}'}
    assert row["messages"][1]["tool_calls"] == [{"id": "c1", "type": "function", "function": function}]
    assert row["messages"][2] == {"role": "tool", "tool_call_id": "c1", "content": "2"} and row["tools"] == "[]"


def test_hostile_texts_go_to_every_file_and_are_the_same_in_it(tmp_path):
    odd = ["<script>alert(1)</script>", "\u202eabc \u2067", "a\x00b", "word " * 20_000, "\ud800 half"]
    written(tmp_path / "run", [request(number, text, text) for number, text in enumerate(odd)])
    table = RequestTable(tmp_path / "run")
    found, _ = rows(tmp_path / "run", "chat")
    assert [one["messages"][0]["content"] for one in found] == [*odd[:4], "? half"]
    write_rows(table, table.find(parse(""), "time"), "chat", tmp_path / "out.parquet")
    assert [one["messages"] for one in parquet.read_table(tmp_path / "out.parquet").to_pylist()] == [
        one["messages"] for one in found
    ]

"""`/invocations`: each form that MLflow and SageMaker send comes to the same predictions."""

from __future__ import annotations

import json

import pytest

from tests.server.openai.test_client import HELLO, expected

TEXTS = ["hello world", "The quick, brown fox"]
GIVEN = {"max_new_tokens": 5}


@pytest.fixture(scope="module")
def said(module, tokenizer):
    return [expected(module, tokenizer, [{"role": "user", "content": text}], max_new_tokens=5).text for text in TEXTS]


@pytest.mark.parametrize(
    "table",
    [
        {"dataframe_split": {"columns": ["id", "text"], "data": [[i, text] for i, text in enumerate(TEXTS)]}},
        {"dataframe_records": [{"text": text} for text in TEXTS]},
        {"instances": TEXTS},
        {"instances": [[text] for text in TEXTS]},
        {"inputs": {"prompt": TEXTS}},
        {"inputs": [[{"role": "user", "content": text}] for text in TEXTS]},
    ],
    ids=["split", "records", "instances", "rows", "columns", "conversations"],
)
def test_tables_of_json(server, said, table):
    status, _, told = server.ask("POST", "/invocations", table | {"params": GIVEN})
    assert (status, told) == (200, {"predictions": said})


def test_csv_and_json_lines(server, said):
    rows = '"hello world"\n"The quick, brown fox"\n'
    for kind, body in {"text/csv": rows, "text/csv; charset=utf-8": f"text\n{rows}",
                       "application/jsonlines": "\n".join(map(json.dumps, TEXTS))}.items():  # fmt: skip
        status, _, told = server.ask("POST", "/invocations", body.encode(), Content_Type=kind)
        assert status == 200
        assert [one[: len(some)] for one, some in zip(told["predictions"], said, strict=True)] == said


def test_other_bodies_are_what_other_routes_take(server, module, tokenizer):
    chat = server.ask("POST", "/invocations", {"messages": HELLO, "max_tokens": 4, "temperature": 0})[2]
    assert chat["choices"][0]["message"]["content"] == expected(module, tokenizer, HELLO, max_new_tokens=4).text
    text = server.ask("POST", "/invocations", {"prompt": "The quick", "max_tokens": 4, "temperature": 0})[2]
    assert text["choices"][0]["text"] == expected(module, tokenizer, "The quick", max_new_tokens=4).text
    assert server.ask("GET", "/ping", Authorization="")[0] == 200


@pytest.mark.parametrize(
    "body",
    [
        {}, {"inputs": []}, {"inputs": 5}, {"inputs": [5]}, {"inputs": [""]}, {"instances": ["x"], "inputs": ["x"]},
        {"dataframe_split": []}, {"dataframe_split": {"columns": [], "data": [5]}}, {"inputs": ["x"], "params": 5},
        {"inputs": ["x"], "params": {"temperature": 9}}, {"inputs": [[{"role": "king"}]]}, {"input": "x"}, b"{", b"5",
        {"documents": ["x"], "query": "y"}, {"inputs": {"a": []}}, {"inputs": ["x"], "params": {"max_tokens": 10**9}},
    ],
)  # fmt: skip
def test_what_is_no_table_is_refused(server, body):
    status, _, told = server.ask("POST", "/invocations", body)
    assert status == 400 and set(told["error"]) == {"message", "type", "param", "code"}

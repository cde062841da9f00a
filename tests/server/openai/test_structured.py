"""Answers of a given form: a model that knows nothing keeps to it, and pydantic reads it."""

from __future__ import annotations

import json
import re
from typing import Literal

import pytest
from pydantic import BaseModel

from tests.lazily import Lazily
from tests.server.openai.conftest import KEY
from tests.server.openai.test_client import HELLO

openai = Lazily("openai")
pytest.importorskip("llguidance", reason="the package for it is not installed")


class Sky(BaseModel):
    colour: Literal["blue", "grey"]
    birds: Literal[0, 1, 2]
    is_night: bool


@pytest.fixture(scope="module")
def client(server):
    with openai.OpenAI(base_url=server.url, api_key=KEY, max_retries=0) as found:
        yield found


def test_pydantic_reads_what_a_model_of_random_weights_says(client):
    for seed in range(3):
        answer = client.chat.completions.parse(
            model="tiny", messages=HELLO, response_format=Sky, seed=seed, temperature=0.7, max_tokens=100, n=2,
        )  # fmt: skip
        for choice in answer.choices:
            assert choice.finish_reason == "stop" and isinstance(choice.message.parsed, Sky)


def test_any_object_is_one(client):
    answer = client.chat.completions.create(
        model="tiny", messages=HELLO, response_format={"type": "json_object"}, temperature=0, max_tokens=200
    )
    choice = answer.choices[0]
    assert choice.message.content.lstrip().startswith("{")
    assert choice.finish_reason == "length" or isinstance(json.loads(choice.message.content), dict)


def test_a_schema_that_is_none_is_refused(client):
    schema = {"name": "x", "schema": {"type": "nonsense"}}
    with pytest.raises(openai.BadRequestError) as told:
        client.chat.completions.create(
            model="tiny", messages=HELLO, response_format={"type": "json_schema", "json_schema": schema}
        )
    assert told.value.param == "response_format.json_schema.schema"


def test_a_call_that_is_demanded_is_made(client):
    parameters = {
        "type": "object", "properties": {"town": {"enum": ["Rome", "Kiel"]}}, "required": ["town"],
        "additionalProperties": False,
    }  # fmt: skip
    tools = [{"type": "function", "function": {"name": name, "parameters": parameters}} for name in ("sun", "rain")]
    for choice in ("required", {"type": "function", "function": {"name": "rain"}}):
        answer = client.chat.completions.create(
            model="tiny", messages=HELLO, tools=tools, tool_choice=choice, max_tokens=100, seed=3
        )
        [call] = answer.choices[0].message.tool_calls
        assert json.loads(call.function.arguments)["town"] in ("Rome", "Kiel")
        assert call.function.name in ("sun", "rain")[choice != "required" :]


@pytest.mark.parametrize(
    ("form", "whole"),
    [
        ({"regex": "[0-9]{3}-[a-z]{2}"}, r"[0-9]{3}-[a-z]{2}"),
        ({"choice": ["yes", "no"]}, r"yes|no"),
        ({"grammar": 'start: "a" "b"+ "c"'}, r"ab+c"),
        ({"json": {"enum": [1, 2]}}, r"[12]"),
    ],
)
def test_forms_that_are_not_openais_are_kept_to(client, form, whole):
    asked = {"model": "tiny", "max_tokens": 60, "seed": 4, "extra_body": {"structured_outputs": form}}
    chat = client.chat.completions.create(messages=HELLO, **asked).choices[0]
    text = client.completions.create(prompt="hello", **asked).choices[0]
    for said, finish in ((chat.message.content, chat.finish_reason), (text.text, text.finish_reason)):
        assert re.fullmatch(whole, said) or (finish == "length" and form.keys() == {"grammar"})


@pytest.mark.parametrize(
    ("form", "param"),
    [
        ({"regex": "[a"}, "structured_outputs.regex"),
        ({"grammar": "start: nothing"}, "structured_outputs.grammar"),
        ({"choice": [""]}, "structured_outputs.choice"),
        ({"json": "{"}, "structured_outputs.json"),
        ({"regex": "a", "choice": ["b"]}, "structured_outputs"),
    ],
)
def test_a_form_that_is_none_is_refused(client, form, param):
    with pytest.raises(openai.BadRequestError) as told:
        client.completions.create(model="tiny", prompt="x", extra_body={"structured_outputs": form})
    assert told.value.param == param


@pytest.mark.parametrize("form", [{"regex": "\ud800"}, {"choice": ["\ud800"]}, {"grammar": 'start: "\ud800"'}])
def test_a_form_with_half_a_character_is_refused(server, form):
    for path, asked in (("/v1/completions", {"prompt": "x"}), ("/v1/chat/completions", {"messages": HELLO})):
        status, _, told = server.ask("POST", path, asked | {"max_tokens": 1, "structured_outputs": form})
        assert status == 400 and told["error"]["param"] == f"structured_outputs.{next(iter(form))}"

"""Calls are read in every template's form, whole and broken."""

from __future__ import annotations

import pytest

from tests.generate.played import FORMS, WRITTEN, tokenizer
from whet.base.errors import ModelError
from whet.generate.tool_calls import Exchange
from whet.generate.tools import Call


@pytest.mark.parametrize("form", FORMS)
def test_the_form_follows_from_the_template_and_its_calls_are_read(tools, form):
    exchange = Exchange(tokenizer(form), [tool.schema for tool in tools])
    assert exchange.form == ("hermes" if form == "ours" else form)
    said = exchange.read(WRITTEN[exchange.form])
    assert said.content == "" and said.calls == (Call("add", {"a": 1}),)
    assert exchange.read("It is 3.").calls == ()


@pytest.mark.parametrize(
    ("form", "text", "calls"),
    [
        ("hermes", "So:\n" + WRITTEN["hermes"] + "\n" + WRITTEN["hermes"], 2),
        ("hermes", "<tool_call>{broken</tool_call>", 1),
        ("hermes", '<tool_call>{"name": 3}</tool_call>', 1),
        ("hermes", '<tool_call>{"name": "add", "arguments": ' + '{"a": ' * 5_000, 1),
        ("mistral", "[TOOL_CALLS] " + "[{" * 5_000, 1),
        ("json", '{"name": "add", "parameters": ' + '{"a": ' * 5_000, 1),
        ("hermes", '<tool_call>{"name": "add", "arguments": "{\\"a\\": 1}"}</tool_call>', 1),
        ("mistral", '[TOOL_CALLS]add[ARGS]{"a": 1}', 1),
        ("mistral", "[TOOL_CALLS] [{", 1),
        ("json", '<|python_tag|>{"name": "add", "parameters": {"a": 1}}; {"name": "add", "parameters": {"a": 2}}', 2),
        ("json", '{"temperature": 3}', 0),
        ("glm", "So:\n" + WRITTEN["glm"] + "\n" + WRITTEN["glm"], 2),
        ("glm", "<tool_call>{broken</tool_call>", 1),
        ("json", '{"name": "add", "parameters": {', 1),
    ],
)
def test_several_calls_and_broken_ones(tools, form, text, calls):
    found = Exchange(tokenizer(form), [tool.schema for tool in tools]).read(text).calls
    assert len(found) == calls
    if any(part in text for part in ("broken", '"name": 3', "[{", '": {')) and text.count("}") < text.count("{"):
        assert found[0].error


def test_a_template_without_calls_is_refused(tools):
    made = tokenizer("hermes")
    made.chat_template = "{% for m in messages %}<|turn|>{{ m.role }}\n{{ m.content }}<|end|>\n{% endfor %}"
    with pytest.raises(ModelError, match="leaves out tool calls"):
        Exchange(made, [tool.schema for tool in tools])


def test_arguments_of_glm_are_texts_numbers_and_lists(tools):
    read = Exchange(tokenizer("glm"), [tool.schema for tool in tools]).read
    pairs = [("city", "New York"), ("days", "3"), ("tags", '["a", "b"]'), ("note", "two\nlines")]
    body = "".join(f"<arg_key>{key}</arg_key>\n<arg_value>{value}</arg_value>\n" for key, value in pairs)
    said = read(f"I look.\n<tool_call>weather\n{body}</tool_call>")
    assert said.content == "I look." and said.calls == (
        Call("weather", {"city": "New York", "days": 3, "tags": ["a", "b"], "note": "two\nlines"}),
    )
    for broken in ("<tool_call></tool_call>", "<tool_call>add city=3</tool_call>"):
        assert read(broken).calls[0].error

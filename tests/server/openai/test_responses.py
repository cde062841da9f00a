"""OpenAI's client asks for responses: text, tools, events, schemas, and conversations that go on from stored ones."""

from __future__ import annotations

import json
from typing import Literal

import pytest
from pydantic import BaseModel

from tests.lazily import Lazily
from tests.server.openai.conftest import KEY, own, running
from tests.server.openai.test_client import CALL, HELLO, expected
from tests.server.openai.tools import WEATHER, Scripted
from whet.server.openai.service import Service

openai = Lazily("openai")

TOOL = {"type": "function", "strict": False, **WEATHER["function"]}
ASKED = {"model": "tiny", "input": HELLO[0]["content"], "temperature": 0, "max_output_tokens": 12}


class Sky(BaseModel):
    colour: Literal["blue", "grey"]


@pytest.fixture(scope="module")
def client(server):
    with openai.OpenAI(base_url=server.url, api_key=KEY, max_retries=0) as found:
        yield found


def scripted(module, tokenizer, texts):
    engine = Scripted(tokenizer, texts)
    return engine, running(Service(own(module, tokenizer), ("tiny",), engine=engine))


def client_of(server):
    return openai.OpenAI(base_url=server.url, api_key=KEY, max_retries=0)


def test_a_response_and_its_stream_say_what_the_model_says(client, module, tokenizer):
    said = expected(module, tokenizer, HELLO, max_new_tokens=12)
    whole = client.responses.create(**ASKED)
    assert whole.output_text == said.text and whole.status == "incomplete"
    assert whole.incomplete_details.reason == "max_output_tokens"
    assert (whole.usage.input_tokens, whole.usage.output_tokens) == (said.num_prompt_tokens, 12)
    with client.responses.stream(**ASKED) as stream:
        events = list(stream)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == said.text
    assert events[0].type == "response.created" and events[-1].type == "response.incomplete"
    assert events[-1].response.output[0].content[0].text == said.text


def test_log_probabilities_come_where_they_are_asked_for(client, module, tokenizer):
    said = expected(module, tokenizer, HELLO, max_new_tokens=12, logprobs=True)
    asked = ASKED | {"include": ["message.output_text.logprobs"], "top_logprobs": 1}
    [part] = client.responses.create(**asked).output[0].content
    assert [one.logprob for one in part.logprobs] == pytest.approx([t.logprob for t in said.tokens], abs=1e-4)


def test_a_conversation_goes_on_from_a_stored_response(client, module, tokenizer):
    first = client.responses.create(**ASKED, instructions="Be brief.")
    second = client.responses.create(**ASKED | {"input": "and then?"}, previous_response_id=first.id)
    talk = [*HELLO, {"role": "assistant", "content": first.output_text}, {"role": "user", "content": "and then?"}]
    assert second.output_text == expected(module, tokenizer, talk, max_new_tokens=12).text
    assert client.responses.retrieve(second.id).output_text == second.output_text
    [item] = client.responses.input_items.list(second.id).data
    assert item.content[0].text == "and then?"
    unstored = client.responses.create(**ASKED, store=False)
    client.responses.delete(first.id)
    for gone in (first.id, unstored.id):
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(gone)
    with pytest.raises(openai.NotFoundError) as told:
        client.responses.create(**ASKED, previous_response_id=second.id)
    assert told.value.param == "previous_response_id"
    counted = client.responses.input_tokens.count(model="tiny", input=ASKED["input"])
    assert counted.input_tokens == unstored.usage.input_tokens


def test_a_schema_is_kept_to(client):
    pytest.importorskip("llguidance", reason="the package for it is not installed")
    found = client.responses.parse(model="tiny", input="hello", text_format=Sky, max_output_tokens=60)
    assert isinstance(found.output_parsed, Sky) and found.status == "completed"


def test_a_tool_is_called_and_its_result_is_read(module, tokenizer):
    engine, serving = scripted(module, tokenizer, [f"I look. {CALL}", f"I look. {CALL}", "It is warm."])
    with serving as server, client_of(server) as client:
        asked = {"model": "tiny", "tools": [TOOL]}
        whole = client.responses.create(input="hello", **asked)
        with client.responses.stream(input="hello", **asked) as stream:
            events = list(stream)
        text, call = whole.output
        assert (text.content[0].text.strip(), call.name, json.loads(call.arguments)) == (
            "I look.",
            "weather",
            {"town": "Köln"},
        )
        assert [item.type for item in events[-1].response.output] == ["message", "function_call"]
        [done] = [event for event in events if event.type == "response.function_call_arguments.done"]
        assert done.arguments == call.arguments and events[-1].type == "response.completed"
        result = {"type": "function_call_output", "call_id": call.call_id, "output": "20 degrees"}
        last = client.responses.create(input=[result], previous_response_id=whole.id, **asked)
        assert last.output_text == "It is warm."
    prompt = tokenizer.decode(engine.asked[-1].ids)
    assert prompt.index("I look.") < prompt.index('"town": "K') < prompt.index("20 degrees")


def test_of_several_calls_one_is_passed_on_where_they_must_not_be_parallel(module, tokenizer):
    _, serving = scripted(module, tokenizer, [CALL + CALL] * 2)
    with serving as server, client_of(server) as client:
        for is_parallel, count in ((True, 2), (False, 1)):
            answer = client.responses.create(model="tiny", input="hello", tools=[TOOL], parallel_tool_calls=is_parallel)
            assert [item.type for item in answer.output] == ["function_call"] * count


def test_a_failure_amid_a_stream_is_an_event(serve, tokenizer):
    from tests.generate import tiny

    with serve(tiny.module(max_position_embeddings=512), tokenizer, timeout_s=0.02) as server, client_of(server) as one:
        asked = ASKED | {"max_output_tokens": 400, "stream": True}
        events = list(one.responses.create(**asked))
    assert events[-1].type == "response.failed" and "0.02 s" in events[-1].response.error.message


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"input": []}, "input"),
        ({"input": [{"role": "king", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "http://x"}]}]},
         "input[0].content[0]"),
        ({"input": [{"type": "function_call_output", "output": "x"}]}, "input[0].call_id"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type"),
        ({"input": "word " * 2000}, "input"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"background": True}, "background"),
        ({"truncation": "auto"}, "truncation"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"metadata": {"x": "y" * 600}}, "metadata.x"),
        ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "response_format.json_schema.schema"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused(client, changes, param):
    with pytest.raises(openai.BadRequestError) as told:
        client.responses.create(**ASKED | changes)
    assert told.value.param == param and told.value.body["message"]

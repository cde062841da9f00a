"""Anthropic's own client, unmodified, with another address and key."""

from __future__ import annotations

import pytest

from tests.lazily import Lazily
from tests.server.openai.conftest import KEY, own, running
from tests.server.openai.test_client import CALL, HELLO
from tests.server.openai.tools import WEATHER, Scripted
from whet.generate.decode import complete
from whet.generate.protocol import GenerateSettings
from whet.server.openai.service import Service

anthropic = Lazily("anthropic")

TOOL = {"name": "weather", "input_schema": WEATHER["function"]["parameters"]}


def client_of(server):
    url = server.url.removesuffix("/v1")
    return anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0)


def test_a_message_and_a_stream_say_what_the_model_says(server, module, tokenizer):
    asked = {"model": "tiny", "messages": HELLO, "system": "Be brief.", "max_tokens": 12}
    asked["extra_body"] = {"temperature": 0}
    prompt = [{"role": "system", "content": "Be brief."}, *HELLO]
    said = complete(module, tokenizer, [prompt], GenerateSettings(max_new_tokens=12))[0]
    with client_of(server) as client:
        message = client.messages.create(**asked)
        with client.messages.stream(**asked) as stream:
            text = "".join(stream.text_stream)
            final = stream.get_final_message()
        counted = client.messages.count_tokens(model="tiny", messages=HELLO, system="Be brief.")
        with pytest.raises(anthropic.BadRequestError) as told:
            client.messages.create(**asked | {"max_tokens": 5_000})
        with pytest.raises(anthropic.NotFoundError):
            client.messages.create(**asked | {"model": "other"})
    assert message.content[0].text == text == final.content[0].text == said.text
    assert message.stop_reason == final.stop_reason == "max_tokens" and final.usage.output_tokens == 12
    assert message.usage.input_tokens == counted.input_tokens == said.num_prompt_tokens
    assert told.value.body["error"]["type"] == "invalid_request_error"


def test_the_sequence_that_ended_a_message_is_told(module, tokenizer):
    engine = Scripted(tokenizer, ["one two three"] * 3)
    with running(Service(own(module, tokenizer), ("tiny",), engine=engine)) as server, client_of(server) as client:
        asked = {"model": "tiny", "max_tokens": 50, "messages": HELLO}
        message = client.messages.create(**asked, stop_sequences=["never", " thr"])
        with client.messages.stream(**asked, stop_sequences=["never", " thr"]) as stream:
            streamed = stream.get_final_message()
        free = client.messages.create(**asked, stop_sequences=["never"])
    for found in (message, streamed):
        assert (found.content[0].text, found.stop_reason, found.stop_sequence) == ("one two", "stop_sequence", " thr")
    assert (free.stop_reason, free.stop_sequence) == ("end_turn", None)


def test_a_tool_is_used_and_its_result_is_read(module, tokenizer):
    engine = Scripted(tokenizer, [f"I look. {CALL}", f"I look. {CALL}", "It is warm."])
    with running(Service(own(module, tokenizer), ("tiny",), engine=engine)) as server, client_of(server) as client:
        asked = {"model": "tiny", "max_tokens": 200, "tools": [TOOL]}
        message = client.messages.create(messages=HELLO, **asked)
        with client.messages.stream(messages=HELLO, **asked) as stream:
            streamed = stream.get_final_message()
        text, call = message.content
        assert (text.text, call.name, call.input) == ("I look.", "weather", {"town": "Köln"})
        assert [part.type for part in streamed.content] == ["text", "tool_use"] and streamed.content[
            1
        ].input == call.input
        assert message.stop_reason == streamed.stop_reason == "tool_use"
        result = {"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": "20 degrees"}]}
        turns = [*HELLO, {"role": "assistant", "content": message.content}, {"role": "user", "content": [result]}]
        last = client.messages.create(messages=turns, **asked)
    assert last.content[0].text == "It is warm." and last.stop_reason == "end_turn"
    prompt = tokenizer.decode(engine.asked[-1].ids)
    assert "20 degrees" in prompt and '"town": "K' in prompt

"""Ollama's own client: turns, texts, streams, what is there, and errors as it reads them."""

from __future__ import annotations

import pytest

from tests.server.openai.conftest import KEY, own, running
from tests.server.openai.test_client import CALL, HELLO, expected
from tests.server.openai.tools import WEATHER, Scripted
from whet.server.openai.service import Service

ollama = pytest.importorskip("ollama", reason="`make test-clients` has it")
OPTIONS = {"temperature": 0, "num_predict": 12}


def client(server):
    root = server.url.removesuffix("/v1")
    return ollama.Client(root, headers={"Authorization": f"Bearer {KEY}"})


def test_a_turn_and_its_stream_are_the_models(server, module, tokenizer):
    said = expected(module, tokenizer, HELLO, max_new_tokens=12)
    whole = client(server).chat("tiny", HELLO, options=OPTIONS)
    parts = list(client(server).chat("tiny", HELLO, options=OPTIONS, stream=True, keep_alive="5m", think=False))
    assert whole.message.content == "".join(part.message.content for part in parts) == said.text
    assert whole.eval_count == parts[-1].eval_count == len(said.tokens) and whole.done_reason == said.finish


def test_a_text_and_its_stream_are_the_models(server, module, tokenizer):
    text = HELLO[0]["content"]
    said = expected(module, tokenizer, text, max_new_tokens=12).text
    parts = client(server).generate("tiny", text, raw=True, options=OPTIONS, stream=True)
    assert "".join(part.response for part in parts) == said
    assert client(server).generate("tiny", text, raw=True, options=OPTIONS).response == said


def test_tools_are_called_and_their_results_are_read(module, tokenizer):
    engine = Scripted(tokenizer, [CALL, "warm"])
    with running(Service(own(module, tokenizer), ("tiny",), engine=engine)) as server:
        asked = client(server).chat("tiny", HELLO, tools=[WEATHER]).message
        turns = [*HELLO, asked, {"role": "tool", "tool_name": "weather", "content": "20 degrees"}]
        answer = client(server).chat("tiny", turns, tools=[WEATHER]).message
    [call] = asked.tool_calls
    assert (call.function.name, call.function.arguments) == ("weather", {"town": "Köln"})
    assert answer.content == "warm" and "20 degrees" in tokenizer.decode(engine.asked[-1].ids)


def test_it_finds_what_is_there(server):
    [listed], [loaded] = client(server).list().models, client(server).ps().models
    assert listed.model == loaded.model == "tiny" and listed.details.family == "llama"
    shown = client(server).show("tiny")
    assert shown.capabilities == ["completion"] and shown.modelinfo["llama.context_length"] == 1024


def test_an_error_is_a_text_of_the_servers(server):
    for ask in (
        lambda: client(server).embed("tiny", "x"),
        lambda: client(server).embeddings("tiny", "x"),
    ):
        with pytest.raises(ollama.ResponseError) as found:
            ask()
        assert found.value.status_code == 400 and "makes no embeddings" in found.value.error.splitlines()[0]
    with pytest.raises(ollama.ResponseError) as found:
        list(client(server).chat("other", HELLO, stream=True))
    assert found.value.status_code == 404 and found.value.error.startswith("the model `other`")

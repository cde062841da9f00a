"""LangChain's ChatOpenAI with another address and key: turns, streams, tools, structured answers."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import BaseModel

from tests.server.openai.conftest import KEY, own, running
from tests.server.openai.test_client import CALL, HELLO, expected
from tests.server.openai.tools import WEATHER, Scripted
from whet.server.openai.service import Service

langchain = pytest.importorskip("langchain_openai", reason="`make test-clients` has it")
TEXT = HELLO[0]["content"]


class Mood(BaseModel):
    """How somebody feels."""

    mood: Literal["good", "bad"]


def model(server, **more):
    return langchain.ChatOpenAI(base_url=server.url, api_key=KEY, model="tiny", max_retries=0, **more)


def test_a_turn_and_its_stream_are_the_models(server, module, tokenizer):
    said = expected(module, tokenizer, HELLO, max_new_tokens=12)
    chat = model(server, temperature=0, max_tokens=12, stream_usage=True)
    whole, parts = chat.invoke(TEXT), list(chat.stream(TEXT))
    assert whole.content == "".join(part.content for part in parts) == said.text
    assert whole.usage_metadata["output_tokens"] == len(said.tokens)
    assert sum(part.usage_metadata["output_tokens"] for part in parts if part.usage_metadata) == len(said.tokens)
    assert whole.response_metadata["finish_reason"] == said.finish


def test_turns_by_the_responses_api_are_the_same(server, module, tokenizer):
    said = expected(module, tokenizer, HELLO, max_new_tokens=16)
    chat = model(server, temperature=0, max_tokens=16, use_responses_api=True)
    assert chat.invoke(TEXT).text == "".join(part.text for part in chat.stream(TEXT)) == said.text


@pytest.mark.parametrize("streams", [False, True])
def test_tools_are_called_and_their_results_are_read(module, tokenizer, streams):
    engine = Scripted(tokenizer, [CALL, "warm"])
    with running(Service(own(module, tokenizer), ("tiny",), engine=engine)) as server:
        chat = model(server, streaming=streams).bind_tools([WEATHER])
        asked = chat.invoke(TEXT)
        [call] = asked.tool_calls
        result = langchain.chat_models.base.ToolMessage("20 degrees", tool_call_id=call["id"])
        answer = chat.invoke([("user", TEXT), asked, result])
    assert (call["name"], call["args"]) == ("weather", {"town": "Köln"})
    assert answer.content == "warm" and "20 degrees" in tokenizer.decode(engine.asked[-1].ids)


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_a_structured_answer_is_one(server, method):
    chat = model(server, max_tokens=300, seed=1).with_structured_output(Mood, method=method)
    assert chat.invoke(TEXT).mood in ("good", "bad")


def test_the_embeddings_of_a_model_without_are_refused(server):
    embeddings = langchain.OpenAIEmbeddings(
        base_url=server.url, api_key=KEY, model="tiny", max_retries=0, check_embedding_ctx_length=False
    )
    with pytest.raises(Exception, match="makes no embeddings"):
        embeddings.embed_query("x")

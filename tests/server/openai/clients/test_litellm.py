"""LiteLLM, whose `openai/` provider asks this server: turns, streams, completions, tools, errors."""

from __future__ import annotations

import json
import os

import pytest

from tests.server.openai.conftest import KEY, own, running
from tests.server.openai.test_client import CALL, HELLO, expected
from tests.server.openai.tools import WEATHER, Scripted
from whet.server.openai.service import Service

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else importing it asks a site for prices
litellm = pytest.importorskip("litellm", reason="`make test-clients` has it")


def ask(server, **more):
    given = {"model": "openai/tiny", "messages": HELLO, "temperature": 0, "max_tokens": 12}
    return litellm.completion(**{**given, **more}, api_base=server.url, api_key=KEY, num_retries=0, max_retries=0)


def test_a_turn_and_its_stream_are_the_models(server, module, tokenizer):
    said = expected(module, tokenizer, HELLO, max_new_tokens=12)
    whole = ask(server)
    chunks = list(ask(server, stream=True, stream_options={"include_usage": True}))
    assert whole.choices[0].message.content == said.text
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == said.text
    assert whole.usage.completion_tokens == chunks[-1].usage.completion_tokens == len(said.tokens)


@pytest.mark.parametrize("provider", ["hosted_vllm", "text-completion-openai"])
def test_other_providers_of_the_same_form_are_answered(server, module, tokenizer, provider):
    if provider == "hosted_vllm":
        said = expected(module, tokenizer, HELLO, max_new_tokens=12)
        assert ask(server, model=f"{provider}/tiny").choices[0].message.content == said.text
        return
    text = HELLO[0]["content"]
    answer = litellm.text_completion(
        model=f"{provider}/tiny", prompt=text, temperature=0, max_tokens=12, api_base=server.url, api_key=KEY
    )
    assert answer.choices[0].text == expected(module, tokenizer, text, max_new_tokens=12).text


@pytest.mark.parametrize("provider", ["ollama_chat", "anthropic"])
def test_other_apis_of_the_server_are_read(server, module, tokenizer, provider):
    root = server.url.removesuffix("/v1")
    said = expected(module, tokenizer, HELLO, max_new_tokens=12)
    given = {"model": f"{provider}/tiny", "messages": HELLO, "temperature": 0, "max_tokens": 12, "num_retries": 0}
    whole = litellm.completion(**given, api_base=root, api_key=KEY)
    parts = list(litellm.completion(**given, api_base=root, api_key=KEY, stream=True))
    assert whole.choices[0].message.content == said.text
    assert "".join(part.choices[0].delta.content or "" for part in parts) == said.text


def test_calls_come_through(module, tokenizer):
    with running(Service(own(module, tokenizer), ("tiny",), engine=Scripted(tokenizer, [CALL]))) as server:
        [call] = ask(server, tools=[WEATHER], max_tokens=200).choices[0].message.tool_calls
    assert call.function.name == "weather" and json.loads(call.function.arguments) == {"town": "Köln"}


def test_refusals_become_its_errors(server):
    with pytest.raises(litellm.NotFoundError, match="is not served here"):
        ask(server, model="openai/other")
    with pytest.raises(litellm.ContextWindowExceededError, match="maximum context length is 1024 tokens"):
        ask(server, max_tokens=5000)
    with pytest.raises(litellm.AuthenticationError):
        litellm.completion(model="openai/tiny", messages=HELLO, api_base=server.url, api_key="no", num_retries=0)

"""What Open WebUI asks, in its order: as a page before an OpenAI server, and before an Ollama server."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from tests.server.openai.test_client import HELLO, expected


@pytest.fixture
def ask(server):
    """`ask(method, path, body)`: the answer to a request with the headers of the page."""

    def asked(method, path, body=None):
        known = {"X_OpenWebUI_User_Name": "Ada", "X_OpenWebUI_Chat_Id": "c1", "Accept": "*/*"}
        status, _, told = server.ask(method, path, body, **known)
        assert status == 200, told
        return told

    return asked


def test_its_openai_side_lists_streams_and_titles_a_chat(ask, module, tokenizer):
    [model] = ask("GET", "/v1/models")["data"]
    said = expected(module, tokenizer, HELLO, max_new_tokens=12)
    asked = {
        "stream": True, "model": model["id"], "messages": HELLO, "temperature": 0, "max_tokens": 12,
        "stream_options": {"include_usage": True}, "user": {"name": "Ada", "id": "u1", "role": "admin"},
        "chat_id": "c1", "session_id": "s1", "id": "m1", "background_tasks": {"title_generation": True},
        "features": {"web_search": False}, "variables": {"{{USER_NAME}}": "Ada"}, "tool_ids": [], "files": [],
    }  # fmt: skip
    lines = ask("POST", "/v1/chat/completions", asked).splitlines()
    told = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    chunks = [json.loads(one) for one in told[:-1]]
    assert told[-1] == "[DONE]" and chunks[-1]["usage"]["completion_tokens"] == len(said.tokens)
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"]) == said.text
    turns = [*HELLO, {"role": "assistant", "content": said.text}, {"role": "user", "content": "A title"}]
    title = {"model": model["id"], "messages": turns, "stream": False, "max_completion_tokens": 40}
    assert ask("POST", "/v1/chat/completions", title)["usage"]["completion_tokens"] > 0


def test_its_ollama_side_connects_shows_and_streams(ask, module, tokenizer):
    assert ask("GET", "/api/version")["version"].count(".") == 2
    [model] = ask("GET", "/api/tags")["models"]
    assert model["model"] and datetime.fromisoformat(model["modified_at"]) and model["size"] >= 0
    assert [one["model"] for one in ask("GET", "/api/ps")["models"]] == [model["model"]]
    shown = ask("POST", "/api/show", {"model": model["model"]})
    assert "completion" in shown["capabilities"] and shown["model_info"]["general.architecture"] == "llama"
    loads = ask("POST", "/api/chat", {"model": model["model"], "messages": [], "keep_alive": "5m"})
    assert loads["done_reason"] == "load"
    asked = {
        "model": f"{model['model']}:latest", "messages": HELLO, "stream": True, "keep_alive": "5m", "think": False,
        "options": {"temperature": 0, "num_predict": 12, "num_ctx": 2048, "mirostat": 0, "num_thread": 2},
    }  # fmt: skip
    parts = [json.loads(line) for line in ask("POST", "/api/chat", asked).splitlines()]
    said = expected(module, tokenizer, HELLO, max_new_tokens=12)
    assert "".join(part["message"]["content"] for part in parts) == said.text
    assert parts[-1]["done"] and parts[-1]["eval_count"] == len(said.tokens)

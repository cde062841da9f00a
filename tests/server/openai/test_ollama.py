"""What Ollama's clients ask for, and how they read it: lines of JSON, counts, calls, names with `:latest`."""

from __future__ import annotations

import json

import pytest

from tests.server.openai.conftest import own, running
from tests.server.openai.test_client import CALL, HELLO, expected
from tests.server.openai.tools import WEATHER, Scripted
from whet.base.errors import ModelError
from whet.server.openai.service import Service

OPTIONS = {"temperature": 0, "num_predict": 12}


def lines(text: str) -> list:
    return [json.loads(line) for line in text.splitlines()]


def test_a_chat_is_streamed_and_whole_the_same(server, module, tokenizer):
    said = expected(module, tokenizer, HELLO, max_new_tokens=12)
    asked = {"model": "tiny:latest", "messages": HELLO, "options": OPTIONS}
    status, headers, text = server.ask("POST", "/api/chat", asked)
    parts = lines(text)
    assert status == 200 and headers["content-type"] == "application/x-ndjson"
    assert "".join(part["message"]["content"] for part in parts) == said.text
    assert [part["done"] for part in parts] == [False] * (len(parts) - 1) + [True]
    whole = server.ask("POST", "/api/chat", asked | {"stream": False})[2]
    assert whole["message"] == {"role": "assistant", "content": said.text} and whole["done"]
    for last in (parts[-1], whole):
        assert (last["prompt_eval_count"], last["eval_count"]) == (said.num_prompt_tokens, 12)
        assert last["done_reason"] == "length" and last["total_duration"] >= last["eval_duration"] > 0


def test_a_prompt_is_what_a_user_says_or_is_gone_on_with(server, module, tokenizer):
    asked = {"model": "tiny", "prompt": HELLO[0]["content"], "options": OPTIONS, "stream": False}
    said = server.ask("POST", "/api/generate", asked)[2]["response"]
    assert said == expected(module, tokenizer, HELLO, max_new_tokens=12).text
    raw = "".join(
        one["response"] for one in lines(server.ask("POST", "/api/generate", asked | {"raw": True, "stream": True})[2])
    )
    assert raw == expected(module, tokenizer, HELLO[0]["content"], max_new_tokens=12).text != said


def test_a_format_is_kept_to(server):
    pytest.importorskip("llguidance", reason="the package for it is not installed")
    schema = {
        "type": "object",
        "properties": {"x": {"enum": ["a", "b"]}},
        "required": ["x"],
        "additionalProperties": False,
    }
    options = {"num_predict": 60, "seed": 1}
    chat = {"model": "tiny", "messages": HELLO, "format": schema, "options": options, "stream": False}
    assert json.loads(server.ask("POST", "/api/chat", chat)[2]["message"]["content"])["x"] in "ab"
    text = {"model": "tiny", "prompt": "x", "raw": True, "format": schema, "options": options, "stream": False}
    assert json.loads(server.ask("POST", "/api/generate", text)[2]["response"])["x"] in "ab"


def test_calls_have_their_arguments_as_objects(module, tokenizer):
    engine = Scripted(tokenizer, [f"I look. {CALL}", f"I look. {CALL}", "warm"])
    with running(Service(own(module, tokenizer), ("tiny",), engine=engine)) as server:
        asked = {"model": "tiny", "messages": HELLO, "tools": [WEATHER]}
        whole = server.ask("POST", "/api/chat", asked | {"stream": False})[2]["message"]
        parts = lines(server.ask("POST", "/api/chat", asked)[2])
        turns = [*HELLO, whole, {"role": "tool", "tool_name": "weather", "content": "20 degrees"}]
        server.ask("POST", "/api/chat", {**asked, "messages": turns, "stream": False})
    call = {"function": {"name": "weather", "arguments": {"town": "Köln"}}}
    assert whole["tool_calls"] == [call] and whole["content"].strip() == "I look."
    assert [one for part in parts for one in part["message"].get("tool_calls", [])] == [call]
    assert "20 degrees" in tokenizer.decode(engine.asked[-1].ids)


def test_clients_find_what_is_there(server):
    for path in ("/api/tags", "/api/ps"):
        [model] = server.ask("GET", path)[2]["models"]
        assert model["name"] == "tiny" and model["details"]["family"] == "llama"
    shown = server.ask("POST", "/api/show", {"model": "tiny:latest"})[2]
    assert shown["capabilities"] == ["completion"] and shown["model_info"]["llama.context_length"] == 1024
    assert server.ask("GET", "/api/version")[0] == 200


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/api/chat", {"model": "other", "messages": HELLO}, 404, "model `other`"),
        ("/api/chat", {"model": "other", "messages": []}, 404, "model `other`"),
        ("/api/chat", {"model": "tiny", "messages": HELLO, "stream": 1}, 400, "`stream`"),
        ("/api/chat", {"model": "tiny", "messages": [{"role": "user", "content": "x", "images": ["aGk="]}]}, 400,
         "text alone"),
        ("/api/chat", {"model": "tiny", "messages": HELLO, "format": "xml"}, 400, "no format `xml`"),
        ("/api/chat", {"model": "tiny", "messages": HELLO, "options": {"temperature": 9}}, 400,
         "`options.temperature`"),
        ("/api/generate", {"model": "tiny", "prompt": "x", "suffix": "y"}, 400, "`suffix`"),
        ("/api/embed", {"model": "tiny", "input": "x"}, 400, "makes no embeddings"),
        ("/api/show", {"model": "other"}, 404, "model `other`"),
        ("/api/nothing", {}, 404, "there is nothing"),
    ],
)  # fmt: skip
def test_refusals_are_texts(server, path, body, status, said):
    found, _, told = server.ask("POST", path, body)
    assert found == status and list(told) == ["error"] and said in told["error"]


def test_a_refusal_at_the_door_is_a_text(server):
    status, _, told = server.ask("GET", "/api/tags", Authorization="Bearer no")
    assert status == 401 and "the API key" in told["error"]


def test_an_error_after_the_head_is_a_text(module, tokenizer):
    engine = Scripted(tokenizer, ["hello"])

    def fail(handle, ids):
        handle.tell(ModelError("the engine broke"))

    engine._say = fail
    with running(Service(own(module, tokenizer), ("tiny",), engine=engine)) as server:
        status, _, text = server.ask("POST", "/api/chat", {"model": "tiny", "messages": HELLO})
    assert status == 200 and lines(text) == [{"error": "the engine broke"}]


def test_a_body_is_json_whatever_it_is_called(server):
    told = server.ask("POST", "/api/show", {"model": "tiny"}, Content_Type="application/x-www-form-urlencoded")
    assert told[0] == 200 and told[2]["details"]["family"] == "llama"


@pytest.mark.parametrize(("path", "body"), [("chat", {"messages": []}), ("generate", {}), ("generate", {"raw": True})])
def test_nothing_to_answer_says_that_the_model_is_loaded(server, path, body):
    status, _, told = server.ask("POST", f"/api/{path}", {"model": "tiny:latest", **body})
    assert status == 200 and told["done"] and told["done_reason"] == "load"
    assert told.get("response", "") == told.get("message", {}).get("content", "") == ""

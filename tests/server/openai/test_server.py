"""What a client may do wrong or leave undone: the answer is OpenAI's error, and the others go on."""

from __future__ import annotations

import http.client
import json
import threading
import time

import pytest
import torch

from tests.generate import tiny
from tests.server.openai.conftest import KEY
from whet.models.decoding import pages

ASKED = {"model": "tiny", "prompt": "hello", "max_tokens": 400, "temperature": 0, "logit_bias": {"1": -100}}

HELLO = [{"role": "user", "content": "hello"}]
CALLED = {"role": "assistant", "tool_calls": [{"function": {"name": "weather", "arguments": "[" * 100_000}}]}
RESULT = {"type": "tool_result", "tool_use_id": "x", "content": 5}


def until(condition, seconds: float = 10.0) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not become true"
        threading.Event().wait(0.002)


def begin(server, body) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    connection.request("POST", "/v1/completions", json.dumps(body), headers)
    return connection


@pytest.mark.parametrize("is_stream", [True, False], ids=["stream", "whole"])
def test_an_answer_that_nobody_hears_is_not_made(server, is_stream):
    figures = server.service.engine.figures
    before = figures.ended["cancelled"]
    connection = begin(server, ASKED | {"stream": is_stream})
    if is_stream:
        response = connection.getresponse()
        assert response.read(6) == b"data: "
        response.close()
    else:
        until(lambda: server.service.engine.num_open == 1)
    connection.close()
    until(lambda: server.service.engine.num_open == 0)
    assert figures.ended["cancelled"] == before + 1


def test_of_many_requests_each_is_answered_or_told_to_come_later(serve, tokenizer):
    answers = []
    with serve(tiny.module(), tokenizer, sequences=4, waiting=20) as server:

        def ask():
            body = {"model": "tiny", "prompt": "hello", "max_tokens": 3, "temperature": 0}
            answers.append(server.ask("POST", "/v1/completions", body))

        threads = [threading.Thread(target=ask) for _ in range(200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert server.service.engine.num_open == 0
    texts = {json.dumps(body["choices"]) for status, _, body in answers if status == 200}
    refused = [(head["retry-after"], body["error"]["code"]) for status, head, body in answers if status == 429]
    assert len(answers) == 200 and len(texts) == 1 and set(refused) <= {("1", "rate_limit_exceeded")}
    assert len(refused) + sum(status == 200 for status, _, _ in answers) == 200


def test_more_than_waits_is_refused(serve, tokenizer):
    with serve(tiny.module(max_position_embeddings=512), tokenizer, sequences=1, waiting=0) as server:
        first = begin(server, ASKED | {"stream": True})
        response = first.getresponse()
        response.read(6)
        status, headers, body = server.ask("POST", "/v1/completions", ASKED)
        assert (status, headers["retry-after"], body["error"]["code"]) == (429, "1", "rate_limit_exceeded")
        response.close()
        first.close()
        until(lambda: server.service.engine.num_open == 0)


def test_an_answer_that_takes_too_long_is_given_up(serve, tokenizer):
    with serve(tiny.module(max_position_embeddings=512), tokenizer, timeout_s=0.02) as server:
        status, headers, body = server.ask("POST", "/v1/completions", ASKED)
        assert (status, headers["x-should-retry"], body["error"]["code"]) == (408, "false", "timeout")
        connection = begin(server, ASKED | {"stream": True})
        *_, last, end = connection.getresponse().read().decode().split("\n\n")
        assert json.loads(last.removeprefix("data: "))["error"]["code"] == "timeout" and end == ""
        connection.close()
        until(lambda: server.service.engine.num_open == 0)


def test_an_end_lets_answers_be_finished(serve, tokenizer):
    with serve(tiny.module(max_position_embeddings=512), tokenizer) as server:
        connection = begin(server, ASKED | {"stream": True, "max_tokens": 120})
        response = connection.getresponse()
        response.read(6)
        server.server.should_exit = True
        text = response.read().decode()
    assert text.endswith("data: [DONE]\n\n") and '"length"' in text


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/v1/chat/completions", b"{nonsense", 400, "invalid_json"),
        ("POST", "/v1/chat/completions", b"[]", 400, "invalid_type"),
        ("POST", "/v1/chat/completions", {"model": "tiny"}, 400, "missing_required_parameter"),
        ("POST", "/v1/chat/completions", {"model": "other", "messages": [{"role": "user", "content": "x"}]}, 404,
         "model_not_found"),
        ("POST", "/v1/completions", {"prompt": []}, 400, "invalid_value"),
        ("POST", "/v1/completions", {"prompt": [99999]}, 400, "invalid_value"),
        ("POST", "/v1/completions", {"prompt": [[1], [-1]]}, 400, "invalid_value"),
        ("POST", "/v1/completions", {"prompt": "x", "suffix": "y"}, 400, "unsupported_parameter"),
        ("POST", "/v1/completions", {"prompt": "\ud800", "max_tokens": 1}, 400, None),
        ("POST", "/v1/completions", {"prompt": [[1]] * 1100, "n": 128}, 400, "invalid_value"),
        ("POST", "/v1/completions", {"prompt": "x", "logit_bias": {"9" * 5000: 1}}, 400, "invalid_value"),
        ("POST", "/v1/completions", {"prompt": "x", "repetition_penalty": 1e-300}, 400, "invalid_value"),
        ("POST", "/v1/messages", {"max_tokens": 1, "messages": [{"role": "user", "content": [RESULT]}]}, 400,
         "invalid_type"),
        ("POST", "/v1/chat/completions", {"messages": [*HELLO, CALLED, *HELLO], "max_tokens": 1}, 400, None),
        ("POST", "/v1/embeddings", {"input": "x"}, 400, "unsupported_model"),
        ("POST", "/tokenize", {}, 400, "missing_required_parameter"),
        ("POST", "/detokenize", {"tokens": [99999]}, 400, "invalid_value"),
        ("GET", "/v1/nothing", None, 404, "unknown_url"),
        ("GET", "/v1/completions", None, 405, None),
        ("POST", "/v1/completions", b"x" * ((8 << 20) + 1), 413, "request_too_large"),
        ("POST", "/v1/completions", b'{"prompt":' + b"[" * 100_000, 400, "invalid_json"),
        ("POST", "/v1/completions", b'{"prompt": "x", "seed": ' + b"9" * 5000 + b"}", 400, "invalid_json"),
        ("POST", "/v1/completions", {"prompt": "x", "model": "m" * 200_000}, 404, "model_not_found"),
    ],
)  # fmt: skip
def test_refusals_have_openais_form(server, method, path, body, status, code):
    found, headers, told = server.ask(method, path, body)
    error = told["error"]
    assert found == status and (code is None or error["code"] == code)
    assert set(error) == {"message", "type", "param", "code"} and 0 < len(error["message"]) < 2100
    assert headers["x-request-id"].startswith("req_")


def test_a_slash_behind_a_path_says_nothing(server):
    body = {"prompt": "hello", "max_tokens": 2, "temperature": 0, "seed": 1}
    plain, told = (server.ask("POST", path, body) for path in ("/v1/completions", "/v1/completions/"))
    assert (plain[0], told[0]) == (200, 200) and told[2]["choices"] == plain[2]["choices"]
    assert server.ask("GET", "/health/", Authorization="")[0] == 200
    assert server.ask("GET", "/v1/models/")[2]["data"][0]["id"] == "tiny"


@pytest.mark.parametrize(
    ("path", "meant"),
    [("/chat/completions", "/v1/chat/completions"), ("/v1/v1/messages", "/v1/messages"), ("/v1/nothing", None)],
)
def test_a_base_url_with_v1_too_much_or_too_little_is_told(server, path, meant):
    status, _, told = server.ask("POST", path, {})
    assert status == 404 and told["error"]["message"].partition(" but at ")[2].startswith(f"{meant}:" if meant else "")
    assert bool(meant) == (" but at " in told["error"]["message"])


@pytest.mark.parametrize(
    ("block", "place"),
    [
        ({"type": "image"}, ""),
        ({"type": "tool_use", "name": "f"}, ".id"),
        ({"type": "tool_use", "id": "c"}, ".name"),
        ({"type": "tool_result"}, ".tool_use_id"),
    ],
)
def test_a_block_is_refused_at_its_own_place(server, block, place):
    before = [{"type": "tool_result", "tool_use_id": "c"}, {"type": "tool_use", "id": "c", "name": "f"}]
    body = {"max_tokens": 1, "messages": [{"role": "user", "content": [*before, block]}]}
    status, _, told = server.ask("POST", "/v1/messages", body)
    assert (status, told["error"]["param"]) == (400, f"messages[0].content[2]{place}")


def test_what_the_model_fails_with_is_the_servers_fault(serve, tokenizer):
    module = tiny.module()
    with torch.no_grad():
        module.get_output_embeddings().weight.fill_(torch.nan)
    with serve(module, tokenizer) as server:
        status, _, told = server.ask("POST", "/v1/completions", {"prompt": "hello", "max_tokens": 3})
    assert status == 500 and told["error"]["type"] == "server_error" and "NaN" in told["error"]["message"]


def test_health_is_lost_when_all_steps_fail_and_comes_back(serve, tokenizer, monkeypatch, capfd):
    body = {"prompt": "hello", "max_tokens": 1}
    with serve(tiny.module(), tokenizer) as server:
        with monkeypatch.context() as patched:
            patched.setattr(pages.Pages, "run", _lost)
            for status in (200, 200, 503):
                assert server.ask("POST", "/v1/completions", body)[0] == 500
                assert server.ask("GET", "/health")[0] == status
        assert server.ask("GET", "/health")[2] == {"status": "failing"}
        assert server.ask("POST", "/v1/completions", body)[0] == 200
        until(lambda: server.ask("GET", "/health")[0] == 200)
    assert "illegal access" in capfd.readouterr().err


def _lost(cache, parts):
    raise RuntimeError("an illegal access")


def test_pages_of_other_sites_and_strangers_are_kept_out(server):
    assert server.ask("GET", "/health", Authorization="")[0] == 200
    assert server.ask("GET", "/v1/models", Authorization="")[0] == 401
    assert server.ask("GET", "/metrics", Authorization="")[0] == 401
    assert server.ask("GET", "/v1/models", Host="evil.example")[0] == 403
    assert server.ask("GET", "/v1/models", Origin="http://evil.example")[0] == 403
    assert server.ask("GET", "/v1/models", Authorization="", x_api_key=KEY)[0] == 200


def test_texts_become_tokens_and_tokens_texts(server, tokenizer):
    ids = tokenizer.encode("hello world")
    status, _, told = server.ask("POST", "/tokenize", {"prompt": "hello world"})
    assert (status, told["tokens"], told["count"]) == (200, ids, len(ids))
    assert server.ask("POST", "/detokenize", {"tokens": ids})[2] == {"prompt": tokenizer.decode(ids)}
    messages = [{"role": "user", "content": "hello"}]
    rendered = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    assert server.ask("POST", "/tokenize", {"messages": messages})[2]["tokens"] == rendered


def test_what_a_tokenizer_is_called_by_is_told(server, tokenizer):
    told = server.ask("GET", "/tokenizer_info")[2]
    assert (told["eos_token"], told["chat_template"]) == (tokenizer.eos_token, tokenizer.chat_template)
    assert server.ask("POST", "/tokenize", {"prompt": told["eos_token"], "add_special_tokens": False})[2]["tokens"] == [
        tokenizer.eos_token_id
    ]


def test_the_openapi_says_what_refusals_are(server):
    paths = server.ask("GET", "/openapi.json")[2]["paths"]
    for path, methods in paths.items():
        for one in methods.values():
            assert "422" not in one["responses"]
            told = one["responses"]["4XX"]["content"]["application/json"]["schema"]["properties"]["error"]
            assert told["type"] == ("string" if path.startswith("/api/") else "object"), path


def test_figures_are_counted_for_prometheus(serve, tokenizer):
    with serve(tiny.module(), tokenizer) as server:
        body = {"prompt": "hello", "max_tokens": 3, "temperature": 0, "logit_bias": {"1": -100}}
        used = server.ask("POST", "/v1/completions", body)[2]["usage"]
        until(lambda: server.service.engine.figures.num_running == 0)
        text = server.ask("GET", "/metrics")[2]
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert lines['whet_tokens_total{of="prompt"}'] == str(used["prompt_tokens"])
    assert lines['whet_tokens_total{of="answer"}'] == "3" == str(used["completion_tokens"])
    assert lines['whet_requests_total{finish="length"}'] == "1" and lines["whet_first_token_seconds_count"] == "1"
    assert lines['whet_between_tokens_seconds_bucket{le="+Inf"}'] == "2"

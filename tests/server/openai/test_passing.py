"""Our front before another engine: its answers pass, and keys, limits, errors, feedback and figures are ours."""

from __future__ import annotations

import http.client
import json
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.generate.servers.playing import command_of, free_port
from tests.server.openai.conftest import KEY, served
from tests.server.openai.test_server import until
from whet.generate.servers.supervisor import Patience, Supervisor
from whet.server.openai.callers import Allowance, OneKey
from whet.server.openai.feedback import FeedbackFiles
from whet.server.openai.key_file import KeyFile
from whet.server.openai.passing.app import Passed
from whet.server.openai.passing.service import PassingService

QUICK = Patience(every_s=0.05, check_every_s=5, check_s=5, first_pause_s=0.05)


@contextmanager
def passing(folder: Path, callers=None, most_open: int = 8, timeout_s: float = 60.0, engine: str = "played"):
    port = free_port()
    supervisor = Supervisor(engine, command_of(port, "well", folder), port, patience=QUICK)
    supervisor.start()
    service = PassingService(
        supervisor, "m", ("polite",), most_open=most_open, timeout_s=timeout_s, feedback=FeedbackFiles(folder / "said")
    )
    with served(service, Passed(service, callers or OneKey(KEY))) as found:
        yield found


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("engine")


@pytest.fixture(scope="module")
def front(place):
    with passing(place) as found:
        yield found


def chat(said: str, **more):
    return {"messages": [{"role": "user", "content": said}], **more}


def last_asked(place: Path):
    return json.loads((place / "asked.jsonl").read_text().splitlines()[-1])


def test_openais_client_gets_whole_answers_and_streams(front):
    from openai import OpenAI

    client = OpenAI(base_url=front.url, api_key=KEY)
    assert [model.id for model in client.models.list()] == ["m", "polite"]
    asked = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    assert client.chat.completions.create(**asked).choices[0].message.content == "Hello there"
    chunks = list(client.chat.completions.create(**asked, stream=True))
    assert "".join(chunk.choices[0].delta.content for chunk in chunks) == "Hello there"
    told = list(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    assert told[-1].usage.total_tokens == 9 and told[-1].choices == []


def test_the_engine_is_asked_with_its_own_key_and_names_and_never_with_the_clients(front, place):
    assert front.ask("POST", "/v1/completions", {"prompt": "x", "metadata": {"a": "b"}})[0] == 200
    assert last_asked(place) == {"path": "/v1/completions", "body": {"prompt": "x", "model": "m"}}
    assert front.ask("POST", "/v1/completions", {"prompt": "x", "model": "polite"})[0] == 200
    assert last_asked(place)["body"]["model"] == "polite"
    assert (
        front.ask("POST", "/invocations", chat("x"))[0] == 200 and last_asked(place)["path"] == "/v1/chat/completions"
    )
    assert KEY not in (place / "asked.jsonl").read_text()


@pytest.mark.parametrize(
    ("status", "told", "expected", "message"),
    [
        (400, {"error": {"message": "too long", "code": "context_length_exceeded"}}, 400, "too long"),
        (400, {"object": "error", "message": "too long", "code": 400}, 400, "too long"),
        (422, {"detail": [{"loc": ["body", "n"], "msg": "bad"}]}, 400, "bad"),
        (404, {"detail": "Not Found"}, 404, "played refuses this: Not Found"),
        (500, {"error": {"message": "/home/me/secret"}}, 500, "played failed with 500"),
        (503, {"error": {"message": "busy"}}, 503, "takes nothing now"),
        (429, {"error": {"message": "queue"}}, 429, "queue"),
    ],
)  # fmt: skip
def test_errors_of_any_engine_are_in_openais_form(front, status, told, expected, message):
    for stream in (False, True):
        found, _, body = front.ask(
            "POST", "/v1/chat/completions", chat(f"answer {status} {json.dumps(told)}", stream=stream)
        )
        assert found == expected and message in body["error"]["message"] and "secret" not in json.dumps(body)
        assert set(body["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    "path", ["/collective_rpc", "/update_weights_from_disk", "/v1/load_lora_adapter", "/sleep", "/slots"]
)
def test_what_controls_an_engine_is_not_passed(front, place, path):
    before = (place / "asked.jsonl").read_text() if (place / "asked.jsonl").exists() else ""
    assert front.ask("POST", path, {})[0] == 404
    after = (place / "asked.jsonl").read_text() if (place / "asked.jsonl").exists() else ""
    assert before == after


@pytest.mark.parametrize("body", [b"{", b"[1]", b"\xff", b"", b'{"model": 3}', b'{"model": "other"}', b"[" * 100_000])
def test_a_body_of_any_shape_is_an_error_of_ours(front, body):
    status, _, told = front.ask("POST", "/v1/chat/completions", body)
    assert status in (400, 404) and told["error"]["message"]


@pytest.mark.parametrize("stream", [False, True])
def test_feedback_is_kept_of_what_another_engine_says(front, place, stream):
    status, _, told = front.ask("POST", "/v1/chat/completions", chat("hi", store=True, stream=stream))
    assert status == 200 and "store" not in last_asked(place)["body"]
    assert front.ask("POST", "/v1/feedback", {"id": "chatcmpl-1", "label": True})[0] == 200
    row = json.loads((place / "said/labels.jsonl").read_text().splitlines()[-1])
    assert row["messages"][-1] == {"role": "assistant", "content": "Hello there"} and row["label"] is True


def test_tokens_count_for_the_key_whether_streamed_or_not(tmp_path):
    keys = KeyFile(tmp_path / "keys", makes=True)
    key = keys.add("alice", Allowance(tokens_per_day=18))
    with passing(tmp_path, keys) as front:
        said = {"Authorization": f"Bearer {key}"}
        for stream in (False, True):
            assert front.ask("POST", "/v1/chat/completions", chat("hi", stream=stream), **said)[0] == 200
        until(lambda: keys.today("alice") == 18)
        status, _, told = front.ask("POST", "/v1/chat/completions", chat("hi"), **said)
        assert (status, told["error"]["code"]) == (429, "insufficient_quota")
        metrics = front.ask("GET", "/metrics", **said)[2]
        assert 'whet_tokens_total{of="prompt"} 14' in metrics and 'whet_tokens_total{of="answer"} 4' in metrics
        assert 'whet_requests_total{finish="stop"} 2' in metrics


def test_a_client_that_goes_ends_the_answer_where_it_is_made(front, place):
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=20)
    said = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    connection.request("POST", "/v1/chat/completions", json.dumps(chat("on", stream=True)), said)
    assert connection.getresponse().read(100)
    connection.close()
    until(lambda: (place / "left").exists())
    until(lambda: front.service._num_open == 0)


def test_one_too_many_is_429_and_one_too_long_is_408(tmp_path):
    with passing(tmp_path, most_open=1, timeout_s=0.5) as front:
        connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=20)
        said = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        connection.request("POST", "/v1/chat/completions", json.dumps(chat("wait")), said)
        until(lambda: front.service._num_open == 1)
        status, headers, told = front.ask("POST", "/v1/chat/completions", chat("hi"))
        assert (status, told["error"]["code"], headers["retry-after"]) == (429, "rate_limit_exceeded", "1")
        late = connection.getresponse()
        assert late.status == 408 and json.loads(late.read())["error"]["code"] == "timeout"
        connection.close()
        assert front.service._num_open == 0


def test_an_engine_that_dies_is_told_and_answers_again(tmp_path):
    with passing(tmp_path) as front:
        text = front.ask("POST", "/v1/chat/completions", chat("break", stream=True))[2]
        assert "Hello" in text and '"code": "overloaded"' in text
        until(lambda: front.service.supervisor.num_restarts == 1 and front.service.supervisor.is_ready)
        assert front.ask("POST", "/v1/chat/completions", chat("die"))[0] == 503
        until(lambda: not front.service.supervisor.is_ready or front.service.supervisor.num_restarts == 2)
        until(lambda: front.service.supervisor.num_restarts == 2 and front.service.supervisor.is_ready)
        assert front.ask("POST", "/v1/chat/completions", chat("hi"))[0] == 200
        assert front.ask("GET", "/health")[0] == 200


@pytest.mark.parametrize(("path", "name"), [("/v1/chat/completions", ""), ("/v1/messages", "event: error\n")])
def test_a_stream_that_tells_a_failure_is_none_that_was_whole(front, path, name):
    ended = front.service.figures.ended
    before = ended["error"]
    text = front.ask("POST", path, chat("fail", stream=True))[2]
    assert f'{name}data: {{"type": "error", "error": {{"message": "played failed with 500"' in text
    assert "/home/me" not in text and "[DONE]" not in text
    until(lambda: ended["error"] == before + 1)


def test_sglang_is_told_adapters_beside_the_model(tmp_path):
    with passing(tmp_path, engine="sglang") as front:
        assert front.ask("POST", "/v1/chat/completions", chat("hi", model="polite"))[0] == 200
        asked = last_asked(tmp_path)["body"]
        assert (asked["model"], asked["lora_path"]) == ("m", "polite")

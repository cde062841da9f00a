"""What becomes of a request is a trace: in the store, at a collector, with text only where that is asked for."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

import whet.track as track
from tests.server.openai.conftest import own, running
from tests.server.openai.test_client import HELLO
from whet.base.errors import ConfigError
from whet.generate.protocol import GenerateSettings
from whet.generate.serving.engine import ServingEngine
from whet.generate.serving.request import Handle, Limits, Request
from whet.server.openai.feedback import FeedbackFiles
from whet.server.openai.observing.opening import Observing, price_of
from whet.server.openai.observing.recorder import Recorder
from whet.server.openai.observing.request import MOST_MOMENTS, About, Observed, Price
from whet.server.openai.observing.sinks import Collector, Store
from whet.server.openai.service import Service
from whet.server.otlp import from_json
from whet.track.reading.spans import Span, spans
from whet.track.reading.store import summarize

ASKED = {"messages": HELLO, "max_tokens": 6, "temperature": 0, "logit_bias": {"1": -100}}
SECRET = "a word that nobody else says"


@pytest.fixture
def observed(module, tokenizer):
    """`with observed(recorder) as server`: a server whose requests are observed."""

    def begin(recorder: Recorder, **more):
        model = own(module, tokenizer)
        engine = ServingEngine(model, Limits(cache_tokens=8192))
        return running(Service(model, ("tiny",), engine=engine, recorder=recorder, **more))

    return begin


def asked(server, path="/v1/chat/completions", **more):
    status, _, found = server.ask("POST", path, ASKED | more)
    assert status == 200, found
    return found


def named(found: list[Span], name: str) -> list[Span]:
    return [span for span in found if span.name == name]


def test_a_request_is_a_waterfall_in_the_store(observed, tmp_path):
    store = Store(tmp_path, "shop talk", {"model": "tiny"})
    with observed(Recorder([store], price=Price(2.0, 6.0, 1.0))) as server:
        told = asked(server)
        asked(server)
    store.close()
    assert summarize(tmp_path / store.run).project == "shop talk"
    found = spans(tmp_path / store.run)
    roots = [span for span in found if not span.parent_id]
    root, second = sorted(roots, key=lambda span: span.start_ns)
    about, usage = root.attributes, told["usage"]
    assert (root.name, root.kind, root.status) == ("chat tiny", "server", "unset")
    assert about["gen_ai.response.id"] == told["id"] and about["gen_ai.operation.name"] == "chat"
    assert about["gen_ai.usage.input_tokens"] == usage["prompt_tokens"]
    assert about["gen_ai.usage.output_tokens"] == usage["completion_tokens"] == 6
    assert about["gen_ai.response.finish_reasons"] == ["length"] and about["gen_ai.request.temperature"] == 0
    assert about["whet.cost"] == pytest.approx((usage["prompt_tokens"] * 2 + 6 * 6) / 1e6)
    known = second.attributes["gen_ai.usage.cache_read.input_tokens"]
    fresh = usage["prompt_tokens"] - known
    assert known and second.attributes["whet.cost"] == pytest.approx((fresh * 2 + known + 36) / 1e6)
    parts = [span for span in found if span.parent_id == root.span_id]
    assert [span.name for span in parts] == ["wait", "prompt", "answer"]
    moments = [root.start_ns, *(span.end_ns for span in parts), root.end_ns]
    assert moments == sorted(moments) and all(a.end_ns == b.start_ns for a, b in zip(parts, parts[1:], strict=False))
    assert len(parts[2].attributes["whet.moments_ms"]) == 6 == parts[2].attributes["whet.tokens"]


def test_no_text_is_kept_unless_it_is_asked_for(observed, tmp_path):
    messages = [{"role": "user", "content": SECRET}]
    for keeps_text in (False, True):
        store = Store(tmp_path, f"kept-{keeps_text}", {})
        with observed(Recorder([store], keeps_text=keeps_text)) as server:
            answer = asked(server, messages=messages)["choices"][0]["message"]["content"]
            asked(server, "/v1/completions", prompt=SECRET)
        store.close()
        written = b"".join(path.read_bytes() for path in (tmp_path / store.run).rglob("*.tlog"))
        assert (SECRET.encode() in written) == keeps_text
    chat, completion = [span.attributes for span in spans(tmp_path / "kept-True") if not span.parent_id]
    parts = [{"type": "text", "content": SECRET}]
    assert json.loads(chat["gen_ai.input.messages"]) == [{"role": "user", "parts": parts}]
    assert json.loads(chat["gen_ai.output.messages"])[0]["parts"][0]["content"].strip() == answer.strip()
    assert SECRET in completion["gen_ai.input.messages"] and completion["gen_ai.operation.name"] == "text_completion"


def test_a_share_of_the_requests_is_observed(observed):
    found: list[Span] = []
    with observed(Recorder([found.extend], sample=0.0)) as server:
        asked(server)
    assert found == []
    recorder = Recorder([], sample=0.25)
    num = sum(recorder._draws.random() < 0.25 for _ in range(4000))
    assert 800 < num < 1200
    recorder.close()


def test_every_answer_of_a_request_has_stretches_of_its_own(observed):
    found: list[Span] = []
    with observed(Recorder([found.extend])) as server:
        asked(server, n=3, stream=True)
    assert sorted(span.attributes["whet.choice"] for span in named(found, "answer")) == [0, 1, 2]
    [root] = named(found, "chat tiny")
    assert root.attributes["gen_ai.usage.output_tokens"] == 18


def test_an_answer_that_fails_is_an_error_without_its_text(observed):
    found: list[Span] = []
    with observed(Recorder([found.extend]), timeout_s=0.0) as server:
        assert server.ask("POST", "/v1/chat/completions", ASKED)[0] == 408
    [root] = named(found, "chat tiny")
    assert root.status == "error" and root.attributes["error.type"] == "Refused" and "0 s" in root.message


@pytest.mark.parametrize("how", [asyncio.CancelledError, GeneratorExit])
def test_an_answer_whose_client_goes_is_cancelled_and_no_error(how):
    told: list[list[Span]] = []
    one = Observed(About(operation="chat", model="tiny", adapter=None, key="ada", n=1), None, told.append)
    one.end([Handle(Request(ids=[1], settings=GenerateSettings()))], how())
    root = told[0][0]
    assert root.status == "unset" and "error.type" not in root.attributes and not root.message
    assert root.attributes["gen_ai.response.finish_reasons"] == ["cancelled"]


def test_a_long_answer_has_a_bounded_number_of_moments():
    found: list[Span] = []
    about = About(operation="chat", model="tiny", adapter=None, key="me", n=1)
    handle = Handle(Request(ids=[1], settings=GenerateSettings()))
    observed = Observed(about, None, found.extend)
    for _ in range(MOST_MOMENTS + 100):
        observed.told(0)
    observed.end([handle], None)
    [answer] = named(found, "answer")
    assert answer.attributes["whet.tokens"] == MOST_MOMENTS + 100 and answer.attributes["whet.stride"] == 2
    assert len(answer.attributes["whet.moments_ms"]) == (MOST_MOMENTS + 100) / 2


def test_feedback_stands_beside_the_request_that_it_is_of(observed, tmp_path):
    found: list[Span] = []
    with observed(Recorder([found.extend]), feedback=FeedbackFiles(tmp_path)) as server:
        id = asked(server, store=True)["id"]
        assert server.ask("POST", "/v1/feedback", {"id": id, "label": False, "comment": "rude"})[0] == 200
    [said] = named(found, "whet.feedback")
    about = said.attributes
    assert about["gen_ai.response.id"] == id and about["whet.feedback.label"] is False
    assert "rude" not in str(about)


class Hearing(BaseHTTPRequestHandler):
    """A collector that takes everything, but from those who have no key."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        is_known = self.headers.get("X-Key") == "open sesame"
        if is_known:
            self.server.heard += from_json(gzip.decompress(body))  # type: ignore[attr-defined]
        self.send_response(200 if is_known else 401)
        self.end_headers()

    def log_message(self, *args) -> None:
        pass


@pytest.fixture
def collector():
    server = HTTPServer(("127.0.0.1", 0), Hearing)
    server.heard = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_collector_gets_the_same_spans(observed, collector, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "X-Key=open%20sesame")
    found: list[Span] = []
    url = f"http://127.0.0.1:{collector.server_port}"
    with observed(Recorder([found.extend, Collector(url, "shop")])) as server:
        asked(server, stop=["x"])
    assert [span.span_id for span in collector.heard] == [span.span_id for span in found]
    for theirs, ours in zip(collector.heard, found, strict=True):
        assert theirs.resource == {"service.name": "shop"} and theirs.scope == ours.scope
        assert theirs.attributes == ours.attributes
        assert (theirs.start_ns, theirs.end_ns, theirs.parent_id) == (ours.start_ns, ours.end_ns, ours.parent_id)


def test_a_collector_that_refuses_is_said_once_and_answers_go_on(observed, collector, capfd):
    recorder = Recorder([Collector(f"http://127.0.0.1:{collector.server_port}/v1/traces", "shop")])
    with observed(recorder) as server:
        asked(server)
        asked(server)
    assert recorder.lost == 2 and capfd.readouterr().err.count("answers 401") == 1


@pytest.mark.parametrize("url", ["collector", "ftp://x", "http://"])
def test_what_is_no_address_is_said(url):
    with pytest.raises(ConfigError, match="no address"):
        Collector(url, "shop")


def test_a_run_of_something_else_is_left_alone(tmp_path):
    with track.init(project="birds", name="trained", dir=tmp_path) as run:
        run.log({"loss": 1.0}, step=0)
    with pytest.raises(ConfigError, match="something else"):
        Observing(project="trained").check(tmp_path)
    Store(tmp_path, "shop", {}).close()
    Observing(project="shop", collector="http://127.0.0.1:1", price="0.5,1.5,0").check(tmp_path)


@pytest.mark.parametrize("project", ["../elsewhere", "a/b", "..", ""])
def test_what_is_no_name_of_a_project_is_said(tmp_path, project):
    with pytest.raises(ConfigError, match="is no name of a project") as found:
        Observing(project=project).check(tmp_path)
    assert str(tmp_path) in found.value.hint


@pytest.mark.parametrize("price", ["", "1", "a,b", "1,-2", "1,inf", "1,2,3,4"])
def test_what_is_no_price_is_said(price):
    with pytest.raises(ConfigError, match="no price"):
        price_of(price)

"""The playground: a model is served when it is asked for, answers stream, prompts are shown, and votes become rows."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import whet.track as track
from tests.generate import tiny
from tests.server.access.members import PASSWORD, with_key
from tests.server.openai.conftest import KEY, own, running
from tests.server.world import Client, serving, started
from tests.track.registry.models import added
from whet.base.errors import ConfigError
from whet.data.rows.detect import parse_rows
from whet.data.sources.files import Source
from whet.generate.serving.engine import ServingEngine
from whet.generate.serving.request import Limits
from whet.server.access.team import Team
from whet.server.errors import Refusal
from whet.server.openai.service import Service
from whet.server.playground.asking import told
from whet.server.playground.connected import Connected, connected
from whet.server.playground.engine import _reason
from whet.server.playground.engines import Engine, Engines
from whet.track.registry.registry import Registry

API = "/api/v1/playground"
HELLO = [{"role": "user", "content": "hello there"}]


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A run with a model in each of two projects, the first one's in the registry too, and one whose model is none."""
    root = tmp_path_factory.mktemp("playground") / "runs"
    for project in ("birds", "fish", "broken"):
        with track.init(project=project, name=f"in-{project}", dir=root) as run:
            run.log({"loss": 1.0}, step=0)
    tiny.folder(root / "in-birds" / "model", max_position_embeddings=512)
    shutil.copytree(root / "in-birds" / "model", root / "in-fish" / "model")
    (root / "in-broken" / "model").mkdir()
    (root / "in-broken" / "model" / "config.json").write_text('{"model_type": "nothing"}')
    added(Registry(root / ".registry"), root / "in-birds" / "model")
    return root


@pytest.fixture(scope="module")
def team(root):
    team = Team(root)
    for name, role, project in (
        ("ada", "admin", "*"), ("eve", "editor", "birds"), ("vic", "viewer", "*"), ("fay", "viewer", "fish")
    ):  # fmt: skip
        team.people.accept(team.people.add(name, role, project), PASSWORD)
    return team


@pytest.fixture(scope="module")
def server(root, team):
    """A server that knows two others, each with a model of its own, and one that is none."""
    with served("llama") as one, served("qwen3") as two, answering() as odd:
        ports = {"one": one.port, "two": two.port, "odd": odd}
        engines = [Connected(name, f"http://127.0.0.1:{port}", KEY) for name, port in ports.items()]
        with serving(root, team, engines=engines) as client:
            yield Client(client.port, headers={})


class Odd(BaseHTTPRequestHandler):
    """Answers everything in a form of its own; a chat whose question is `events` breaks off within an event."""

    def do_GET(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        events, text = (b"events" in body), b"<html>"
        if not events:
            text = b'{"tokens": [1], "data": [], "has_more": true}' if b"json" in body + self.path.encode() else text
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream" if events else "text/html")
        self.send_header(*(("Transfer-Encoding", "chunked") if events else ("Content-Length", str(len(text)))))
        self.end_headers()
        self.wfile.write(b"7\r\ndata: {\r\n" if events else text)

    do_POST = do_GET

    def log_message(self, *given):
        pass


@contextmanager
def answering() -> Iterator[int]:
    """The port of an `Odd` server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Odd) as http:
        threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
        yield http.server_port
        http.shutdown()


def served(kind: str):
    model = own(tiny.module(kind, max_position_embeddings=512), tiny.tokenizer())
    return running(Service(model, (f"tiny-{kind}",), engine=ServingEngine(model, Limits(cache_tokens=4096))))


def answered(client: Client, engine: str, messages=HELLO, **settings) -> tuple[str, str, list]:
    """The id of an answer, its text, and its tokens' log-probabilities."""
    body = {"messages": messages, "settings": {"max_tokens": 8, "temperature": 0, **settings}}
    found = client.ask("POST", f"{API}/ask/{engine}/chat", body)
    assert found.status == 200, found.body
    lines = [line.removeprefix("data: ") for line in found.body.decode().split("\n\n") if line]
    assert lines.pop() == "[DONE]"
    chunks = [json.loads(line) for line in lines]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    tokens = [token for choice in choices if choice["logprobs"] for token in choice["logprobs"]["content"]]
    return chunks[0]["id"], "".join(choice["delta"].get("content") or "" for choice in choices), tokens


def rows_of(path: Path) -> list:
    source = Source.parse({"path": str(path)}, path.parent)
    return [row for _, row in parse_rows(source, takes={"preference", "labelled"})]


class TestAnswers:
    def test_what_can_be_talked_to_is_what_one_may_see(self, server, team):
        def names(person: str, **query) -> set[str]:
            return {one["model"] for one in with_key(server, team, person).get(f"{API}/models", **query)["models"]}

        assert names("ada") == {"in-birds", "in-fish", "in-broken", "registry:chat/1"}
        assert names("ada", q="CHAT") == {"registry:chat/1"}
        assert names("fay") == {"in-fish"}

    def test_an_answer_streams_with_the_chance_of_each_token(self, server, team):
        id, text, tokens = answered(with_key(server, team, "vic"), "one")
        assert id.startswith("chatcmpl-") and tokens
        assert b"".join(bytes(one["bytes"]) for one in tokens).decode(errors="replace").strip() == text.strip()
        assert all(one["logprob"] <= 0 and len(one["top_logprobs"]) == 5 for one in tokens)

    def test_the_prompt_is_shown_as_the_template_renders_it(self, server, team):
        found = with_key(server, team, "ada").post(f"{API}/ask/one/prompt", {"messages": HELLO})
        rendered = tiny.tokenizer().apply_chat_template(HELLO, add_generation_prompt=True, tokenize=False)
        assert "".join(found["texts"]) == rendered
        assert found["count"] == len(found["tokens"]) and found["context"] == 512

    @pytest.mark.parametrize("said", ["hello", "json"])
    @pytest.mark.parametrize("what", ["chat", "prompt"])
    def test_what_speaks_no_such_api_is_told_of_in_a_sentence(self, server, team, what, said):
        body = {"messages": [{"role": "user", "content": said}]}
        found = with_key(server, team, "ada").ask("POST", f"{API}/ask/odd/{what}", body)
        assert found.status == 503 and "`odd` answers at /" in found.json()["message"]
        assert found.json()["hint"].startswith("curl http://127.0.0.1:")

    def test_an_answer_that_breaks_off_ends_with_an_event_of_its_own(self, server, team):
        body = {"messages": [{"role": "user", "content": "events"}]}
        found = with_key(server, team, "ada").ask("POST", f"{API}/ask/odd/chat", body)
        last = found.body.decode().strip().split("\n\n")[-1]
        assert json.loads(last.removeprefix("data: ")) == {"error": {"message": "the engine has ended"}}

    def test_what_the_engine_refuses_is_said_in_its_words(self, server, team):
        ada = with_key(server, team, "ada")
        found = ada.ask("POST", f"{API}/ask/one/chat", {"messages": HELLO, "settings": {"max_tokens": 100_000}})
        assert found.status == 400 and "maximum context length is 512 tokens" in found.json()["message"]
        assert ada.ask("POST", f"{API}/ask/one/chat", {"messages": []}).status == 400
        assert ada.ask("POST", f"{API}/ask/none/chat", {"messages": HELLO}).status == 404


class TestRights:
    def test_a_viewer_starts_and_ends_no_model(self, server, team):
        vic = with_key(server, team, "vic")
        assert vic.ask("POST", f"{API}/engines", {"model": "in-birds"}).status == 403
        assert vic.ask("DELETE", f"{API}/engines/one").status == 403

    def test_a_server_beside_is_for_those_who_see_all(self, server, team):
        fay, vic = with_key(server, team, "fay"), with_key(server, team, "vic")
        assert fay.get(API)["engines"] == [] and len(vic.get(API)["engines"]) == 3
        for path in ("chat", "prompt"):
            assert fay.ask("POST", f"{API}/ask/one/{path}", {"messages": HELLO}).status == 403

    @pytest.mark.parametrize("given", ["..", "in-birds/../in-fish", "/etc", "in-birds/track", "none", "registry:x/1"])
    def test_only_models_of_the_server_are_started(self, server, team, given):
        assert with_key(server, team, "ada").ask("POST", f"{API}/engines", {"model": given}).status == 404

    def test_a_model_of_another_project_is_like_none(self, server, team):
        assert with_key(server, team, "eve").ask("POST", f"{API}/engines", {"model": "in-fish"}).status == 404

    def test_who_asks_too_often_is_told_to_wait(self, server, team):
        fay = with_key(server, team, "fay")
        for _ in range(100):
            found = fay.ask("POST", f"{API}/ask/none/prompt", {"messages": HELLO})
            if found.status == 429:
                break
        assert found.status == 429 and int(found.headers["retry-after"]) >= 1


class TestVotes:
    def test_a_vote_says_which_model_said_what(self, server, team, root):
        vic = with_key(server, team, "vic")
        (first, text, _), (second, other, _) = answered(vic, "one"), answered(vic, "two")
        assert text != other
        asked = {
            "said": "second", "first": {"engine": "one", "id": first}, "second": {"engine": "two", "id": second},
            "is_blind": True,
        }  # fmt: skip
        assert vic.post(f"{API}/votes", asked) == {"rows": {"preferences.jsonl": 1}}
        path = root / ".playground" / "preferences.jsonl"
        [row] = rows_of(path)
        assert row.chosen[0]["content"] == other and row.rejected[0]["content"] == text
        source = json.loads(path.read_text())["source"]
        assert (source["model"], source["better_than_model"]) == ("tiny-qwen3", "tiny-llama")
        assert (source["key"], source["is_blind"], source["id"], source["better_than"]) == ("vic", True, second, first)

    def test_good_and_bad_are_labels_of_each(self, server, team, root):
        ada = with_key(server, team, "ada")
        one, other = ({"engine": name, "id": answered(ada, name)[0]} for name in ("one", "two"))
        assert ada.post(f"{API}/votes", {"said": "bad", "first": one, "second": other})["rows"] == {"labels.jsonl": 2}
        assert ada.post(f"{API}/votes", {"said": "good", "first": one})["rows"] == {"labels.jsonl": 1}
        assert [row.label for row in rows_of(root / ".playground" / "labels.jsonl")] == [False, False, True]
        assert ada.get(API)["rows"]["labels"] == 3

    def test_what_says_nothing_is_refused(self, server, team):
        ada = with_key(server, team, "ada")
        one, same = ({"engine": "one", "id": answered(ada, "one")[0]} for _ in range(2))
        for body, said in (
            ({"said": "first", "first": one}, "no other"),
            ({"said": "first", "first": one, "second": same}, "the same one"),
            ({"said": "good", "first": {"engine": "one", "id": "chatcmpl-gone"}}, "not stored"),
            ({"said": "good", "first": {"engine": "odd", "id": "page"}}, "`odd` answers at /"),
            ({"said": "good", "first": {"engine": "odd", "id": "json"}}, "`odd` answers at /"),
        ):
            found = ada.ask("POST", f"{API}/votes", body)
            assert found.status in (400, 404, 503) and said in found.json()["message"], found.body


def settled(engine: Engine) -> Engine:
    """Once it starts no more."""
    while engine.state == "starting":
        time.sleep(0.02)
    return engine


class TestEngines:
    def test_a_model_is_served_while_somebody_asks(self, root):
        engines = Engines(root, most=1, idle_s=1.0)
        try:
            engine = engines.start("in-birds", "ada")
            assert engines.start("in-birds", "eve") is engine
            with pytest.raises(Refusal, match="in use"):
                engines.start("in-fish", "ada")
            assert settled(engine).state == "ready"
            body = {"messages": HELLO, "max_tokens": 4}
            assert told(engine, "POST", "/v1/chat/completions", body)["model"] == "in-birds"
            while engine.is_alive:
                time.sleep(0.02)
            assert engine.state == "ended"
            with pytest.raises(Refusal, match="served no more"):
                told(engine, "POST", "/v1/chat/completions", body)
            broken = settled(engines.start("in-broken", "ada"))
            assert broken.state == "failed" and "nothing" in broken.message and "Traceback" not in broken.message
        finally:
            engines.close()

    @pytest.mark.slow
    def test_engines_end_with_a_server_that_is_killed(self, root):
        process, client = started(root)
        client.post(f"{API}/engines", {"model": "in-birds"})
        tasks = Path(f"/proc/{process.pid}/task").glob("*/children")
        pids = {int(pid) for path in tasks for pid in path.read_text().split()}
        assert pids
        process.send_signal(signal.SIGKILL)
        process.wait()
        deadline = time.monotonic() + 60
        while any(os.path.exists(f"/proc/{pid}") for pid in pids):
            assert time.monotonic() < deadline
            time.sleep(0.1)

    @pytest.mark.parametrize(("said", "code", "message", "hint"), [
        ("noise\nerror: no `x`\n  at run.yaml:3\nhint: type y\n", 2, "no `x` at run.yaml:3", "type y"),
        ("", -9, "the process that served it was killed: memory may not have sufficed",
         "whet plan --serve says what a model needs"),
        ("Traceback\nValueError: z\n", 1, "the process that served it has ended: ValueError: z", ""),
    ])  # fmt: skip
    def test_why_one_ended_is_said_in_a_sentence(self, said, code, message, hint):
        assert _reason(said, code) == (message, hint)

    def test_a_server_beside_is_named_by_its_address(self):
        [one] = connected(["prod=http://127.0.0.1:8080/v1"])
        assert (one.id, one.url) == ("prod", "http://127.0.0.1:8080")
        for wrong in (
            "prod", "prod=", "=http://x", "prod=ftp://x", "a/b=http://x", "a=http://x:y", "a=http://x:99999",
            "a=http://u:p@x", "a=http://[x", "a=http://x/v1?k=v",
        ):  # fmt: skip
            with pytest.raises(ConfigError, match="names no server"):
                connected([wrong])
        with pytest.raises(ConfigError, match="two servers"):
            connected(["a=http://x/v1", "a=http://y/v1"])

"""The page of threats keeps its word: each line has a test that is there; and those that no other file has."""

from __future__ import annotations

import http.client
import json
import re
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from tests.generate import tiny
from tests.server.openai.conftest import KEY, own, running
from tests.server.openai.test_server import until
from tests.server.openai.tools import Scripted
from whet.base.errors import WhetError
from whet.cli.commands import serve as command
from whet.generate.protocol import GenerateSettings
from whet.generate.serving.engine import ServingEngine
from whet.generate.serving.request import Busy, Limits, Request
from whet.server.openai.service import Service
from whet.server.openai.serving import entry_of

ROOT = Path(__file__).resolve().parents[3]


def test_each_line_of_the_page_names_tests_that_are_there():
    page = (ROOT / "docs/concepts/serving-threats.md").read_text()
    lines = [line for line in page.splitlines() if line.startswith("| ")][1:]
    named = [re.findall(r"`(test_\w+)`", line.rsplit(" | ", 1)[1]) for line in lines]
    folders = ("tests/server", "tests/server/openai", "tests/generate/serving", "tests/generate/servers")
    places = [path for folder in folders for path in (ROOT / folder).glob("test_*.py")]
    written = "\n".join(path.read_text() for path in places)
    assert len(lines) > 15 and all(named)
    assert [one for names in named for one in names if f"def {one}(" not in written] == []


def test_by_itself_only_this_machine_is_heard():
    import argparse

    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    assert parser.parse_args(["model"]).host == "127.0.0.1"


def test_where_no_key_is_asked_for_pages_of_other_sites_are_kept_out_all_the_same(module, tokenizer, tmp_path, capsys):
    entry = entry_of("", None, is_open=True)
    assert entry.printed == "" and "whoever reaches this server may ask it" in capsys.readouterr().err
    engine = Scripted(tokenizer, ["one"])
    with running(Service(own(module, tokenizer), ("tiny",), engine=engine), entry.callers) as server:
        asked = {"prompt": "x", "max_tokens": 1}
        assert server.ask("POST", "/v1/completions", asked, Authorization="")[0] == 200
        for given in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
            assert server.ask("POST", "/v1/completions", asked, Authorization="", **given)[0] == 403
    for given, keys in (("a-key", None), ("", tmp_path / "keys.sqlite")):
        with pytest.raises(WhetError, match="none is asked for"):
            entry_of(given, keys, is_open=True)
    with running(Service(own(module, tokenizer), ("tiny",), engine=engine), entry_of("a-key", None).callers) as server:
        assert server.ask("POST", "/v1/completions", asked, Authorization="")[0] == 401


def test_of_ten_thousand_requests_those_that_are_taken_are_answered(module, tokenizer):
    engine = ServingEngine(own(module, tokenizer), Limits(cache_tokens=4096, sequences=64, waiting=200))
    prompts = [tokenizer.encode(text) for text in ("hello world", "The quick", "x")]
    settings = GenerateSettings(max_new_tokens=1)
    try:
        alone = [one.ids for one in engine.complete(prompts, settings)]
        taken, refused = [], 0
        for number in range(10_000):
            try:
                taken.append((number % 3, engine.submit(Request(ids=prompts[number % 3], settings=settings))))
            except Busy:
                refused += 1
        for place, handle in taken:
            assert [piece.token.id for piece in handle.pieces()] == alone[place]
        assert len(taken) + refused == 10_000 and len(taken) >= 264 and engine.num_open == 0
    finally:
        engine.close()


def test_bodies_have_a_size_each_and_together(module, tokenizer):
    engine = Scripted(tokenizer, ["one"] * 3)
    with running(Service(own(module, tokenizer), ("tiny",), engine=engine)) as server:
        door = server.server.config.app
        door._room = 1000
        large = {"prompt": "x" * 2000, "max_tokens": 1}
        status, headers, told = server.ask("POST", "/v1/completions", large)
        assert (status, told["error"]["code"], headers["retry-after"]) == (429, "rate_limit_exceeded", "1")
        until(lambda: door._room == 1000)  # given back
        assert server.ask("POST", "/v1/completions", {"prompt": "x", "max_tokens": 1})[0] == 200
        door._room, door._most = 1 << 20, 1000
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        said = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        chunks = (b"x" * 600 for _ in range(4))
        connection.request("POST", "/v1/completions", chunks, said, encode_chunked=True)
        assert connection.getresponse().status == 413
        connection.close()


def test_a_text_that_is_far_too_long_is_refused_before_all_of_it_is_read(server, monkeypatch):
    long, read, encode = "x" * 3_000_000, [], server.service.tokenizer.encode
    monkeypatch.setattr(
        server.service.tokenizer, "encode", lambda text, **how: read.append(len(text)) or encode(text, **how)
    )
    talk = {"messages": [{"role": "user", "content": long}]}
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]
    for path, body in (
        ("/v1/chat/completions", talk), ("/v1/chat/completions", {**talk, "tools": tools}),
        ("/v1/completions", {"prompt": ["x", long]}), ("/v1/messages", {**talk, "max_tokens": 1}),
        ("/v1/responses", {"input": long}), ("/api/chat", {"model": "tiny", **talk}),
        ("/api/generate", {"model": "tiny", "prompt": long}),
        ("/api/generate", {"model": "tiny", "prompt": long, "raw": True}), ("/tokenize", {"prompt": long}),
        ("/tokenize", talk), ("/tokenize", {**talk, "tools": tools}), ("/v1/messages/count_tokens", talk),
    ):  # fmt: skip
        read.clear()
        status, _, told = server.ask("POST", path, body)
        assert status == 400 and "maximum context length is" in str(told["error"]), (path, told)
        assert sum(read) < 200_000


INNER = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n" % KEY.encode()
HEAD = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n" % KEY.encode()


@pytest.mark.parametrize(
    "sent",
    [
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + INNER,
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n" + INNER,
        HEAD + b"Content-Length: -1\r\n\r\n" + INNER,
        HEAD + b"Transfer-Encoding: xchunked\r\n\r\n" + INNER,
        HEAD + b"Transfer-Encoding : chunked\r\n\r\n" + INNER,
        HEAD + b"X: a\rb\r\n\r\n" + INNER,
        HEAD + b"X: " + b"a" * 200_000 + b"\r\n\r\n" + INNER,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_a_request_within_another_is_not_heard_and_what_is_no_http_is_told_so_in_openais_form(server, sent):
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as line:
        line.sendall(sent)
        heard = b""
        with suppress(ConnectionResetError):  # of what was not read
            while part := line.recv(1 << 16):
                heard += part
    head, _, body = heard.partition(b"\r\n\r\n")
    assert heard.count(b"HTTP/1.1 ") == 1 and head.startswith(b"HTTP/1.1 400 ")
    assert set(json.loads(body)["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": "http://127.0.0.1:9/x"}}]}]}),
        ("/v1/responses", {"input": [{"role": "user", "content": [
            {"type": "input_image", "image_url": "http://127.0.0.1:9/x"}]}]}),
        ("/v1/responses", {"input": [{"role": "user", "content": [
            {"type": "input_file", "file_url": "file:///etc/passwd"}]}]}),
        ("/v1/responses", {"input": "x", "tools": [{"type": "mcp", "server_url": "http://127.0.0.1:9/"}]}),
        ("/v1/messages", {"max_tokens": 1, "messages": [{"role": "user", "content": [
            {"type": "image", "source": {"type": "url", "url": "http://127.0.0.1:9/x"}}]}]}),
        ("/api/chat", {"model": "tiny", "messages": [{"role": "user", "content": "x", "images": ["http://x/y"]}]}),
    ],
)  # fmt: skip
def test_nothing_that_is_named_by_address_is_fetched(server, monkeypatch, path, body):
    asked, found = [], socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, port, *more: asked.append(port) or found(host, port, *more))
    status, _, told = server.ask("POST", path, body)
    assert set(asked) == {server.port}
    said = told["error"] if path.startswith("/api/") else told["error"]["message"]
    assert status == 400 and ("text alone" in said or "function" in said)


def test_a_folder_with_code_or_pickles_is_not_served(tmp_path):
    from whet.server.openai.opening import Opening, opened

    tiny.folder(tmp_path / "model")
    for change in ("code", "pickle"):
        folder = tmp_path / change
        tiny.folder(folder)
        if change == "code":
            config = json.loads((folder / "config.json").read_text())
            config |= {
                "model_type": "own",
                "auto_map": {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"},
            }
            (folder / "config.json").write_text(json.dumps(config))
            (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
        else:
            (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
        with pytest.raises(WhetError):
            opened(
                Opening(
                    model=str(folder), adapters={}, device="cpu", root=tmp_path, limits=Limits(cache_tokens=512),
                    timeout_s=60,
                )
            )  # fmt: skip
    assert not (tmp_path / "ran").exists()


def test_a_fault_of_the_server_tells_nothing_of_its_inside(server, monkeypatch, capfd):
    def broken(*given):
        raise KeyError("/home/me/secret")

    monkeypatch.setattr(type(server.service), "adapter", broken)
    status, _, told = server.ask("POST", "/v1/completions", {"prompt": "x", "max_tokens": 1})
    assert status == 500 and "secret" not in json.dumps(told) and told["error"]["code"] == "internal_error"
    assert "secret" in capfd.readouterr().err

"""Who gets an answer: the token, the host, the origin, and how large a body may be."""

import asyncio
import base64
import http.client
import socket
from pathlib import Path

import pytest
from starlette.exceptions import HTTPException

from tests.server.world import TOKEN, Client, serving
from whet.base.errors import ConfigError
from whet.cli.main import main
from whet.server import guard
from whet.server.access.opening import own, token_of
from whet.server.access.token import OneToken, cookie_of
from whet.server.guard import Guard


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    with serving(tmp_path_factory.mktemp("runs")) as client:
        yield client


def status(server: Client, path: str = "/api/v1/runs", method: str = "GET", body: bytes | None = None, **headers: str):
    return Client(server.port, {}).ask(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()}).status


def cookie(server: Client, away: int = 0) -> str:
    return f"{cookie_of(f'127.0.0.1:{server.port + away}')}={TOKEN}"


def test_only_health_is_told_without_a_token(server: Client):
    assert status(server, "/health") == status(server, "/api/v1/health") == 200
    for path in ("/", "/api/v1/runs", "/metrics", "/api/2.0/mlflow/experiments/search", "/api/v1/openapi.json", "/x"):
        assert status(server, path) == 401, path
    for method, path in (("POST", "/v1/traces"), ("PUT", "/api/2.0/mlflow-artifacts/artifacts/a/b")):
        assert status(server, path, method, b"") == 401


def test_the_token_comes_as_bearer_basic_cookie_or_in_the_address(server: Client):
    basic = base64.b64encode(f"anyone:{TOKEN}".encode()).decode()
    assert status(server, Authorization=f"Bearer {TOKEN}") == 200
    assert status(server, Authorization=f"Basic {basic}") == 200
    assert status(server, Cookie=cookie(server)) == 200
    assert status(server, Cookie=cookie(server, away=1)) == 401, "the cookie of another server on this machine"
    assert status(server, f"/api/v1/runs?token={TOKEN}") == 200


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer ", "Bearer x", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}",
                                   f"Token {TOKEN}", "Basic ###", "Basic eDp5", "Bearer ä"])  # fmt: skip
def test_anything_else_is_refused(server: Client, given: str):
    assert status(server, Authorization=given.encode().decode("latin-1")) == 401
    assert status(server, Cookie="whet_token=\x7f; ;;=") == 401


def test_a_browser_gets_the_token_as_a_cookie_and_an_address_without_it(server: Client):
    page = Client(server.port, {}).ask(
        "GET", "//elsewhere.example/api/v1/runs", headers={"Accept": "text/html"}, token=TOKEN, filter="loss < 1"
    )
    assert page.status == 303
    assert page.headers["location"] == "/elsewhere.example/api/v1/runs?filter=loss+%3C+1"
    given = page.headers["set-cookie"]
    assert "HttpOnly" in given and "SameSite=strict" in given and given.startswith(f"{cookie(server)};")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.evil.example:80", "a b"])
def test_a_name_that_is_not_ours_is_refused_with_the_token_too(server: Client, host: str):
    assert status(server, Host=host, Authorization=f"Bearer {TOKEN}") == 403


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]:8000", "192.168.1.5"])
def test_loopback_and_addresses_are_ours(server: Client, host: str):
    assert status(server, Host=host, Authorization=f"Bearer {TOKEN}") == 200


def test_a_page_of_another_site_is_refused(server: Client):
    for origin in ("http://evil.example", "null", f"http://127.0.0.1:{server.port + 1}"):
        assert status(server, Origin=origin, Cookie=cookie(server)) == 403, origin
    assert status(server, Origin=server.url, Cookie=cookie(server)) == 200


def test_a_large_body_is_refused_whether_it_says_its_size_or_not(server: Client):
    head = {"Authorization": f"Bearer {TOKEN}", "Content-Length": str(1 << 40)}
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.putrequest("POST", "/v1/traces")
    for name, value in head.items():
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()
    piece = b"0" * (1 << 20)
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as line:
        line.sendall(
            f"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n".encode()
        )
        try:
            for _ in range(40):
                line.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        except OSError:
            pass
        assert line.recv(100).startswith(b"HTTP/1.1 413")


def test_bodies_that_are_held_have_a_room_together_which_is_free_again_with_each_answer(monkeypatch):
    monkeypatch.setattr(guard, "HELD_BYTES", 3)
    headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {TOKEN}".encode())]
    scope = {"type": "http", "method": "POST", "path": "/v1/traces", "query_string": b"", "headers": headers}

    async def app(scope, receive, send):
        try:
            await receive()
            await scope["until"].wait()
            status = 200
        except HTTPException as refused:
            status = refused.status_code
        await send({"type": "http.response.start", "status": status})

    async def asked(guarded: Guard, body: bytes, until: asyncio.Event) -> int:
        statuses = []

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            statuses.append(message["status"])

        await guarded({**scope, "until": until}, receive, send)
        return statuses[0]

    async def played() -> list[int]:
        guarded = Guard(app, OneToken(TOKEN), (), lambda method, path: 3, lambda: None)
        other = Guard(app, OneToken(TOKEN), (), lambda method, path: 1 << 40, lambda: None)
        until, now = asyncio.Event(), asyncio.Event()
        now.set()
        first = asyncio.ensure_future(asked(guarded, b"ab", until))
        while guarded._held_bytes != 2:
            await asyncio.sleep(0)
        beside = [await asked(guarded, b"cd", now), await asked(guarded, b"c", now), await asked(other, b"abcd", now)]
        until.set()
        return [await first, *beside, await asked(guarded, b"cd", now), guarded._held_bytes]

    assert asyncio.run(played()) == [200, 503, 200, 200, 200, 0]


def test_answers_are_kept_by_nobody_and_framed_by_nobody(server: Client):
    headers = server.ask("GET", "/api/v1/runs").headers
    assert headers["cache-control"] == "no-store" and headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"


def test_a_token_is_random_or_long_enough():
    assert token_of("") != token_of("") and len(token_of("").text) >= 40
    assert token_of("x" * 16).text == "x" * 16
    for weak in ("short", "with blanks in it, and long", "ä" * 20):
        with pytest.raises(ConfigError):
            token_of(weak)


def test_a_word_that_was_given_is_not_printed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WHET_TOKEN", TOKEN)
    given = own()
    assert given.first == "" and TOKEN not in given.said and "WHET_TOKEN" in given.said and TOKEN not in repr(given)
    monkeypatch.delenv("WHET_TOKEN")
    made = own()
    assert len(made.first.removeprefix("?token=")) >= 40 and made.said == ""


def test_a_port_that_is_taken_is_said_before_anything_is_served(server: Client, capsys: pytest.CaptureFixture[str]):
    assert main(["server", "--port", str(server.port)]) == 2
    told = capsys.readouterr()
    assert told.out == "" and "cannot be had" in told.err and "--port 0" in told.err


def test_what_is_not_there_is_told_in_the_one_form(server: Client, tmp_path: Path):
    for method, path in (("GET", "/nothing"), ("DELETE", "/api/v1/runs"), ("GET", "/api/2.0/mlflow/zzz")):
        found = server.ask(method, path)
        assert found.status in (404, 405) and found.json()["error_code"] == "ENDPOINT_NOT_FOUND"


def test_an_origin_that_is_no_address_is_refused(server: Client):
    assert status(server, Authorization=f"Bearer {TOKEN}", Origin="http://[") == 403


def test_a_file_is_no_folder_of_runs(tmp_path, capsys: pytest.CaptureFixture[str]):
    (file := tmp_path / "run.yaml").write_text("")
    assert main(["server", "--root", str(file)]) == 2
    assert f"--root {tmp_path}" in capsys.readouterr().err


def test_the_printed_address_says_where_to_go_on(server: Client):
    assert server.get("/")["runs"] == "/api/v1/runs"

"""Signing in by OpenID Connect, at a provider of these tests that keeps to the protocol, or does not."""

import base64
import hashlib
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.server.world import Client, serving
from whet.base.errors import ConfigError
from whet.server.access.oidc import CLIENT, provider_of
from whet.server.access.team import COOKIE, Team

jose = pytest.importorskip("joserfc")


class Login(ThreadingHTTPServer):
    """A provider: `claims` are added to its tokens, `key` signs them, `sent` is the last that it was sent."""

    def __init__(self):
        from joserfc.jwk import RSAKey

        super().__init__(("127.0.0.1", 0), _Handler)
        self.issuer = f"http://127.0.0.1:{self.server_address[1]}"
        self.own = RSAKey.generate_key(2048, {"kid": "1", "use": "sig"})
        self.key, self.claims, self.algorithm, self.asked = self.own, {}, "RS256", {}

    def token(self) -> str:
        from joserfc import jwt

        claims = {
            "iss": self.issuer, "aud": "whet", "exp": int(time.time()) + 60, "nonce": self.asked["nonce"],
            "email": "Ada@example.org", "email_verified": True, **self.claims,
        }  # fmt: skip
        return jwt.encode({"alg": self.algorithm, "kid": "1"}, claims, self.key, algorithms=[self.algorithm])


class _Handler(BaseHTTPRequestHandler):
    server: Login

    def do_GET(self):
        issuer = self.server.issuer
        self._tell({"keys": [self.server.own.as_dict(private=False)]} if self.path == "/keys" else {
            "issuer": issuer, "authorization_endpoint": f"{issuer}/authorize", "token_endpoint": f"{issuer}/token",
            "jwks_uri": f"{issuer}/keys",
        })  # fmt: skip

    def do_POST(self):
        told = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        digest = hashlib.sha256(told["code_verifier"][0].encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == self.server.asked["code_challenge"]
        assert told["client_secret"] == ["secret"] and told["code"] == ["the-code"]
        self._tell({"id_token": self.server.token()})

    def _tell(self, body):
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def provider():
    server = Login()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server
    server.shutdown()


@pytest.fixture(scope="module")
def client(provider, tmp_path_factory):
    root = tmp_path_factory.mktemp("oidc")
    team = Team(root, provider_of(provider.issuer, {CLIENT: "whet", "WHET_OIDC_CLIENT_SECRET": "secret"}))
    team.people.add("ada@example.org", "admin")
    with serving(root, team) as client:
        client.headers = {}
        yield client


def returned(client: Client, provider: Login, next: str = "/runs/x", **changes):
    """What the way to the provider and back ends with."""
    provider.claims = {"key": None, **changes}
    start = client.ask("GET", "/api/v1/oidc/start", next=next)
    assert start.status == 303
    provider.asked = {k: v[0] for k, v in parse_qs(urlsplit(start.headers["location"]).query).items()}
    cookie = re.match(r"whet_state=([^;]+)", start.headers["set-cookie"])[0]
    query = {"state": provider.asked["state"], "code": "the-code"}
    return client.ask("GET", "/api/v1/oidc/back", headers={"Cookie": cookie}, **query)


def test_somebody_who_was_added_is_signed_in(client, provider):
    answer = returned(client, provider)
    assert (answer.status, answer.headers["location"]) == (303, "/runs/x")
    session = re.search(rf"{COOKIE}=[^;]+", answer.headers["set-cookie"])[0]
    assert Client(client.port, {"Cookie": session}).get("/api/v1/session")["person"] == "ada@example.org"


@pytest.mark.parametrize("next", ["//evil.example/", "\\\\evil.example", "/\\evil.example", "https://evil.example"])
def test_the_way_back_stays_here(client, provider, next):
    place = returned(client, provider, next).headers["location"]
    assert urlsplit(place).netloc == "" and place.startswith("/") and place[1:2] not in ("/", "\\")


@pytest.mark.parametrize(
    "claims",
    [{"nonce": "another"}, {"aud": "another"}, {"iss": "http://another"}, {"exp": 1000}, {"email_verified": False},
     {"email": None}, {"email": "eve@example.org"}, {"email_verified": "false"}],
    ids=lambda claims: "-".join(claims),
)  # fmt: skip
def test_a_token_that_does_not_hold_lets_nobody_in(client, provider, claims):
    answer = returned(client, provider, **claims)
    assert answer.status in (401, 403)
    assert COOKIE not in answer.headers.get("set-cookie", "")


def test_a_token_of_another_key_lets_nobody_in(client, provider):
    from joserfc.jwk import OctKey, RSAKey

    forged = [("RS256", RSAKey.generate_key(2048)), ("HS256", OctKey.import_key(b"0123456789abcdef" * 4))]
    for algorithm, key in forged:
        provider.key, provider.algorithm = key, algorithm
        try:
            assert returned(client, provider).status == 401
        finally:
            provider.key, provider.algorithm = provider.own, "RS256"


def test_a_way_that_another_browser_began_is_refused(client):
    start = client.ask("GET", "/api/v1/oidc/start")
    state = parse_qs(urlsplit(start.headers["location"]).query)["state"][0]
    assert client.ask("GET", "/api/v1/oidc/back", state=state, code="the-code").status == 401


def test_what_is_missing_is_said_at_the_start():
    with pytest.raises(ConfigError, match="https"):
        provider_of("http://login.example.org", {CLIENT: "x"})
    with pytest.raises(ConfigError, match="id for this server"):
        provider_of("https://login.example.org", {})

"""The page: its files, its index wherever no route of the API is, and what a browser may load in it."""

import re
from pathlib import Path

import pytest

from tests.server.world import Client, serving
from whet.server.routes import page


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    bundle = tmp_path_factory.mktemp("page")
    (bundle / "index.html").write_text(f'<!doctype html><meta name="whet-nonce" content="{page.NONCE}"><p>whet</p>')
    (bundle / "icon.svg").write_text("<svg/>")
    (bundle / "assets").mkdir()
    (bundle / "assets" / "index-1a2b.js").write_text("let a")
    (bundle.parent / "secret.txt").write_text("not for you")
    with serving(tmp_path_factory.mktemp("runs"), pages=[page.router(bundle)]) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/runs", "/runs/a%20run/charts", "/compare", "/no/such/page", "/runs/a.json"])
def test_every_path_of_the_page_answers_its_index(server: Client, path: str):
    found = server.ask("GET", path)
    assert found.status == 200 and b"<p>whet</p>" in found.body
    assert found.headers["content-type"].startswith("text/html")


def test_no_script_runs_but_the_bundle_s_and_each_answer_has_its_own_nonce(server: Client):
    nonces = set()
    for _ in range(2):
        found = server.ask("GET", "/")
        policy = dict(part.strip().split(" ", 1) for part in found.headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'" and policy["script-src"] == policy["connect-src"] == "'self'"
        assert "unsafe" not in found.headers["content-security-policy"]
        (nonce,) = re.findall(r'content="([^"]+)"', found.body.decode())
        assert f"'nonce-{nonce}'" in policy["style-src"]
        nonces.add(nonce)
    assert len(nonces) == 2


def test_files_of_the_bundle_are_told_as_what_they_are(server: Client):
    script, icon = server.ask("GET", "/assets/index-1a2b.js"), server.ask("GET", "/icon.svg")
    assert script.status == icon.status == 200
    assert "javascript" in script.headers["content-type"] and "svg" in icon.headers["content-type"]
    assert "immutable" in script.headers["cache-control"] and icon.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/assets/none.js", "/assets/../index.html", "/assets/%2e%2e/%2e%2e/secret.txt"])
def test_nothing_beside_the_bundle_is_served(server: Client, path: str):
    found = server.ask("GET", path)
    assert found.status in (400, 404) and b"not for you" not in found.body


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api", "/ajax-api/2.0/x", "/v1/x"])
def test_a_program_that_asks_what_is_not_there_gets_json(server: Client, path: str):
    found = server.ask("GET", path)
    assert found.status == 404 and found.json()["error_code"] == "ENDPOINT_NOT_FOUND" and found.json()["hint"]


def test_the_api_stands_before_the_page(server: Client):
    assert server.get("/api/v1/runs")["total"] == 0


def test_where_no_bundle_was_built_the_page_says_what_to_type(tmp_path: Path):
    with serving(tmp_path, pages=[page.router(tmp_path / "none")]) as client:
        found = client.ask("GET", "/runs")
    assert found.status == 503 and b"make web" in found.body


def test_nobody_without_the_token_sees_the_page(server: Client):
    assert Client(server.port, {}).ask("GET", "/").status == 401

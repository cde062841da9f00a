"""Reports and boards over HTTP: written, read, refused, and read by everybody where a server is public."""

import pytest

import whet.track as track
from tests.server.inside import inside
from tests.server.world import Client, serving
from whet.server import bundle
from whet.server.access.public import Public
from whet.server.access.team import Team


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shared")
    with track.init(project="fish", name="first", config={"data": "digits"}, dir=folder) as run:
        for step in range(3):
            run.log({"loss": 1.0 / (step + 1)}, step=step)
    return folder


JSON = {"Content-Type": "application/json"}
CHART = {"kind": "chart", "runs": ["first"], "metrics": ["loss"]}


def test_a_report_from_its_first_word_to_a_file(root, tmp_path, monkeypatch):
    with inside(root) as app:
        made = app.ask("POST", "/api/v1/reports", {"title": "Week 1", "blocks": [CHART]}, JSON).json()
        assert (made["id"], made["version"]) == ("week-1", 1)
        changed = {"title": "Week 1", "blocks": [CHART, {"kind": "text", "text": "it falls"}], "version": 1}
        assert app.ask("PUT", "/api/v1/reports/week-1", changed, JSON).json()["version"] == 2
        late = app.ask("PUT", "/api/v1/reports/week-1", changed, JSON)
        assert late.status == 409 and late.json()["hint"]
        assert app.get("/api/v1/reports/week-1/shown")["shown"][0]["series"][0]["mean"] == [1.0, 0.5, 1 / 3]
        monkeypatch.setattr(bundle, "FOLDER", tmp_path)
        assert app.ask("GET", "/api/v1/reports/week-1/file").json()["hint"] == "make web"
        (tmp_path / "report.js").write_text("draw()")
        (tmp_path / "report.css").write_text("b{}")
        file = app.ask("GET", "/api/v1/reports/week-1/file")
        assert b"draw()" in file.body and "sandbox" in file.headers["content-security-policy"]
        assert app.ask("DELETE", "/api/v1/reports/week-1").status == 200
        assert app.get("/api/v1/reports") == []
        assert len(app.get("/api/v1/reports/week-1/versions")) == 2


@pytest.mark.parametrize(
    "content",
    [{}, {"title": ""}, {"title": "x", "blocks": [{"kind": "script"}]}, {"title": "x", "more": 1},
     {"title": "x", "blocks": [{**CHART, "smoothing": 1.0}]}, {"title": "x", "blocks": [CHART] * 201}],
)  # fmt: skip
def test_what_is_no_report_is_refused(root, content):
    with inside(root) as app:
        assert app.ask("POST", "/api/v1/reports", content, JSON).status == 400


def test_a_report_shows_nobody_runs_that_they_may_not_see(root, tmp_path_factory):
    team = Team(root)
    team.people.add("ada", "admin")
    team.people.add("vic", "viewer")
    team.people.add("ben", "viewer", "birds")
    with serving(root, team) as server:
        keys = {
            name: {"Authorization": f"Bearer {team.keys.make(name, '', 'admin')}"} for name in ("ada", "vic", "ben")
        }
        ada, vic, ben = (Client(server.port, keys[name]) for name in keys)
        ada.post("/api/v1/reports", {"title": "Shared", "blocks": [CHART]})
        assert "mean" in vic.get("/api/v1/reports/shared/shown")["shown"][0]["series"][0]
        assert ben.ask("GET", "/api/v1/reports/shared/shown").status == 403
        assert vic.ask("POST", "/api/v1/reports", {"title": "Mine"}).status == 403


def test_everybody_reads_public_boards_and_nothing_else(root):
    with serving(root, Public("the-token-0123456789")) as server:
        owner = Client(server.port, {"Authorization": "Bearer the-token-0123456789"})
        owner.post("/api/v1/boards/digits", {"title": "Digits", "metric": "loss", "frozen": {"data": "digits"}})
        owner.post("/api/v1/boards/digits/entries", {"run": "first"})
        anyone = Client(server.port, {})
        assert anyone.get("/api/v1/boards/digits")["entries"][0]["score"] == 1 / 3
        assert anyone.get("/api/v1/session")["person"] == ""
        for path in ("/api/v1/runs", "/api/v1/reports", "/metrics", "/api/v1/runs/first"):
            assert anyone.ask("GET", path).status == 401, path
        for method, path in (("POST", "/api/v1/boards/x"), ("DELETE", "/api/v1/boards/digits")):
            assert anyone.ask(method, path, {"title": "x", "metric": "loss"}).status == 401

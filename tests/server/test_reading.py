"""Runs read over HTTP say what the reading API says, and nothing outside of a run is ever read."""

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

import whet.track as track
from tests.server.world import Client, serving
from tests.track.runs import records, write
from whet.track.reading.store import history
from whet.track.script.plain import plain


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    write(root / "trained", records())
    with track.init(project="scripts", name="script", dir=root, config={"lr": 0.1}, tags=["best"]) as run:
        for step in range(3000):
            run.log({"loss": 1e9 if step == 1234 else 3.0 / (step + 1), "train/odd ü\n": float(step)})
        run.log({"words": track.Text("hello"), "page": track.Html("<script>alert(1)</script>"), "nan": math.nan})
    (root / "secret.txt").write_text("secret")
    os.symlink(root / "secret.txt", root / "script" / "link.txt")
    os.symlink(root, root / "script" / "out")
    os.mkfifo(root / "script" / "pipe")
    return root


@pytest.fixture(scope="module")
def server(root: Path):
    with serving(root) as client:
        yield client


def test_a_listing_is_filtered_sorted_and_cut(server: Client):
    everything = server.get("/api/v1/runs")
    assert {run["name"] for run in everything["runs"]} == {"trained", "script"} and everything["total"] == 2
    assert all("folder" not in run for run in everything["runs"])
    found = server.get("/api/v1/runs", filter='lr == 0.1 and tag == "best"', columns="lr,nan")
    assert [(run["name"], run["lr"], run["nan"]) for run in found["runs"]] == [("script", 0.1, "NaN")]
    by_step = [run["name"] for run in server.get("/api/v1/runs", sort="step:desc")["runs"]]
    assert by_step == ["script", "trained"] and server.get("/api/v1/runs", sort="step")["runs"][0]["name"] == "trained"
    page = server.get("/api/v1/runs", sort="step", limit=1, offset=1)
    assert [run["name"] for run in page["runs"]] == ["script"] and page["total"] == 2


def test_runs_are_found_by_words_of_what_they_are_called(server: Client):
    def found(q: str) -> tuple[list[str], int]:
        answer = server.get("/api/v1/runs", q=q, limit=1)
        return [run["name"] for run in answer["runs"]], answer["total"]

    assert found("RAIN") == (["trained"], 1)
    assert found("best scri") == found("Scripts") == (["script"], 1)
    assert found("best train") == ([], 0) and found(" ")[1] == 2
    both = server.get("/api/v1/runs", q="script", filter="step < 5")
    assert both["total"] == 0
    assert server.ask("GET", "/api/v1/runs", q="x" * 500).status == 400


def test_a_filter_that_is_none_is_told_with_a_hint(server: Client):
    for wrong in ("loss <", "__import__('os')", "lsos < 3"):
        found = server.ask("GET", "/api/v1/runs", filter=wrong)
        assert found.status == 400 and found.json()["error_code"] == "INVALID_PARAMETER_VALUE" and found.json()["hint"]


def test_one_run_says_what_it_is(server: Client):
    found = server.get("/api/v1/runs/script")
    assert found["config"] == {"lr": 0.1} and found["tags"] == ["best"] and found["status"] == "done"
    assert found["metrics"][:2] == ["loss", "train/odd ü\n"] and found["writers"] == ["r0"] and found["breaks"] == []
    paths = [one["path"] for one in found["files"]]
    assert "track/r0.a1.tlog" in paths and not {"link.txt", "pipe"} & set(paths)


def test_every_point_comes_page_by_page(server: Client, root: Path):
    steps, values = history(root / "script").scalar("loss")
    found, start = {"steps": [], "values": [], "times": []}, 0
    while start is not None:
        page = server.get("/api/v1/runs/script/points", name="loss", start=start, limit=700)
        for field, so_far in found.items():
            so_far += page[field]
        start = page["next"]
    assert found["steps"] == steps.tolist() and found["values"] == values.tolist()
    assert sorted(found["times"]) == found["times"] and page["total"] == 3000
    odd = server.get("/api/v1/runs/script/points", name="train/odd ü\n", start=2999)
    assert odd["values"] == [2999.0]


def test_a_curve_is_cut_down_without_losing_its_spike(server: Client, root: Path):
    curve = server.get("/api/v1/runs/script/curves", names=["loss"], most=100)["loss"]
    assert len(curve["high"]) <= 130 and max(curve["high"]) == 1e9
    level = history(root / "script").curve("loss", 100)
    for field in ("low", "high", "mean"):
        assert np.allclose(curve[field], getattr(level, field)[0])
    assert curve["first_steps"][0] == 0 and curve["last_steps"][-1] == 2999


def test_news_come_behind_a_cursor(server: Client):
    first = server.get("/api/v1/runs/trained/since")
    assert sum(len(part["steps"]) for part in first["points"] if part["name"] == "loss") == 20
    again = server.ask("GET", "/api/v1/runs/trained/since", cursor=json.dumps(first["cursor"]))
    assert again.json()["points"] == [] and again.json()["events"] == []
    assert server.ask("GET", "/api/v1/runs/trained/since", cursor="[1").status == 400


def test_events_and_media_are_told(server: Client, root: Path):
    kinds = [event["kind"] for event in server.get("/api/v1/runs/trained/events")["events"]]
    assert kinds == [event.kind for event in history(root / "trained").events()]
    notice = server.get("/api/v1/runs/trained/events", kind="notice")
    assert [event["payload"]["text"] for event in notice["events"]] == ["the loss is spiking"]
    media = server.get("/api/v1/runs/script/media", name="page")["media"]
    page = server.ask("GET", f"/api/v1/runs/script/files/{media[0]['entries'][0]['path']}")
    assert page.body == b"<script>alert(1)</script>"
    assert page.headers["content-security-policy"].startswith("sandbox;")
    assert page.headers["x-frame-options"] == "SAMEORIGIN"
    part = server.ask("GET", "/api/v1/runs/script/files/track/r0.a1.tlog", headers={"Range": "bytes=0-7"})
    assert part.status == 206 and part.body == b"whetlog1"


ACTIVE = (
    "js", "mjs", "cjs", "html", "htm", "xhtml", "xht", "shtml", "svg", "svgz", "xml", "xsl", "css", "json", "wasm",
    "swf", "pdf", "mht", "mhtml", "hta", "htc", "php", "vtt", "manifest", "HTML", "Svg", "png.html", "", "tlog",
)  # fmt: skip


@pytest.mark.parametrize("suffix", ACTIVE)
def test_nothing_that_was_logged_is_a_script_or_a_page_from_here(server: Client, root: Path, suffix: str):
    (root / "script" / f"evil.{suffix}").write_text("<script>alert(1)</script>")
    found = server.ask("GET", f"/api/v1/runs/script/files/evil.{suffix}")
    assert found.headers["content-type"].startswith("text/plain") and found.status == 200
    assert found.headers["x-content-type-options"] == "nosniff"
    assert found.headers["content-security-policy"].startswith("sandbox; default-src 'none'")


def test_pictures_are_shown_and_pages_only_as_pages(server: Client, root: Path):
    (root / "script" / "a.PNG").write_bytes(b"\x89PNG")
    assert server.ask("GET", "/api/v1/runs/script/files/a.PNG").headers["content-type"] == "image/png"
    (root / "script" / "a.html").write_text("<b>x</b>")
    page = server.ask("GET", "/api/v1/runs/script/pages/a.html")
    assert page.headers["content-type"].startswith("text/html") and page.body == b"<b>x</b>"
    assert page.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert server.ask("GET", "/api/v1/runs/script/pages/a.PNG").status == 404


@pytest.mark.parametrize("path", [
    "/api/v1/runs/script/pages/../../secret.txt", "/api/v1/runs/script/pages/link.txt",
    "/api/v1/runs/../secret.txt", "/api/v1/runs/%2e%2e/files/secret.txt", "/api/v1/runs/script/files/../../secret.txt",
    "/api/v1/runs/script/files/%2e%2e/secret.txt", "/api/v1/runs/script/files/..%2f..%2fsecret.txt",
    "/api/v1/runs/script/files//etc/passwd", "/api/v1/runs/script/files/%2fetc%2fpasswd",
    "/api/v1/runs/script/files/link.txt", "/api/v1/runs/script/files/out/secret.txt",
    "/api/v1/runs/script/files/pipe", "/api/v1/runs/script/files/track", "/api/v1/runs/script/files/",
    "/api/v1/runs/script/files/a%00b", "/api/v1/runs/script/files/..%5c..%5csecret.txt",
    "/api/v1/runs/script/files/" + "a" * 300,
    "/api/v1/runs/%00", "/api/v1/runs/" + "a" * 300, "/api/v1/runs/.", "/api/v1/runs/%2e", "/api/v1/runs/-x",
])  # fmt: skip
def test_nothing_outside_of_a_run_is_read(server: Client, path: str):
    found = server.ask("GET", path)
    assert found.status in (400, 404), found.body
    assert b"secret" not in found.body.replace(b"secret.txt", b"")


def test_numbers_that_are_none_are_refused(server: Client):
    for query in ({"limit": 0}, {"limit": "x"}, {"offset": -1}, {"limit": 1 << 70}):
        assert server.ask("GET", "/api/v1/runs", **query).status == 400
    assert server.ask("GET", "/api/v1/runs/script/points", name="none").status == 404
    assert server.ask("GET", "/api/v1/runs/script/curves").status == 400


def test_a_log_that_takes_another_s_place_is_read_anew(tmp_path: Path):
    write(tmp_path / "run", records(last=20))
    write(tmp_path / "other", records(last=5))
    with serving(tmp_path) as server:
        api = "/api/2.0/mlflow/runs/get"
        assert server.get("/api/v1/runs/run/points", name="loss")["total"] == 20
        assert server.get(api, run_id="run")["run"]["data"]["metrics"][0]["step"] == 20
        os.replace(tmp_path / "other/track/r0.a1.tlog", tmp_path / "run/track/r0.a1.tlog")
        assert server.get("/api/v1/runs/run/points", name="loss")["total"] == 5
        assert server.get("/api/v1/runs/run")["breaks"] == []
        assert server.get(api, run_id="run")["run"]["data"]["metrics"][0]["step"] == 5


def test_a_run_that_grows_is_followed(tmp_path: Path):
    with serving(tmp_path) as server:
        run = track.init(name="live", dir=tmp_path, reinit="create_new")
        run.log({"loss": 2.0}, step=1)
        cursor = server.get("/api/v1/runs/live/since")["cursor"]
        assert server.get("/api/v1/runs")["runs"][0]["status"] == "running"
        run.log({"loss": 1.0}, step=2)
        news = server.get("/api/v1/runs/live/since", cursor=json.dumps(cursor))
        assert [(p["name"], p["steps"], p["values"]) for p in news["points"]] == [("loss", [2], [1.0])]
        run.finish()
        assert server.get("/api/v1/runs/live")["status"] == "done"
        assert plain(math.inf) == "Infinity"

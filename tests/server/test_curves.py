"""Curves over HTTP: zoomed, on other axes, of many runs, with what is no number marked; answers are as typed."""

import base64
import math
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import whet.track as track
from tests.server.inside import Inside, inside
from tests.track.runs import records, step, write
from whet.track.logs.event_log import EventLog
from whet.track.reading.store import LOGS, history
from whet.track.records import RunEnded


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    write(root / "trained", records())
    rough = [step(n, 200, loss=math.nan if n in (7, 8) else 1e30 if n == 150 else 1.0 / n) for n in range(1, 201)]
    write(root / "rough", [*rough, RunEnded(200, "done", "")])
    with track.init(name="script", dir=root, tags=["best"]) as run:
        run.log({"loss": 0.1 + 0.2, "own": 1.0})
        run.log({"text": track.Text("hello")})
    return root


@pytest.fixture(scope="module")
def server(root: Path):
    with inside(root) as client:
        yield client


@pytest.fixture(scope="module")
def schema(server: Inside) -> dict:
    return server.get("/api/v1/openapi.json")


def unpacked(text: str, form: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), form)


def test_a_curve_is_of_the_run_or_else_of_whoever_tells_it(server: Inside, root: Path):
    layers = EventLog(root / "trained" / LOGS, "layers")
    for number in (5, 10):
        layers.scalars(number, {"gradients/a/norm": 0.25, "loss": -1.0})
    layers.close("done", "")
    found = server.get("/api/v1/runs/trained/curves", names=["gradients/a/norm", "loss"])
    assert (found["gradients/a/norm"]["writer"], found["gradients/a/norm"]["mean"]) == ("layers", [0.25, 0.25])
    assert found["loss"]["writer"] == "r0" and min(found["loss"]["low"]) > 0
    assert server.get("/api/v1/runs/trained/points", name="gradients/a/norm")["values"] == [0.25, 0.25]
    named = server.get("/api/v1/runs/trained/curves", names="loss", writer="layers")["loss"]
    assert (named["writer"], named["mean"]) == ("layers", [-1.0, -1.0])


def test_a_window_shows_what_lies_between_two_steps(server: Inside):
    found = server.get("/api/v1/runs/rough/curves", names="loss", start=140, end=160)["loss"]
    assert found["first_steps"] == found["last_steps"] == list(range(140, 161)) and max(found["high"]) == 1e30
    assert server.get("/api/v1/runs/rough/curves", names="loss", start=198)["loss"]["first_steps"] == [198, 199, 200]
    assert server.get("/api/v1/runs/rough/curves", names="loss", end=0)["loss"]["mean"] == []


def test_what_is_no_number_is_marked(server: Inside):
    found = server.get("/api/v1/runs/rough/curves", names=["loss", "lr"], most=5)
    assert found["loss"]["marks"] == [{"kind": "NaN", "first_step": 7, "last_step": 8, "count": 2}]
    assert found["lr"]["marks"] == []


def test_another_axis_tells_how_much_had_been_come_to(server: Inside, root: Path):
    found = server.get("/api/v1/runs/trained/curves", names="loss", x="tokens")["loss"]
    assert found["unit"] == "tokens" and found["last"] == [2000.0 * n for n in range(1, 21)]
    times = server.get("/api/v1/runs/trained/curves", names="loss", x="time")["loss"]
    [part] = history(root / "trained").points("loss")
    begun = history(root / "trained").spans[0][0]
    assert times["unit"] == "s" and np.allclose(times["last"], part.times - begun)
    steps = server.get("/api/v1/runs/trained/curves", names="loss")["loss"]
    assert steps["first"] == steps["first_steps"] and steps["unit"] == "steps"
    refused = server.ask("GET", "/api/v1/runs/trained/curves", names="loss", x="cost")
    assert refused.status == 400 and refused.json()["hint"] == "x=step or x=tokens or x=time"


def test_many_runs_come_at_once_and_lose_no_spike(server: Inside, root: Path):
    found = server.get("/api/v1/curves", runs="trained,rough,script", names=["loss", "own", "none"], most=20)["runs"]
    assert {run: list(curves) for run, curves in found.items()} == {
        "trained": ["loss"], "rough": ["loss"], "script": ["loss", "own"],
    }  # fmt: skip
    packed, level = found["rough"]["loss"], history(root / "rough").curve("loss", 20)
    assert packed["count"] == len(level) and packed["marks"][0]["kind"] == "NaN"
    assert unpacked(packed["first"], "<f8").tolist() == level.first_steps.tolist()
    assert (unpacked(packed["high"], "<f4") >= level.high[0]).all() and unpacked(packed["high"], "<f4").max() >= 1e30
    assert (unpacked(packed["low"], "<f4") <= level.low[0]).all()
    assert np.allclose(unpacked(packed["mean"], "<f4"), level.mean[0], rtol=1e-6)
    on_tokens = server.get("/api/v1/curves", runs="trained,script", names="loss", x="tokens")["runs"]
    assert on_tokens["script"] == {} and unpacked(on_tokens["trained"]["loss"]["last"], "<f8")[-1] == 40_000


def test_more_than_an_answer_can_hold_is_refused(server: Inside):
    runs = ",".join(f"run-{number}" for number in range(1000))
    assert server.ask("GET", "/api/v1/curves", runs=runs, names="loss", most=10_000).status == 400
    assert server.ask("GET", "/api/v1/curves", runs="trained,nobody", names="loss").status == 404


def test_marks_are_what_happened_at_steps(server: Inside):
    found = server.get("/api/v1/runs/trained/marks")
    told = [(one["step"], one["kind"], one["text"]) for one in found["marks"]]
    assert told == [
        (5, "evaluation", "loss 1, hits 0.25"), (10, "evaluation", "loss 0.5, hits 0.25"),
        (15, "evaluation", "loss 0.3333, hits 0.25"), (20, "evaluation", "loss 0.25, hits 0.25"),
        (20, "checkpoint", "checkpoint step-00000020"), (20, "notice", "the loss is spiking"),
        (20, "ended", "done: all steps done"),
    ]  # fmt: skip
    assert server.get("/api/v1/runs/trained/marks", limit=1)["marks"] == found["marks"][-1:] and found["total"] == 7


def test_a_listing_names_what_can_be_asked_for_and_draws_small(server: Inside):
    found = server.get("/api/v1/runs", spark=True)
    assert {"loss", "eval/hits", "tag", "pinned", "archived", "group"} <= set(found["names"])
    sparks = {run["name"]: run["spark"] for run in found["runs"]}
    assert len(sparks["rough"]) == 40 and max(v for v in sparks["rough"] if v != "NaN") > 1e28
    assert sparks["script"] == [0.3] and "spark" not in server.get("/api/v1/runs")["runs"][0]


READ = {
    "/api/v1/runs": {"columns": "loss"}, "/api/v1/runs/{run}": {}, "/api/v1/runs/{run}/curves": {"names": "loss"},
    "/api/v1/curves": {"runs": "trained,script", "names": "loss"}, "/api/v1/runs/{run}/points": {"name": "loss"},
    "/api/v1/runs/{run}/since": {}, "/api/v1/runs/{run}/events": {}, "/api/v1/runs/{run}/marks": {},
    "/api/v1/runs/{run}/media": {},
}  # fmt: skip


@pytest.mark.parametrize("path", READ)
@pytest.mark.parametrize("run", ["trained", "rough", "script"])
def test_an_answer_is_what_its_schema_says(server: Inside, schema: dict, path: str, run: str):
    found = server.get(path.replace("{run}", run), **READ[path])
    told = schema["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(found, {**told, "components": schema["components"]}, jsonschema.Draft202012Validator)


def test_every_answer_has_a_schema(schema: dict):
    """Of what is read of runs; a file is bytes, and so is a page that was logged, and rows that are saved."""
    untyped = []
    for path, methods in schema["paths"].items():
        if path.startswith("/api/v1") and "get" in methods and ("/runs" in path or path in READ):
            bodies = methods["get"]["responses"]["200"]["content"].values()
            untyped += [] if any(body["schema"] for body in bodies) else [path]
    files = ["files/{path}", "pages/{path}", "requests/export"]
    assert sorted(untyped) == [f"/api/v1/runs/{{run}}/{name}" for name in files]

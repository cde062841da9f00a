"""What a run has recorded beside curves is told over HTTP as it lies there, and asked of a run only while it runs."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests import tiny
from tests.server.inside import Inside, inside
from tests.track.runs import records, step, write
from whet.track.logs import frames
from whet.track.logs.event_log import EventLog
from whet.track.reading.store import LOGS
from whet.track.recorded.rows import RowsLog
from whet.track.records import RunStarted

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    folder = root / "trained"
    write(folder, records())
    slow = EventLog(folder / LOGS, "r1")
    for number in range(1, 21):
        slow.scalars(number, {"seconds": 5.0 if number > 10 else 0.5})
    slow.close("done", "")
    console = EventLog(folder / LOGS, "r0", frames.CONSOLE_FILE)
    for number in range(300):
        console.frame(frames.TEXT, 1, number // 15, f"line {number}\n".encode())
    console.close("done", "")
    rows = RowsLog(folder / LOGS, "r0")
    source, loss = np.array([0, 3]), np.array([0.5, 2.5])
    rows.add(7, 0.5, ["chat.jsonl"] * 2, {"row": source, "part": source * 0, "loss": loss, "reward": loss})
    ids = np.arange(5)
    rows.add_tokens(7, ("chat.jsonl", 3, 0), [ids, ids[2:], ids[2:] + 1, ids[2:] / 4])
    rows.close()
    answer = {
        "text": "an answer", "reward": 1.0, "scores": {"exact": 1.0, "judge": None}, "fields": {"advantage": 0.5},
        "tokens": 3, "finish": "stop", "figures": {}, "messages": [], "failures": [["price", "KeyError", "owl"]],
    }  # fmt: skip
    prompts = [{"source": "p.jsonl", "row": n, "prompt": [{"role": "user", "content": f"ask {n}"}]} for n in range(3)]
    log = EventLog(folder / LOGS, "rollouts")
    for number in (1, 2):
        log.event("rollout", number, {"prompts": [{**one, "answers": [answer] * 2} for one in prompts]})
    log.event("rollout", 3, {"prompts": "none"})
    log.close("done", "")
    entry = {"source": "chat.jsonl", "row": 4, "action": "skipped", "reason": "too_long", "detail": "900 tokens"}
    lines = [json.dumps({**entry, "row": n, "reason": "empty" if n % 2 else "too_long"}) for n in range(10)]
    (folder / "ledger.jsonl").write_text("\n".join([*lines, "{torn"]))
    for number in (10, 20):
        (folder / f"checkpoints/step-{number:08d}").mkdir(parents=True)
        (folder / f"checkpoints/step-{number:08d}/state.json").write_text("x" * number)
    (folder / "checkpoints/step-00000030.partial").mkdir()
    (folder / "model").mkdir()
    (folder / "evaluations").mkdir()
    result = {"task": "loss", "figures": {"loss": {"value": 0.5, "n": 3}}}
    (folder / "evaluations/loss-20260101-000000-000001.json").write_text(json.dumps(result))
    (folder / "evaluations/loss-20260101-000000-000002.json").write_text("[]")
    return root


@pytest.fixture(scope="module")
def server(root: Path):
    with inside(root) as client:
        yield client


@pytest.fixture(scope="module")
def schema(server: Inside) -> dict:
    return server.get("/api/v1/openapi.json")


def test_the_console_is_told_by_lines_steps_and_words(server: Inside):
    last = server.get("/api/v1/runs/trained/console", limit=3)
    assert [line["text"] for line in last["lines"]] == ["line 297", "line 298", "line 299"]
    assert (last["total"], last["next"], last["ranks"]) == (300, None, [0])
    page = server.get("/api/v1/runs/trained/console", start=10, limit=2)
    assert [line["number"] for line in page["lines"]] == [10, 11] and page["next"] == 12
    assert server.get("/api/v1/runs/trained/console", step=4, limit=1)["lines"][0]["text"] == "line 60"
    found = server.get("/api/v1/runs/trained/console", search="LINE 29", limit=4)
    assert [line["number"] for line in found["lines"]] == [29, 290, 291, 292] and found["next"] == 293
    assert server.get("/api/v1/runs/trained/console", rank=5)["lines"] == []
    for wrong in ({"limit": 0}, {"start": -1}, {"rank": -1}, {"search": "x" * 500}):
        assert server.ask("GET", "/api/v1/runs/trained/console", **wrong).status == 400


def test_rows_of_a_step_come_with_their_losses(server: Inside):
    found = server.get("/api/v1/runs/trained/steps/7/rows")
    told = [(row["row"], row["loss"], row["reward"], row["text"]) for row in found["rows"]]
    assert told == [(3, 2.5, 2.5, None), (0, 0.5, 0.5, None)]
    assert (found["step"], found["epoch"], found["total"]) == (7, 0.5, 2)
    assert server.get("/api/v1/runs/trained/steps/7/rows", limit=1, offset=1)["rows"][0]["row"] == 0
    refused = server.ask("GET", "/api/v1/runs/trained/steps/9/rows")
    assert refused.status == 404 and "track.rows" in refused.json()["hint"]
    assert server.ask("GET", "/api/v1/runs/trained/steps/-1/rows").status == 400


def test_single_tokens_come_with_their_losses(server: Inside):
    found = server.get("/api/v1/runs/trained/steps/7/tokens", texts=False)
    [row] = found["rows"]
    assert (row["ids"], row["places"]) == ([0, 1, 2, 3, 4], [2, 3, 4])
    assert (row["targets"], row["losses"]) == ([3, 4, 5], [0.5, 0.75, 1.0])
    assert found["steps"] == [7] and row["texts"] is None
    assert server.get("/api/v1/runs/trained/steps/8/tokens", texts=False) == {"rows": [], "steps": [7]}


def test_a_rank_that_is_slow_stands_out(server: Inside):
    found = server.get("/api/v1/runs/trained/ranks", name="seconds", most=4)
    assert found["ranks"] == [0, 1] and found["edges"] == [1, 6, 11, 16, 21]
    assert found["means"] == [[0.5] * 4, [0.5, 0.5, 5.0, 5.0]]
    assert server.get("/api/v1/runs/trained/ranks", name="loss")["ranks"] == [0]
    assert server.ask("GET", "/api/v1/runs/trained/ranks", name="none").status == 404


def test_memory_as_it_was_planned_lies_beside_what_was_measured(server: Inside, root: Path):
    empty = {"rows": [], "moment": None, "components": {}, "why": {}}
    assert server.get("/api/v1/runs/trained/plan") == empty
    path = root / "planned" / "plan.json"
    write(path.parent, records()).close()
    told = {
        "planned": {"weights": 100, "peak": 400},
        "moment": "loss",
        "measured": None,
        "why": {"parallel": "shard 2"},
    }
    path.write_text(json.dumps(told | {"components": {"weights": 100, "working": "odd"}}))
    found = server.get("/api/v1/runs/planned/plan")
    assert found["rows"][0] == {"name": "weights", "planned": 100.0, "measured": None, "apart": None}
    assert (found["components"], found["why"]) == ({"weights": 100.0}, {"parallel": "shard 2"})
    path.write_text(json.dumps(told | {"measured": {"weights": 110, "peak": -1}}))
    assert server.get("/api/v1/runs/planned/plan")["rows"][0]["apart"] == pytest.approx(0.1)
    for damaged in ("{", "[]", json.dumps({"planned": 3, "why": [], "components": 1})):
        path.write_text(damaged)
        assert server.get("/api/v1/runs/planned/plan") == empty


def test_ranks_tell_where_they_stand_and_what_they_hold(server: Inside, root: Path):
    alike = {"name": "norm.weight", "count": 2, "shape": [8], "cut": {"fsdp": 0}}
    for rank in range(2):
        own = {"name": f"layers.{rank}.weight", "count": 1, "shape": [8, 4], "cut": {}}
        here = {"sizes": {"pipeline": 2}, "place": {"pipeline": rank}, "bytes": 100 + rank, "weights": [alike, own]}
        first = {**here, "sizes": {"shard": 2}, "bytes": 7}
        for held in (first, here):
            write(root / "meshed", [RunStarted(0, 9, {}, held)], rank).close()
    found = server.get("/api/v1/runs/meshed/mesh")
    assert found["sizes"] == {"pipeline": 2}, "of the newest attempt"
    assert [(one["rank"], one["place"], one["bytes"]) for one in found["ranks"]] == [
        (0, {"pipeline": 0}, 100), (1, {"pipeline": 1}, 101),
    ]  # fmt: skip
    assert [(one["name"], one["ranks"]) for one in found["weights"]] == [
        ("norm.weight", [0, 1]), ("layers.0.weight", [0]), ("layers.1.weight", [1]),
    ]  # fmt: skip
    alone = {"sizes": {}, "ranks": [], "weights": []}
    assert server.get("/api/v1/runs/trained/mesh") == alone
    weights = [7, {"name": 5, "shape": "no", "cut": [1], "count": "two"}]
    odd = {"sizes": ["x"], "place": 3, "bytes": -1, "weights": weights}
    write(root / "odd", [RunStarted(0, 9, {}, odd)]).close()
    assert server.get("/api/v1/runs/odd/mesh")["ranks"] == [{"rank": 0, "place": {}, "bytes": 0}]


def test_what_lies_in_the_folder_is_listed(server: Inside):
    ledger = server.get("/api/v1/runs/trained/ledger", offset=1, limit=2)
    assert [row["row"] for row in ledger["rows"]] == [1, 2] and ledger["total"] == 10
    assert [(one["reason"], one["count"]) for one in ledger["counts"]] == [("empty", 5), ("too_long", 5)]
    assert server.get("/api/v1/runs/trained/ledger", q="EMPTY")["total"] == 5
    kept = server.get("/api/v1/runs/trained/checkpoints")
    assert [(one["step"], one["bytes"]) for one in kept["checkpoints"]] == [(10, 10), (20, 20)]
    assert [one["path"] for one in kept["models"]] == ["model"]
    found = server.get("/api/v1/runs/trained/evaluations")
    assert [(one["task"], one["result"]["figures"]["loss"]["value"]) for one in found["evaluations"]] == [("loss", 0.5)]
    assert "eval/loss" in found["curves"]
    answers = server.get("/api/v1/runs/trained/generations")
    assert answers["prompts"] == ["Who are you?"] and answers["steps"] == [20] and answers["total"] == 1
    assert server.get("/api/v1/runs/trained/generations", step=3)["generations"] == []
    assert server.get("/api/v1/runs/trained/environment") == {"starts": [], "energy_j": None, "cost": None}


def test_lineage_leads_from_rows_to_what_was_made_of_them(server: Inside):
    whole = server.get("/api/v1/runs/trained/lineage")
    edges = {tuple(edge) for edge in whole["edges"]}
    assert {("steps:1-10", "checkpoint:10"), ("steps:1-10", "steps:11-20"), ("steps:11-20", "checkpoint:20")} <= edges
    assert ("steps:11-20", "model:model") in edges
    assert ("model:model", "evaluation:evaluations/loss-20260101-000000-000001.json") in edges
    assert {end for edge in edges for end in edge} <= {node["id"] for node in whole["nodes"]}
    step = server.get("/api/v1/runs/trained/lineage", step=7)
    ids = [node["id"] for node in step["nodes"]]
    assert "row:chat.jsonl#3.0" in ids and ["row:chat.jsonl#3.0", "step:7"] in step["edges"]
    measured = "evaluation:evaluations/loss-20260101-000000-000001.json"
    led = [["step:7", "checkpoint:10"], ["step:7", "model:model"], ["model:model", measured]]
    assert [edge for edge in step["edges"] if not edge[0].startswith("row")] == led
    row = server.get("/api/v1/runs/trained/lineage", source="chat.jsonl", row=3)
    assert [node["id"] for node in row["nodes"]] == ["row:chat.jsonl#3", "step:7", *(edge[1] for edge in led)]
    assert row["edges"] == [["row:chat.jsonl#3", "step:7"], *led]
    assert row["nodes"][1]["facts"] == {"losses": [2.5]} and not row["is_partial"]
    assert server.get("/api/v1/runs/trained/lineage", source="other", row=3)["edges"] == []


def test_answers_of_rollouts_stand_side_by_side(server: Inside):
    found = server.get("/api/v1/runs/trained/rollouts", offset=1, limit=3)
    assert [(one["step"], one["row"]) for one in found["rollouts"]] == [(1, 1), (1, 2), (2, 0)]
    assert (found["total"], found["steps"]) == (6, [1, 2, 3])
    assert found["rollouts"][0]["answers"][1]["scores"] == {"exact": 1.0, "judge": None}
    assert [one["row"] for one in server.get("/api/v1/runs/trained/rollouts", step=2, q="ASK 1")["rollouts"]] == [1]
    assert server.get("/api/v1/runs/trained/rollouts", q="an answer")["total"] == 6


def test_only_what_differs_is_compared(server: Inside, root: Path):
    write(root / "other", [*records(last=3, outcome=None)]).close()
    found = server.get("/api/v1/compare", runs="trained,other", baseline="other")
    assert [run["name"] for run in found["runs"]] == ["other", "trained"]
    assert found["outcome"]["step"] == [3, 20] and "model" not in found["config"]
    assert server.ask("GET", "/api/v1/compare", runs="").status == 400
    measured = server.get("/api/v1/compare/evaluations", runs="trained,other", baseline="other")
    task = next(one for one in measured["tasks"] if one["task"] == "loss")
    assert [(row["run"], row["cells"][0]["value"]) for row in task["rows"]] == [("trained", 0.5)]
    assert task["missing"] == ["other"] and measured["baseline"] == "other"
    assert server.ask("GET", "/api/v1/compare/evaluations", runs="trained", baseline="other").status == 400
    assert server.ask("GET", "/api/v1/compare", runs="trained,nobody").status == 404


def test_a_run_is_asked_only_while_it_runs(tmp_path: Path):
    log = write(tmp_path / "live", records(last=3, outcome=None))
    (tmp_path / "live/config.yaml").write_text("model: x\n")
    write(tmp_path / "script", records(last=3, outcome=None)).close()
    with inside(tmp_path) as server:
        for word in ("checkpoint", "stop"):
            assert server.ask("POST", "/api/v1/runs/live/controls", {"word": word}, JSON).json() == {"word": word}
        assert (tmp_path / "live/controls").read_text().split() == ["checkpoint", "stop"]
        for wrong in ({"word": "pause now"}, {}, {"word": "stop", "more": 1}):
            assert server.ask("POST", "/api/v1/runs/live/controls", wrong, JSON).status == 400
        log.close()
        over = server.ask("POST", "/api/v1/runs/live/controls", {"word": "stop"}, JSON)
        assert over.status == 409 and over.json()["hint"] == "whet train live goes on with it"
        assert server.ask("POST", "/api/v1/runs/script/controls", {"word": "stop"}, JSON).status == 409


READ = {
    "console": {}, "steps/7/rows": {}, "steps/7/tokens": {"texts": False}, "generations": {}, "ledger": {},
    "checkpoints": {}, "evaluations": {}, "environment": {}, "ranks": {"name": "loss"}, "lineage": {},
    "rollouts": {}, "mesh": {},
}  # fmt: skip


@pytest.mark.parametrize("path", READ)
def test_an_answer_is_what_its_schema_says(server: Inside, schema: dict, path: str):
    import jsonschema

    found = server.get(f"/api/v1/runs/trained/{path}", **READ[path])
    stated = schema["paths"][f"/api/v1/runs/{{run}}/{path.replace('/7/', '/{step}/')}"]["get"]
    told = stated["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(found, {**told, "components": schema["components"]}, jsonschema.Draft202012Validator)


@pytest.mark.slow
def test_data_is_read_in_a_process_of_its_own(tmp_path: Path):
    folder = tmp_path / "runs" / "mine"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(json.dumps(tiny.config(tmp_path)))
    with inside(tmp_path / "runs") as server:
        page = server.get("/api/v1/runs/mine/data", offset=2, limit=2)
        assert [row["row"] for row in page["shown"]] == [2, 3] and page["next"] == 4
        assert server.ask("GET", "/api/v1/runs/mine/data", source=3).status == 400


def test_what_a_pushed_config_names_is_not_read(tmp_path: Path, server: Inside, root: Path):
    """It could name any file of the server, and plug-ins."""
    mark = root / ".pushed/blocks/trained"
    mark.mkdir(parents=True)
    for path in ("data", "steps/7/rows?texts=true", "steps/7/tokens"):
        route, _, query = path.partition("?")
        found = server.ask("GET", f"/api/v1/runs/trained/{route}", **({"texts": True} if query else {}))
        assert found.status == 403 and "pushed" in found.json()["message"], path
    assert server.ask("GET", "/api/v1/runs/trained/steps/7/rows").status == 200
    mark.rmdir()


def test_a_run_that_goes_on_is_not_bent_by_what_is_asked_of_it(tmp_path: Path):
    """Words stand one a line, whatever stood there."""
    log = write(tmp_path / "live", [*records(last=2, outcome=None), step(3)])
    (tmp_path / "live/config.yaml").write_text("model: x\n")
    (tmp_path / "live/controls").write_text("pause\n")
    with inside(tmp_path) as server:
        server.ask("POST", "/api/v1/runs/live/controls", {"word": "stop"}, JSON)
    assert (tmp_path / "live/controls").read_text() == "pause\nstop\n"
    log.close()

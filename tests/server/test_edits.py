"""Edits over HTTP: many runs at once or none, seen in every listing, and taken back by what the answer gives."""

from pathlib import Path

import pytest

import whet.track as track
from tests.server.inside import Inside, inside
from tests.track.runs import records, write

RUNS = "/api/v1/runs"


@pytest.fixture
def server(tmp_path: Path):
    write(tmp_path / "a", records())
    with track.init(name="b", dir=tmp_path, tags=["old"], notes="mine") as run:
        run.log({"loss": 1.0})
    with inside(tmp_path) as client:
        yield client


def patch(server: Inside, **body):
    found = server.ask("PATCH", RUNS, body, {"Content-Type": "application/json"})
    assert found.status == 200, found.body
    return found.json()


def told(server: Inside, **query):
    runs = server.get(RUNS, sort="name", **query)["runs"]
    return {run["name"]: (run["tags"], run["notes"], run["group"], run["pinned"], run["archived"]) for run in runs}


def test_many_runs_are_edited_at_once_and_it_is_taken_back(server: Inside):
    before = told(server)
    change = {"notes": "new", "group": "sweep", "pinned": True}
    found = patch(server, names=["b", "a"], add_tags=["best", "old"], remove_tags=["none"], set=change)
    assert [run["name"] for run in found["runs"]] == ["b", "a"] and found["runs"][1]["tags"] == ["best", "old"]
    assert told(server) == {
        "a": (["best", "old"], "new", "sweep", True, False), "b": (["old", "best"], "new", "sweep", True, False),
    }  # fmt: skip
    assert len(found["undo"]) == 2  # they were unlike
    for one in found["undo"]:
        patch(server, **one)
    assert told(server) == before


def test_runs_that_were_alike_are_undone_together(server: Inside):
    found = patch(server, names=["a", "b"], set={"archived": True})
    assert told(server) == {} and set(told(server, archived=True)) == {"a", "b"} == set(told(server, filter="archived"))
    [one] = found["undo"]
    assert one["names"] == ["a", "b"] and one["set"] == {"archived": False}


def test_nothing_is_changed_where_something_cannot_be(server: Inside):
    before = told(server)
    for status, wrong in (
        (404, {"names": ["a", "nobody"]}), (404, {"names": ["a", "../a"]}), (400, {"names": []}),
        (400, {"names": ["a"], "add_tags": ["x" * 200]}), (400, {"names": ["a"], "add_tags": ["x\ny"]}),
        (400, {"names": ["a"], "set": {"project": "other"}}), (400, {"names": ["a"], "set": {"pinned": "perhaps"}}),
        (400, {"names": ["a"] * 2000}), (400, {"names": ["a"], "more": 1}), (400, []),
    ):  # fmt: skip
        body = {"add_tags": ["best"], **wrong} if isinstance(wrong, dict) else wrong
        found = server.ask("PATCH", RUNS, body, {"Content-Type": "application/json"})
        assert found.status == status, (wrong, found.body)
    assert told(server) == before


def test_tags_of_mlflow_s_clients_reach_runs_that_whet_wrote(server: Inside):
    """And stand where its own edits do; what the run's own log says is left as it is."""
    api, json = "/api/2.0/mlflow/runs", {"Content-Type": "application/json"}
    for key, value in (("stage", "prod"), ("mlflow.note.content", "by another client")):
        body = {"run_id": "a", "key": key, "value": value}
        assert server.ask("POST", f"{api}/set-tag", body, json).status == 200
    assert set(told(server, filter='label.stage == "prod"')) == {"a"} and told(server)["a"][1] == "by another client"
    tags = {tag["key"]: tag["value"] for tag in server.get(f"{api}/get", run_id="a")["run"]["data"]["tags"]}
    assert tags["stage"] == "prod" and tags["mlflow.note.content"] == "by another client"
    assert server.ask("POST", f"{api}/delete-tag", {"run_id": "a", "key": "stage"}, json).status == 200
    assert server.get(RUNS, filter='name == "a"')["runs"][0]["labels"] == {}
    assert server.ask("POST", f"{api}/delete-tag", {"run_id": "a", "key": "stage"}, json).status == 404
    renamed = server.ask("POST", f"{api}/set-tag", {"run_id": "a", "key": "mlflow.runName", "value": "x"}, json)
    assert renamed.status == 409

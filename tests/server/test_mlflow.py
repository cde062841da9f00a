"""MLflow's REST routes, spoken over plain HTTP as its documentation gives them, and by its own client where it is."""

import json
import math
import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import whet.track as track
from tests.server.world import TOKEN, Client, serving, started
from tests.track.runs import records, write
from whet.track.logs.event_log import EventLog
from whet.track.reading.catalogue import runs
from whet.track.reading.rows import listed
from whet.track.reading.store import history

API = "/api/2.0/mlflow"
PYTHON = os.environ.get("WHET_MLFLOW_PYTHON", "")


@pytest.fixture
def server(tmp_path: Path):
    with serving(tmp_path) as client:
        yield client


def new_run(server: Client, experiment: str = "0", **more) -> str:
    asked = {"experiment_id": experiment, "start_time": 1_700_000_000_000, **more}
    return server.post(f"{API}/runs/create", asked)["run"]["info"]["run_id"]


def run_of(server: Client, run_id: str) -> dict:
    return server.get(f"{API}/runs/get", run_id=run_id)["run"]


def code(server: Client, route: str, body=None, method: str = "POST", **query) -> tuple[int, str]:
    found = server.ask(method, f"{API}/{route}", body, **query)
    return found.status, found.json()["error_code"]


@pytest.mark.skipif(not PYTHON, reason="WHET_MLFLOW_PYTHON names no Python that has mlflow")
def test_an_unmodified_client_does_all_of_it(server: Client):
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    session = Path(__file__).with_name("mlflow_session.py")
    done = subprocess.run(
        [PYTHON, session, server.url], env={**own, "MLFLOW_TRACKING_TOKEN": TOKEN}, capture_output=True, text=True
    )
    assert done.returncode == 0 and done.stdout.splitlines()[-1].startswith("ok"), done.stdout + done.stderr


def test_a_run_made_here_is_a_run_of_ours(server: Client, tmp_path: Path):
    experiment = server.post(f"{API}/experiments/create", {"name": "digits"})["experiment_id"]
    run_id = new_run(server, experiment, run_name="a first/try", tags=[{"key": "stage", "value": "dev"}])
    metrics = [{"key": "loss", "value": 1 / (n + 1), "timestamp": 1_700_000_000_000 + n, "step": n} for n in range(9)]
    params = [{"key": "lr", "value": "0.1"}, {"key": "kind", "value": "muon"}, {"key": "flag", "value": "True"}]
    server.post(f"{API}/runs/log-batch", {"run_id": run_id, "metrics": metrics, "params": params, "tags": []})
    assert [run.status for run in runs(tmp_path)] == ["running"]
    server.post(f"{API}/runs/update", {"run_id": run_id, "status": "FINISHED", "end_time": 1_700_000_009_000})
    ((run, row),) = listed(tmp_path)
    assert (run.name, run.project, run.status, run.step, run.loss) == ("a-first-try", "digits", "done", 8, 1 / 9)
    assert row["lr"] == 0.1 and row["flag"] is True and row["kind"] == "muon" and row["label.stage"] == "dev"
    steps, values = history(tmp_path / run_id).scalar("loss")
    assert steps.tolist() == list(range(9)) and values.tolist() == [1 / (n + 1) for n in range(9)]
    (points,) = history(tmp_path / run_id).points("loss")
    assert [round(1000 * moment) for moment in points.times] == [1_700_000_000_000 + n for n in range(9)]


def test_a_run_of_ours_is_read_here_and_never_written(server: Client, tmp_path: Path):
    write(tmp_path / "trained", records())
    before = (tmp_path / "trained/track/r0.a1.tlog").read_bytes()
    found = run_of(server, "trained")
    assert found["info"]["status"] == "FINISHED" and found["info"]["experiment_id"] == "0"
    assert {"key": "model", "value": "tiny-llama"} in found["data"]["params"]
    last = {metric["key"]: (metric["value"], metric["step"]) for metric in found["data"]["metrics"]}
    assert last["loss"] == (4 / 20, 20)
    asked = {"run_id": "trained", "key": "k", "value": "1", "timestamp": 1}
    for route in ("log-metric", "log-parameter", "delete"):
        assert code(server, f"runs/{route}", asked) == (409, "RESOURCE_CONFLICT")
    server.post(f"{API}/runs/set-tag", asked)  # which is an edit, beside what the run wrote
    put = server.ask("PUT", "/api/2.0/mlflow-artifacts/artifacts/trained/artifacts/x", b"x")
    assert put.status == 409 and (tmp_path / "trained/track/r0.a1.tlog").read_bytes() == before


def test_numbers_that_json_lacks_come_as_texts(server: Client):
    run_id = new_run(server)
    for step, value in enumerate(("NaN", "Infinity", "-Infinity", "0.5", 3)):
        asked = {"run_id": run_id, "key": "odd", "value": value, "timestamp": str(step), "step": str(step)}
        server.post(f"{API}/runs/log-metric", asked)
    history = server.get(f"{API}/metrics/get-history", run_id=run_id, metric_key="odd")["metrics"]
    values = [float(metric["value"]) for metric in history]
    assert math.isnan(values[0]) and values[1:] == [math.inf, -math.inf, 0.5, 3.0]


def test_the_highest_step_is_the_newest(server: Client):
    run_id = new_run(server)
    for step, moment, value in ((5, 1, 1.0), (7, 1, 2.0), (7, 3, 3.0), (7, 3, 2.5), (6, 9, 9.0)):
        asked = {"run_id": run_id, "key": "m", "value": value, "timestamp": moment, "step": step}
        server.post(f"{API}/runs/log-metric", asked)
    (metric,) = run_of(server, run_id)["data"]["metrics"]
    assert metric == {"key": "m", "value": 3.0, "timestamp": 3, "step": 7}
    bulk = server.get(f"{API}/metrics/get-history-bulk-interval", run_ids=[run_id], metric_key="m", start_step=6)
    assert [(one["step"], one["value"]) for one in bulk["metrics"]] == [(7, 2.0), (7, 3.0), (7, 2.5), (6, 9.0)]


def test_mistakes_have_the_codes_of_mlflow(server: Client):
    run_id = new_run(server)
    ok = {"run_id": run_id, "key": "k", "value": 1, "timestamp": 1}
    invalid = (400, "INVALID_PARAMETER_VALUE")
    for changed in ({"key": None}, {"value": "x"}, {"value": None}, {"value": True}, {"timestamp": "x"}, {"key": ""},
                    {"step": 1 << 70}, {"step": 1e300}, {"timestamp": []}, {"key": "a" * 300}, {"key": "a\nb"},
                    {"value": 10**400}, {"step": "1" * 5000}, {"key": {"a": 1}}):  # fmt: skip
        assert code(server, "runs/log-metric", {**ok, **changed}) == invalid, changed
    for body in (b"{", b"[]", b"null", b"\xff\xfe", b"[" * 200_000, b'{"run_id": ' + b"1" * 5000 + b"}"):
        assert code(server, "runs/log-metric", body)[0] in (400, 404)
    for missing in ("nope", "../x", "a/b", "x" * 300):
        assert code(server, "runs/log-metric", {**ok, "run_id": missing}) == (404, "RESOURCE_DOES_NOT_EXIST")
    many = [{"key": "k", "value": 1, "timestamp": 1}] * 1001
    assert code(server, "runs/log-batch", {"run_id": run_id, "metrics": many}) == invalid
    twice = [{"key": "p", "value": "1"}, {"key": "p", "value": "2"}]
    assert code(server, "runs/log-batch", {"run_id": run_id, "params": twice}) == invalid
    assert code(server, "runs/log-batch", {"run_id": run_id, "metrics": 3}) == invalid
    assert code(server, "runs/search", {"experiment_ids": ["0"], "max_results": 10**9}) == invalid
    assert code(server, "runs/search", {"experiment_ids": ["0"], "page_token": "###"}) == invalid
    assert code(server, "runs/create", {"experiment_id": "77"}) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert code(server, "experiments/delete", {"experiment_id": "0"}) == invalid
    assert run_of(server, run_id)["data"]["metrics"] == []


def test_a_batch_with_a_mistake_writes_nothing(server: Client):
    run_id = new_run(server)
    good, bad = {"key": "a", "value": 1, "timestamp": 1}, {"key": "b", "value": "x", "timestamp": 1}
    assert code(server, "runs/log-batch", {"run_id": run_id, "metrics": [good, bad]})[0] == 400
    assert run_of(server, run_id)["data"]["metrics"] == []


def test_nothing_is_run_as_a_filter(server: Client):
    new_run(server)
    nasty = ["a" * 10_000, "(" * 5000, "tags.x LIKE '" + "%a" * 50 + "'", "'", "`", "and",
             "metrics.a > 1 and", "metrics.a > 1 or metrics.b > 1", "status = 'x'; drop table runs", "status IN ()",
             "status IS", "params.a IS NOT", "__class__ = 'x'"]  # fmt: skip
    for text in nasty:
        status = server.ask("POST", f"{API}/runs/search", {"experiment_ids": ["0"], "filter": text}).status
        assert status == 400, text
    ok = {"experiment_ids": ["0"], "filter": "params.a IS NULL and tags.mlflow.runName IS NOT NULL"}
    assert len(server.post(f"{API}/runs/search", ok)["runs"]) == 1


def test_a_hundred_clients_at_once_lose_nothing(server: Client, tmp_path: Path):
    run_ids = [new_run(server, run_name=f"r{n}") for n in range(4)]

    def log(number: int) -> int:
        asked = {
            "run_id": run_ids[number % 4],
            "key": f"m{number % 8}",
            "value": number,
            "timestamp": 1,
            "step": number,
        }
        return server.ask("POST", f"{API}/runs/log-metric", asked).status

    with ThreadPoolExecutor(100) as pool:
        assert set(pool.map(log, range(400))) == {200}
    seen = [value for run in run_ids for n in range(8) for value in history(tmp_path / run).scalar(f"m{n}")[1]]
    assert sorted(seen) == list(range(400))


def test_runs_of_one_name_made_at_once_are_apart(server: Client):
    with ThreadPoolExecutor(20) as pool:
        made = list(pool.map(lambda _: new_run(server, run_name="same"), range(20)))
    assert len(set(made)) == 20


def test_experiments_made_at_once_are_one(server: Client):
    def make(_) -> int:
        return server.ask("POST", f"{API}/experiments/create", {"name": "one"}).status

    with ThreadPoolExecutor(10) as pool:
        assert sorted(pool.map(make, range(10))) == [200] + [400] * 9


def test_what_was_acknowledged_outlives_a_kill_of_the_server(tmp_path: Path):
    process, server = started(tmp_path)
    experiment = server.post(f"{API}/experiments/create", {"name": "kept"})["experiment_id"]
    run_id = new_run(server, experiment)
    acknowledged = 0
    with ThreadPoolExecutor(1) as pool:

        def log() -> None:
            nonlocal acknowledged
            for step in range(100_000):
                asked = {"run_id": run_id, "key": "loss", "value": step, "timestamp": step, "step": step}
                try:
                    if server.ask("POST", f"{API}/runs/log-metric", asked).status == 200:
                        acknowledged = step + 1
                except OSError:
                    return

        going = pool.submit(log)
        while acknowledged < 40:
            assert not going.done()
        process.send_signal(signal.SIGKILL)
        process.wait()
        going.result()
    process.stdout.close()
    steps, _ = history(tmp_path / run_id).scalar("loss")
    assert len(steps) >= acknowledged and steps[:acknowledged].tolist() == list(range(acknowledged))
    with serving(tmp_path) as server:  # the next server goes on with the run
        assert server.get(f"{API}/experiments/get", experiment_id=experiment)["experiment"]["name"] == "kept"
        asked = {"run_id": run_id, "key": "other", "value": 1, "timestamp": 1, "step": 0}
        server.post(f"{API}/runs/log-metric", asked)
        data = {metric["key"]: metric["step"] for metric in run_of(server, run_id)["data"]["metrics"]}
        assert data == {"loss": len(steps) - 1, "other": 0}
        assert [run.status for run in runs(tmp_path)] == ["running"]
        server.post(f"{API}/runs/update", {"run_id": run_id, "status": "FINISHED"})
    assert [(run.status, run.attempts) for run in runs(tmp_path)] == [("done", 1)]


def test_two_servers_of_one_folder_do_not_write_one_run(tmp_path: Path):
    with serving(tmp_path) as first, serving(tmp_path) as second:
        run_id = new_run(first)
        asked = {"run_id": run_id, "key": "a", "value": "1"}
        assert code(second, "runs/set-tag", asked) == (409, "RESOURCE_CONFLICT")
        first.post(f"{API}/runs/update", {"run_id": run_id, "status": "FINISHED"})
        second.post(f"{API}/runs/set-tag", asked)
        assert {"key": "a", "value": "1"} in run_of(first, run_id)["data"]["tags"]


def test_artifacts_stay_inside_of_their_run(server: Client, tmp_path: Path):
    run_id = new_run(server)
    (tmp_path / "secret.txt").write_text("secret")
    base = f"/api/2.0/mlflow-artifacts/artifacts/{run_id}/artifacts"
    for path in (
        "../../../secret.txt",
        "%2e%2e/%2e%2e/secret.txt",
        "..%2f..%2fsecret.txt",
        "a/../../../x",
        "%00",
        "a%5cb",
    ):
        assert server.ask("PUT", f"{base}/{path}", b"mine").status in (400, 404), path
        assert server.ask("GET", f"{base}/{path}").status in (400, 404), path
        assert server.ask("DELETE", f"{base}/{path}").status in (400, 404), path
    assert (tmp_path / "secret.txt").read_text() == "secret" and not (tmp_path / "x").exists()
    assert server.ask("DELETE", base).status == 404
    assert server.ask("GET", f"{API}/artifacts/list", run_id=run_id, path="../..").status == 400


def test_an_artifact_comes_back_as_it_was(server: Client, tmp_path: Path):
    run_id, data = new_run(server), os.urandom(3 << 20)
    base = f"/ajax-api/2.0/mlflow-artifacts/artifacts/{run_id}/artifacts"
    assert server.ask("PUT", f"{base}/deep/er/x.bin", data).status == 200
    assert server.ask("GET", f"{base}/deep/er/x.bin").body == data
    assert (tmp_path / run_id / "files/deep/er/x.bin").read_bytes() == data
    listed = server.get(f"{API}/artifacts/list", run_id=run_id, path="deep/er")["files"]
    assert listed == [{"path": "deep/er/x.bin", "is_dir": False, "file_size": len(data)}]
    assert server.ask("DELETE", f"{base}/deep").status == 200
    assert server.get(f"{API}/artifacts/list", run_id=run_id)["files"] == []


def test_a_journal_of_experiments_that_is_torn_goes_on(server: Client, tmp_path: Path):
    first = server.post(f"{API}/experiments/create", {"name": "first"})["experiment_id"]
    journal = tmp_path / ".mlflow/experiments.jsonl"
    with journal.open("ab") as file:
        file.write(b'{"id": "12", "na')
    server.post(f"{API}/experiments/create", {"name": "second"})
    names = {one["name"] for one in server.get(f"{API}/experiments/search")["experiments"]}
    assert names == {"Default", "first", "second"}
    assert [json.loads(line)["name"] for line in journal.read_text().splitlines()] == ["first", "second"]
    assert server.get(f"{API}/experiments/get", experiment_id=first)["experiment"]["lifecycle_stage"] == "active"


def test_what_others_have_set_ends_no_request(server: Client):
    run_id = new_run(server)
    for datasets in ([{"dataset": "s"}], [{"dataset": {"name": "a", "digest": "b"}, "tags": 5}]):
        assert code(server, "runs/log-inputs", {"run_id": run_id, "datasets": datasets})[0] == 400
    server.post(f"{API}/runs/set-tag", {"run_id": run_id, "key": "mlflow.log-model.history", "value": "5"})
    server.post(f"{API}/runs/log-model", {"run_id": run_id, "model_json": "{}"})
    half = "\ud800"
    assert code(server, "runs/search", {"experiment_ids": ["0"], "filter": half})[0] == 400
    assert code(server, "experiments/delete", {"experiment_id": half})[0] == 404


def test_a_run_with_odd_inputs_ends_no_search_of_all(tmp_path: Path):
    with track.init(name="odd", dir=tmp_path, reinit="create_new") as run:
        odd = EventLog(Path(run.dir) / "track", "pushed")
        odd.event("inputs", 0, {"datasets": [{"dataset": "s", "tags": 5}, {"tags": [5]}]})
        odd.close("done", "")
    with serving(tmp_path) as server:
        (one,) = server.post(f"{API}/experiments/search", {})["experiments"][:1]
        every = [e["experiment_id"] for e in server.post(f"{API}/experiments/search", {})["experiments"]]
        assert one and len(server.post(f"{API}/runs/search", {"experiment_ids": every})["runs"]) == 1

"""What an unmodified MLflow client does, run by the Python that has mlflow: `python mlflow_session.py URL`.

Needs nothing of ours. Every claim is an assertion; it prints `ok` at its end.
"""

import json
import math
import sys
import tempfile
import time
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException


def refused(code, function, *args, **named):
    try:
        function(*args, **named)
    except MlflowException as error:
        assert error.error_code == code, (code, error.error_code, str(error))
        return
    raise AssertionError(f"{code} was to come")


def experiments(client):
    first = client.create_experiment("first", tags={"team": "a"})
    second = client.create_experiment("second")
    assert client.get_experiment(first).name == "first" and client.get_experiment(first).tags == {"team": "a"}
    assert client.get_experiment_by_name("second").experiment_id == second
    assert client.get_experiment_by_name("none") is None
    refused("RESOURCE_ALREADY_EXISTS", client.create_experiment, "first")
    refused("RESOURCE_DOES_NOT_EXIST", client.get_experiment, "123456")
    names = [one.name for one in client.search_experiments()]
    assert set(names) == {"Default", "first", "second"}, names
    assert [e.name for e in client.search_experiments(filter_string="name LIKE 'fi%'")] == ["first"]
    assert [e.name for e in client.search_experiments(filter_string="tags.team = 'a'")] == ["first"]
    ordered = client.search_experiments(order_by=["name DESC"], max_results=2)
    assert [e.name for e in ordered] == ["second", "first"] and ordered.token
    assert [e.name for e in client.search_experiments(order_by=["name DESC"], page_token=ordered.token)] == ["Default"]
    client.set_experiment_tag(first, "team", "b")
    client.rename_experiment(second, "renamed")
    assert client.get_experiment(second).name == "renamed" and client.get_experiment(first).tags["team"] == "b"
    client.delete_experiment(second)
    assert client.get_experiment(second).lifecycle_stage == "deleted"
    assert [e.name for e in client.search_experiments(view_type=ViewType.DELETED_ONLY)] == ["renamed"]
    client.restore_experiment(second)
    assert client.get_experiment(second).lifecycle_stage == "active"
    return first, second


def metrics(client, experiment):
    run = client.create_run(experiment, run_name="curves", tags={"stage": "dev"})
    run_id = run.info.run_id
    assert run.info.status == "RUNNING" and run.data.tags["stage"] == "dev" and run.info.run_name == "curves"
    for step in range(5):
        client.log_metric(run_id, "loss", 1.0 / (step + 1), timestamp=1_700_000_000_000 + step, step=step)
    now = 1_700_000_100_000
    batch = [Metric("acc", step / 300, now + step, step) for step in range(300)]
    odd = [
        Metric("odd/nan", math.nan, now, 0),
        Metric("odd/inf", math.inf, now, 0),
        Metric("odd/inf", -math.inf, now, 1),
    ]
    client.log_batch(run_id, batch + odd, [Param("lr", "0.1"), Param("kind", "muon")], [RunTag("best", "yes")])
    client.log_metric(run_id, "again", 1.0, timestamp=5, step=7)
    client.log_metric(run_id, "again", 2.0, timestamp=6, step=3)
    found = client.get_run(run_id).data
    assert found.metrics["loss"] == 0.2 and found.metrics["acc"] == 299 / 300 and found.metrics["again"] == 1.0
    assert math.isnan(found.metrics["odd/nan"]) and found.metrics["odd/inf"] == -math.inf
    assert found.params == {"lr": "0.1", "kind": "muon"} and found.tags["best"] == "yes"
    history = client.get_metric_history(run_id, "loss")
    assert [(m.step, m.value, m.timestamp) for m in history] == [
        (step, 1.0 / (step + 1), 1_700_000_000_000 + step) for step in range(5)
    ]
    assert len(client.get_metric_history(run_id, "acc")) == 300
    assert client.get_metric_history(run_id, "none") == []
    refused("INVALID_PARAMETER_VALUE", client.log_param, run_id, "lr", "0.2")
    client.log_param(run_id, "lr", "0.1")
    client.log_param(run_id, "exact", "1e-4")
    assert client.get_run(run_id).data.params["exact"] == "1e-4"
    client.set_tag(run_id, "stage", "prod")
    client.delete_tag(run_id, "best")
    refused("RESOURCE_DOES_NOT_EXIST", client.delete_tag, run_id, "best")
    tags = client.get_run(run_id).data.tags
    assert tags["stage"] == "prod" and "best" not in tags
    client.set_terminated(run_id, "FINISHED", end_time=1_700_000_200_000)
    info = client.get_run(run_id).info
    assert info.status == "FINISHED" and info.end_time == 1_700_000_200_000
    client.log_metric(run_id, "late", 3.0, step=1)  # MLflow lets a run that is over be added to
    assert client.get_run(run_id).data.metrics["late"] == 3.0 and client.get_run(run_id).info.status == "FINISHED"
    assert client.get_run(run_id).data.metrics["loss"] == 0.2
    client.update_run(run_id, status="RUNNING", name="curves again")
    assert client.get_run(run_id).info.status == "RUNNING" and client.get_run(run_id).info.run_name == "curves again"
    client.set_terminated(run_id, "FAILED")
    return run_id


def search(client, experiment, other):
    ids = []
    for n in range(5):
        run = client.create_run(experiment, run_name=f"s{n}", start_time=1_600_000_000_000 + n)
        ids.append(run.info.run_id)
        client.log_metric(run.info.run_id, "score", n / 10, step=0)
        client.log_param(run.info.run_id, "model type", "tree" if n % 2 else "net")
        client.set_tag(run.info.run_id, "mlflow.note.content", f"note {n}")
        client.set_terminated(run.info.run_id, "KILLED" if n == 4 else "FINISHED")
    lone = client.create_run(other, run_name="lone").info.run_id

    def names(text="", **how):
        return [run.info.run_name for run in client.search_runs([experiment], text, **how)]

    assert names("attributes.run_name LIKE 's%'") == ["s4", "s3", "s2", "s1", "s0"]
    assert names("metrics.score > 0.1 and metrics.score <= 0.3") == ["s3", "s2"]
    assert names("params.`model type` = 'tree'") == ["s3", "s1"]
    assert names("params.\"model type\" != 'tree' and status = 'KILLED'") == ["s4"]
    assert names(f"attributes.run_id IN ('{ids[0]}', '{ids[1]}')") == ["s1", "s0"]
    assert names(f"run_id NOT IN ('{ids[0]}') and run_name ILIKE 'S_'") == ["s4", "s3", "s2", "s1"]
    assert names("tags.`mlflow.note.content` LIKE '%3'") == ["s3"]
    assert names("start_time < 1600000000002") == ["s1", "s0"]
    assert names("metrics.score >= 0", order_by=["metrics.score ASC"]) == ["s0", "s1", "s2", "s3", "s4"]
    by = ["params.`model type` DESC", "metrics.score DESC"]
    assert names("metrics.score >= 0", order_by=by) == ["s3", "s1", "s4", "s2", "s0"]
    page = client.search_runs([experiment], "metrics.score >= 0", max_results=2)
    seen = [run.info.run_name for run in page]
    while page.token:
        page = client.search_runs([experiment], "metrics.score >= 0", max_results=2, page_token=page.token)
        seen += [run.info.run_name for run in page]
    assert seen == ["s4", "s3", "s2", "s1", "s0"], seen
    assert len(client.search_runs([experiment, other], "run_name = 'lone'")) == 1
    for wrong in (
        "metrics.loss ~ 3",
        "loss <",
        "params.x = 3",
        "metrics.x = 'a'",
        "foo.bar = 'x'",
        "attributes.zzz = 'a'",
    ):
        refused("INVALID_PARAMETER_VALUE", client.search_runs, [experiment], wrong)
    client.delete_run(ids[0])
    assert client.get_run(ids[0]).info.lifecycle_stage == "deleted"
    assert "s0" not in names() and names(run_view_type=ViewType.DELETED_ONLY) == ["s0"]
    refused("INVALID_PARAMETER_VALUE", client.log_metric, ids[0], "score", 1.0)
    client.restore_run(ids[0])
    assert "s0" in names()
    client.delete_experiment(other)
    assert client.get_run(lone).info.lifecycle_stage == "deleted"
    client.restore_experiment(other)
    refused("RESOURCE_DOES_NOT_EXIST", client.get_run, "0" * 32)


def artifacts(client, experiment):
    run_id = client.create_run(experiment).info.run_id
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "tree")
        (tree / "deep").mkdir(parents=True)
        (tree / "a b.txt").write_text("blank")
        (tree / "deep" / "ä.bin").write_bytes(bytes(range(256)) * 1000)
        client.log_artifacts(run_id, str(tree), "kept")
        client.log_text(run_id, "words", "note.txt")
        client.log_dict(run_id, {"x": 1}, "sub/data.json")
        listed = {f.path: (f.is_dir, f.file_size) for f in client.list_artifacts(run_id)}
        assert listed == {"kept": (True, None), "note.txt": (False, 5), "sub": (True, None)}, listed
        inner = {f.path: f.file_size for f in client.list_artifacts(run_id, "kept")}
        assert inner == {"kept/a b.txt": 5, "kept/deep": None}, inner
        there = Path(client.download_artifacts(run_id, "kept", folder))
        assert (there / "a b.txt").read_text() == "blank"
        assert (there / "deep" / "ä.bin").read_bytes() == bytes(range(256)) * 1000
        assert json.loads(mlflow.artifacts.load_text(f"runs:/{run_id}/sub/data.json")) == {"x": 1}


def fluent():
    mlflow.set_experiment("fluent")
    with mlflow.start_run(run_name="outer", description="words about it") as run:
        mlflow.log_params({"depth": 3, "rate": 0.5, "deep": {"a": 1}})
        mlflow.log_metrics({"a": 1.0, "b": 2.0}, step=1)
        mlflow.set_tags({"k": "v"})
        mlflow.log_table({"x": [1, 2], "y": ["a", "b"]}, artifact_file="table.json")
        rows = mlflow.data.from_dict if hasattr(mlflow.data, "from_dict") else None
        assert rows is None or rows
        with mlflow.start_run(nested=True, run_name="inner") as inner:
            mlflow.log_metric("loss", 0.25)
    from mlflow.data.http_dataset_source import HTTPDatasetSource
    from mlflow.data.meta_dataset import MetaDataset

    with mlflow.start_run(run_id=run.info.run_id):
        mlflow.log_metric("a", 3.0, step=2)
        mlflow.log_input(MetaDataset(HTTPDatasetSource("http://x/y.csv"), name="rows"), context="training")
    found = mlflow.get_run(run.info.run_id)
    assert found.data.metrics == {"a": 3.0, "b": 2.0} and found.info.status == "FINISHED"
    assert found.data.params == {"depth": "3", "rate": "0.5", "deep": "{'a': 1}"}, found.data.params
    assert found.inputs.dataset_inputs[0].dataset.name == "rows"
    assert found.inputs.dataset_inputs[0].tags[0].value == "training"
    assert mlflow.get_run(inner.info.run_id).data.tags["mlflow.parentRunId"] == run.info.run_id
    client = MlflowClient()
    found = client.search_runs([run.info.experiment_id], "datasets.name = 'rows'")
    assert [one.info.run_name for one in found] == ["outer"]


def main(url):
    mlflow.set_tracking_uri(url)
    client = MlflowClient()
    began = time.time()
    first, second = experiments(client)
    metrics(client, first)
    search(client, first, second)
    artifacts(client, first)
    fluent()
    print(f"ok {time.time() - began:.1f} s")


if __name__ == "__main__":
    main(sys.argv[1])

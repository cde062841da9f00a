"""What an unmodified MLflow client does with models, run by the Python that has mlflow: `python mlflow_models.py URL`.

Needs nothing of ours. Every claim is an assertion; it prints `ok` at its end.
"""

import sys
import tempfile
import time
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus
from mlflow.exceptions import MlflowException

MODEL = """
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

class Doubling(PythonModel):
    def predict(self, context, model_input: list[str], params=None) -> list[str]:
        return [text * 2 for text in model_input]

set_model(Doubling())
"""


def refused(code, function, *args, **named):
    try:
        function(*args, **named)
    except MlflowException as error:
        assert error.error_code == code, (code, error.error_code, str(error))
        return
    raise AssertionError(f"{code} was to come")


def registered(client):
    made = client.create_registered_model("chat", tags={"team": "a"}, description="talks")
    assert (made.name, made.tags, made.description, made.latest_versions) == ("chat", {"team": "a"}, "talks", [])
    refused("RESOURCE_ALREADY_EXISTS", client.create_registered_model, "chat")
    refused("RESOURCE_DOES_NOT_EXIST", client.get_registered_model, "none")
    refused("INVALID_PARAMETER_VALUE", client.create_registered_model, "a/b")
    client.create_registered_model("other")
    client.set_registered_model_tag("chat", "k", "v")
    client.delete_registered_model_tag("chat", "team")
    client.update_registered_model("chat", "talks more")
    found = client.get_registered_model("chat")
    assert (found.tags, found.description) == ({"k": "v"}, "talks more")
    assert [one.name for one in client.search_registered_models()] == ["chat", "other"]
    assert [one.name for one in client.search_registered_models("name LIKE 'ch%'")] == ["chat"]
    assert [one.name for one in client.search_registered_models("tags.k = 'v'")] == ["chat"]
    page = client.search_registered_models(order_by=["name DESC"], max_results=1)
    assert [one.name for one in page] == ["other"] and page.token
    again = client.search_registered_models(order_by=["name DESC"], max_results=1, page_token=page.token)
    assert [one.name for one in again] == ["chat"]
    client.rename_registered_model("other", "another")
    refused("RESOURCE_ALREADY_EXISTS", client.rename_registered_model, "another", "chat")
    client.delete_registered_model("another")
    assert [one.name for one in client.search_registered_models()] == ["chat"]


def versions(client):
    run = client.create_run("0", run_name="maker")
    run_id = run.info.run_id
    client.log_metric(run_id, "accuracy", 0.9, step=3)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "weights.bin").write_bytes(b"x" * 1000)
        Path(folder, "deep").mkdir()
        Path(folder, "deep", "words.txt").write_text("words")
        client.log_artifacts(run_id, folder, "model")
    first = client.create_model_version("chat", f"{run.info.artifact_uri}/model", run_id, description="one")
    assert (first.version, first.status, first.run_id, first.description) == ("1", "READY", run_id, "one"), first
    second = client.create_model_version("chat", f"runs:/{run_id}/model", run_id, tags={"t": "1"})
    assert second.version == "2" and second.tags == {"t": "1"} and second.source == f"runs:/{run_id}/model"
    for wrong in ("/etc", "file:///etc/passwd", f"runs:/{run_id}/../../x", "models:/chat/99"):
        try:
            client.create_model_version("chat", wrong, run_id)
            raise AssertionError(wrong)
        except MlflowException as error:
            assert error.error_code in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"), error
    far = client.create_model_version("chat", "s3://bucket/model")
    assert client.get_model_version_download_uri("chat", far.version) == "s3://bucket/model"
    refused("RESOURCE_DOES_NOT_EXIST", client.create_model_version, "none", f"runs:/{run_id}/model", run_id)
    assert client.get_model_version("chat", 2).name == "chat"
    refused("RESOURCE_DOES_NOT_EXIST", client.get_model_version, "chat", 9)
    client.set_model_version_tag("chat", "1", "stage", "dev")
    client.delete_model_version_tag("chat", "2", "t")
    client.update_model_version("chat", "2", "two")
    assert client.get_model_version("chat", "1").tags == {"stage": "dev"}
    assert client.get_model_version("chat", "2").description == "two"
    client.set_registered_model_alias("chat", "prod", "1")
    assert client.get_model_version_by_alias("chat", "prod").version == "1"
    assert client.get_model_version("chat", "1").aliases == ["prod"]
    assert client.get_registered_model("chat").aliases == {"prod": "1"}
    client.set_registered_model_alias("chat", "prod", "2")
    assert client.get_model_version_by_alias("chat", "prod").version == "2"
    client.delete_registered_model_alias("chat", "prod")
    refused("INVALID_PARAMETER_VALUE", client.get_model_version_by_alias, "chat", "prod")
    client.set_registered_model_alias("chat", "prod", "1")
    found = client.search_model_versions("name = 'chat'")
    assert sorted(one.version for one in found) == ["1", "2", "3"]
    assert [one.version for one in client.search_model_versions(f"run_id = '{run_id}' and tags.stage = 'dev'")] == ["1"]
    ordered = client.search_model_versions("name = 'chat'", order_by=["version_number ASC"], max_results=2)
    assert [one.version for one in ordered] == ["1", "2"] and ordered.token
    client.transition_model_version_stage("chat", 1, "Production")
    moved = client.transition_model_version_stage("chat", 2, "production", archive_existing_versions=True)
    assert moved.current_stage == "Production" and client.get_model_version("chat", 1).current_stage == "Archived"
    assert [one.version for one in client.get_latest_versions("chat", ["Production"])] == ["2"]
    refused("INVALID_PARAMETER_VALUE", client.transition_model_version_stage, "chat", 1, "Elsewhere")
    there = Path(mlflow.artifacts.download_artifacts("models:/chat@prod"))
    assert (there / "weights.bin").read_bytes() == b"x" * 1000 and (there / "deep/words.txt").read_text() == "words"
    copied = client.copy_model_version("models:/chat@prod", "copy")
    assert copied.name == "copy" and copied.version == "1"
    assert Path(mlflow.artifacts.download_artifacts("models:/copy/1")).joinpath("weights.bin").exists()
    client.delete_model_version("chat", far.version)
    assert sorted(one.version for one in client.search_model_versions("name = 'chat'")) == ["1", "2"]
    assert client.create_model_version("chat", f"runs:/{run_id}/model", run_id).version == "4"


def logged(client):
    model = client.create_logged_model("0", name="bare", params={"a": "1"}, tags={"t": "x"}, model_type="agent")
    assert model.status == LoggedModelStatus.PENDING and model.params == {"a": "1"} and model.tags == {"t": "x"}
    assert client.finalize_logged_model(model.model_id, "READY").status == LoggedModelStatus.READY
    client.set_logged_model_tags(model.model_id, {"u": "y"})
    client.delete_logged_model_tag(model.model_id, "t")
    run = client.create_run("0")
    client.log_metric(run.info.run_id, "score", 0.5, model_id=model.model_id, step=1)
    client.log_metric(run.info.run_id, "score", 0.75, model_id=model.model_id, step=2)
    found = client.get_logged_model(model.model_id)
    assert found.tags == {"u": "y"} and [(m.key, m.value, m.step) for m in found.metrics] == [("score", 0.75, 2)]
    names = [one.name for one in client.search_logged_models(["0"], "metrics.score > 0.6 AND params.a = '1'")]
    assert names == ["bare"], names
    assert client.search_logged_models(["0"], "metrics.score > 0.8") == []
    assert [one.name for one in client.search_logged_models(["0"], "name = 'bare'")] == ["bare"]
    second = client.create_logged_model("0", name="second")
    client.log_metric(run.info.run_id, "score", 0.9, model_id=second.model_id)
    order = [{"field_name": "metrics.score", "ascending": False}]
    assert [one.name for one in client.search_logged_models(["0"], order_by=order)] == ["second", "bare"]
    client.delete_logged_model(second.model_id)
    assert [one.name for one in client.search_logged_models(["0"])] == ["bare"]
    refused("RESOURCE_DOES_NOT_EXIST", client.get_logged_model, second.model_id)
    refused("RESOURCE_DOES_NOT_EXIST", client.get_logged_model, "m-" + "0" * 32)


def a_model_that_is_logged_and_registered(client):
    with tempfile.TemporaryDirectory() as folder:
        code = Path(folder, "doubling.py")
        code.write_text(MODEL)
        with mlflow.start_run() as run:
            info = mlflow.pyfunc.log_model(
                name="doubling", python_model=str(code), registered_model_name="doubling", pip_requirements=["mlflow"]
            )
            mlflow.log_metric("accuracy", 1.0, model_id=info.model_id)
    found = mlflow.get_logged_model(info.model_id)
    assert found.status == LoggedModelStatus.READY and found.source_run_id == run.info.run_id
    assert [one.model_id for one in client.get_run(run.info.run_id).outputs.model_outputs] == [info.model_id]
    version = client.get_model_version("doubling", 1)
    # The client itself reads no model_id of a version that came over REST (3.17).
    assert version.source == f"models:/{info.model_id}" and version.run_id == run.info.run_id, version
    assert mlflow.pyfunc.load_model("models:/doubling/1").predict(["ab"]) == ["abab"]
    assert mlflow.pyfunc.load_model(f"models:/{info.model_id}").predict(["c"]) == ["cc"]
    assert mlflow.pyfunc.load_model(info.model_uri).predict(["c"]) == ["cc"]
    listed = {one.path for one in client.list_logged_model_artifacts(info.model_id)}
    assert "MLmodel" in listed, listed
    again = mlflow.register_model(info.model_uri, "doubling")
    assert int(again.version) == 2
    assert len(mlflow.search_logged_models(["0"], output_format="list")) >= 2


def main(url):
    mlflow.set_tracking_uri(url)
    client = MlflowClient()
    began = time.time()
    registered(client)
    versions(client)
    logged(client)
    a_model_that_is_logged_and_registered(client)
    print(f"ok {time.time() - began:.1f} s")


if __name__ == "__main__":
    main(sys.argv[1])

"""MLflow's registry of models and its logged models, over plain HTTP and by its own client where it is."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.server.inside import Inside, inside
from tests.server.test_mlflow import API, PYTHON, code
from tests.server.world import TOKEN, serving
from tests.track.registry.models import folder
from whet.track.registry.registry import Registry

ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"


@pytest.fixture
def server(tmp_path: Path):
    with inside(tmp_path) as client:
        yield client


def post(server: Inside, path: str, body: dict) -> dict:
    found = server.ask("POST", path, body)
    assert found.status == 200, found.body
    return found.json()


@pytest.fixture
def model(server: Inside) -> str:
    """A run with a model among its artifacts."""
    asked = {"experiment_id": "0", "start_time": 1_700_000_000_000}
    run_id = post(server, f"{API}/runs/create", asked)["run"]["info"]["run_id"]
    for name in ("config.json", "model.safetensors"):
        assert server.ask("PUT", f"{ARTIFACTS}/{run_id}/artifacts/model/{name}", b'{"model_type": "x"}').status == 200
    post(server, f"{API}/runs/log-metric", {"run_id": run_id, "key": "accuracy", "value": 0.9, "timestamp": 1})
    post(server, f"{API}/registered-models/create", {"name": "chat"})
    return run_id


def version(server: Inside, **asked) -> dict:
    return post(server, f"{API}/model-versions/create", {"name": "chat", **asked})["model_version"]


@pytest.mark.skipif(not PYTHON, reason="WHET_MLFLOW_PYTHON names no Python that has mlflow")
def test_an_unmodified_client_does_all_of_it(tmp_path: Path):
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    session = Path(__file__).with_name("mlflow_models.py")
    environment = {**own, "MLFLOW_TRACKING_TOKEN": TOKEN, "MLFLOW_DISABLE_TELEMETRY": "true"}
    with serving(tmp_path) as server:
        done = subprocess.run([PYTHON, session, server.url], env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.splitlines()[-1].startswith("ok"), done.stdout + done.stderr


def test_a_version_of_a_client_is_one_of_ours(server: Inside, model: str, tmp_path: Path):
    made = version(server, source=f"runs:/{model}/model")
    assert (made["version"], made["status"], made["run_id"]) == ("1", "READY", model)
    registry = Registry(tmp_path / ".registry")
    found = registry.resolve("registry:chat/1")
    assert sorted(path.name for path in registry.files(found).iterdir()) == ["config.json", "model.safetensors"]
    assert os.path.samefile(registry.files(found) / "config.json", tmp_path / model / "files/model/config.json")
    assert found.evaluations[0]["figures"]["accuracy"]["value"] == 0.9  # so that it can be promoted on it
    uri = server.get(f"{API}/model-versions/get-download-uri", name="chat", version=1)["artifact_uri"]
    path = uri.removeprefix("mlflow-artifacts:/")
    assert server.ask("GET", f"{ARTIFACTS}/{path}/config.json").body == b'{"model_type": "x"}'
    listed = server.get(ARTIFACTS, path=path)["files"]
    assert [one["path"] for one in listed] == ["config.json", "model.safetensors"]


def test_a_version_does_not_change(server: Inside, model: str):
    version(server, source=f"runs:/{model}/model")
    for method in ("PUT", "DELETE"):
        assert server.ask(method, f"{ARTIFACTS}/.registry/chat/1/config.json", b"x").status == 409
    assert server.ask("DELETE", f"{ARTIFACTS}/{model}/artifacts/model").status == 200
    assert server.ask("GET", f"{ARTIFACTS}/.registry/chat/1/config.json").status == 200


def test_no_place_of_this_machine_becomes_a_version(server: Inside, model: str, tmp_path: Path):
    outside = folder(tmp_path.parent / f"{tmp_path.name}-outside")
    link = tmp_path / model / "files" / "model" / "passwd"
    link.symlink_to("/etc/passwd")
    (tmp_path / model / "files" / "all").symlink_to(outside)
    wrong = (400, "INVALID_PARAMETER_VALUE")
    for source in ("/etc", "file:///etc", str(outside), f"runs:/{model}/all", f"runs:/{model}/model/../../..",
                   f"mlflow-artifacts:/{model}/artifacts/%2e%2e/%2e%2e", str(tmp_path), "relative/path",
                   "mlflow-artifacts:/.registry/chat/1"):  # fmt: skip
        assert code(server, "model-versions/create", {"name": "chat", "source": source}) == wrong, source
    for source in ("runs:/none/model", "models:/none/1", "models:/m-" + "0" * 32, "models:/chat@none"):
        asked = {"name": "chat", "source": source}
        assert code(server, "model-versions/create", asked) == (404, "RESOURCE_DOES_NOT_EXIST"), source
    made = version(server, source=f"runs:/{model}/model")  # the link in it is left out
    uri = f".registry/chat/{made['version']}"
    assert [one["path"] for one in server.get(ARTIFACTS, path=uri)["files"]] == ["config.json", "model.safetensors"]
    for path in (f"{uri}/../../../journal.jsonl", f"{uri}/%2e%2e/manifest.json", ".registry/chat/9/x", ".registry/x"):
        assert server.ask("GET", f"{ARTIFACTS}/{path}").status in (400, 404), path


def test_a_version_that_a_run_depends_on_is_not_deleted(server: Inside, model: str, tmp_path: Path):
    version(server, source=f"runs:/{model}/model")
    registry = Registry(tmp_path / ".registry")
    run = tmp_path / "trained"
    run.mkdir()
    (run / "config.yaml").touch()
    place = str(registry.files(registry.version("chat", 1)))
    (run / "dependencies.json").write_text(json.dumps({"depends_on": {"model.path": {"path": place, "files": {}}}}))
    assert code(server, "model-versions/delete", {"name": "chat", "version": "1"}, "DELETE")[0] == 409
    assert code(server, "registered-models/delete", {"name": "chat"}, "DELETE") == (409, "RESOURCE_CONFLICT")
    (run / "dependencies.json").unlink()
    assert server.ask("DELETE", f"{API}/model-versions/delete", {"name": "chat", "version": "1"}).status == 200
    assert code(server, "model-versions/get", None, "GET", name="chat", version=1) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_mistakes_have_the_codes_of_mlflow(server: Inside, model: str):
    invalid, missing = (400, "INVALID_PARAMETER_VALUE"), (404, "RESOURCE_DOES_NOT_EXIST")
    version(server, source=f"runs:/{model}/model")
    for name in ("a:b", "a/b", "", "..", "a@b", "x" * 300):
        assert code(server, "registered-models/create", {"name": name}) == invalid, name
    for filter in ("nmae = 'x'", "name > 'x'", "version_number = 'x'", "name ="):
        asked = {"filter": filter}
        assert code(server, "model-versions/search", None, "GET", **asked)[0] == 400, filter
    assert code(server, "model-versions/set-tag", {"name": "chat", "version": "9", "key": "k", "value": "v"}) == missing
    assert code(server, "model-versions/set-tag", {"name": "chat", "version": "x", "key": "k", "value": "v"}) == invalid
    alias = {"name": "chat", "version": "1"}
    for word in ("latest", "v1", "1", "a b", ""):
        assert code(server, "registered-models/alias", {**alias, "alias": word}) == invalid, word
    made = post(server, f"{API}/logged-models", {"experiment_id": "0", "name": "m"})["model"]["info"]
    assert code(server, f"logged-models/{made['model_id']}", {"status": "DONE"}, "PATCH") == invalid
    assert code(server, "logged-models", {"experiment_id": "77"}) == missing
    assert code(server, "logged-models", {"experiment_id": "0", "name": "a/b"}) == invalid
    point = {"run_id": model, "key": "k", "value": 1, "timestamp": 1, "model_id": "m-none"}
    assert code(server, "runs/log-metric", point) == missing
    search = {"experiment_ids": ["0"], "filter": "nmae = 'x'"}
    assert code(server, "logged-models/search", search) == invalid


def test_metrics_of_a_logged_model_are_told_apart_by_data_set(server: Inside, model: str):
    id = post(server, f"{API}/logged-models", {"experiment_id": "0", "name": "m"})["model"]["info"]["model_id"]
    for data, value in (("test", 0.5), ("train", 0.9)):
        post(server, f"{API}/runs/log-batch", {"run_id": model, "metrics": [
            {"key": "acc", "value": value, "timestamp": 1, "model_id": id, "dataset_name": data}]})  # fmt: skip
    search = {"experiment_ids": ["0"], "filter": "metrics.acc > 0.8"}
    for data, count in ((None, 1), ("train", 1), ("test", 0)):
        asked = {**search, "datasets": [{"dataset_name": data}]} if data else search
        assert len(post(server, f"{API}/logged-models/search", asked)["models"]) == count, data
    metrics = server.get(f"{API}/logged-models/{id}")["model"]["data"]["metrics"]
    assert {(one["dataset_name"], one["value"]) for one in metrics} == {("test", 0.5), ("train", 0.9)}


def test_logged_models_outlive_the_server(tmp_path: Path):
    with inside(tmp_path) as server:
        id = post(server, f"{API}/logged-models", {"experiment_id": "0", "name": "m"})["model"]["info"]["model_id"]
        assert server.ask("PUT", f"{ARTIFACTS}/.models/{id}/artifacts/a/b", b"bytes").status == 200
        server.ask("PATCH", f"{API}/logged-models/{id}", {"status": "LOGGED_MODEL_READY"})
    with inside(tmp_path) as server:
        assert server.get(f"{API}/logged-models/{id}")["model"]["info"]["status"] == "LOGGED_MODEL_READY"
        assert server.ask("GET", f"{ARTIFACTS}/.models/{id}/artifacts/a/b").body == b"bytes"
        listed = server.get(f"{API}/logged-models/{id}/artifacts/directories", artifact_directory_path="a")["files"]
        assert listed == [{"path": "a/b", "is_dir": False, "file_size": 5}]
        assert server.ask("PUT", f"{ARTIFACTS}/.models/{id}/artifacts/../../x", b"x").status in (400, 404)

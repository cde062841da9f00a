"""Folders of deployments: word by word as they are kept here, without secrets, and served as a container would."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from whet.base.errors import WhetError
from whet.server.deploying.deployment import Deployment, files_of, pinned
from whet.server.deploying.manifests import LEAVE_S
from whet.server.deploying.writing import PLACES, write
from whet.server.openai.callers import Anybody
from whet.server.openai.serving import DRAIN_S, entry_of

GOLDEN = Path(__file__).parent / "golden"
ON_CPU = Deployment(
    name="owls", called="owls", folder=Path("/models/owls"),
    digests={"config.json": "a" * 64, "model.safetensors": "b" * 64},
    model_bytes=5 << 30, memory_bytes=7 << 30, gpus=0, replicas=1, drain_s=30, python="3.11.7",
    versions={"fastapi": "0.165.0", "torch": "2.13.0"}, hosts=("owls",), options=("--device", "cpu"),
)  # fmt: skip


def given(on: str) -> Deployment:
    from dataclasses import replace

    if on == "k8s":  # on a GPU, with two copies
        return replace(ON_CPU, gpus=1, replicas=2, options=("--device", "cuda"))
    return replace(ON_CPU, hosts=("*",)) if on == "sagemaker" else ON_CPU


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("deployments")
    for on in PLACES:
        write(given(on), on, root / on)
    return {on: root / on for on in PLACES}


def own_files(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.iterdir()) if path.is_file()}


@pytest.mark.parametrize("on", PLACES)
def test_what_is_written_is_what_is_kept_here(written, on):
    assert own_files(GOLDEN / on) == {
        name: text.replace(str(written[on].parent), "") for name, text in own_files(written[on]).items()
    }


@pytest.mark.parametrize("on", PLACES)
def test_no_file_holds_a_secret_and_no_process_is_roots(written, on):
    files = own_files(written[on])
    assert not [
        name for name, text in files.items() if re.search(r"whet-[\w-]{20,}|\b(?!a{64}|b{64})[0-9a-f]{32,}\b", text)
    ]
    assert "USER 10001:10001" in files["Dockerfile"]
    assert (written[on] / "whet/server/openai/app.py").exists() and not list((written[on] / "whet").rglob("*.pyc"))


def test_a_pod_has_as_long_to_end_as_the_server_takes_and_shows_when_it_is_ready(written):
    deployment, service, budget = yaml.safe_load_all((written["k8s"] / "kubernetes.yaml").read_text())
    pod = deployment["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert pod["terminationGracePeriodSeconds"] == DRAIN_S + LEAVE_S and pod["securityContext"]["runAsNonRoot"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/health"
    assert container["env"][0]["valueFrom"]["secretKeyRef"] == {"name": "owls-key", "key": "key"}
    assert container["resources"]["limits"] == {"memory": "7Gi", "nvidia.com/gpu": 1}  # its weights, and 2 GiB
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"] == labels == deployment["spec"]["selector"]["matchLabels"]
    assert budget["kind"] == "PodDisruptionBudget"


def test_compose_stops_as_slowly_and_gives_the_planned_memory(written):
    service = yaml.safe_load((written["compose"] / "compose.yaml").read_text())["services"]["owls"]
    assert service["stop_grace_period"] == f"{DRAIN_S}s"
    assert service["deploy"]["resources"]["limits"]["memory"] == "9G"  # of the plan, and 2 GiB


def test_the_server_starts_only_with_the_models_own_files_and_a_key(tmp_path):
    """The script of the container, run here with a `python` that says what it is asked."""
    from dataclasses import replace

    model, folder, programs = tmp_path / "model", tmp_path / "folder", tmp_path / "bin"
    model.mkdir()
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"weights")
    digests, num_bytes = files_of(model)
    assert num_bytes == 9 and set(digests) == {"config.json", "model.safetensors"}
    write(replace(ON_CPU, digests=digests), "docker", folder)
    programs.mkdir()
    (programs / "python").write_text('#!/bin/sh\necho "$WHET_API_KEY" "$@"\n')
    (programs / "python").chmod(0o755)
    script = (folder / "serve.sh").read_text().replace("/app", str(folder))

    def run(**environment: str):
        told = {"PATH": f"{programs}:/usr/bin:/bin", "MODEL": str(model), **environment}
        return subprocess.run(["sh", "-c", script], env=told, capture_output=True, text=True)

    assert run(WHET_API_KEY="k").stdout.startswith(f"k -m whet serve {model} --called owls --host 0.0.0.0 --port 8080")
    (tmp_path / "key").write_text("from-file\n")
    assert run(WHET_API_KEY_FILE=str(tmp_path / "key")).stdout.startswith("from-file -m whet")
    done = run()
    assert done.returncode and "WHET_API_KEY" in done.stderr and not done.stdout
    (model / "config.json").write_text("[]")
    done = run(WHET_API_KEY="k")
    assert done.returncode and "config.json" in done.stdout + done.stderr and "-m whet" not in done.stdout


def test_sagemakers_container_asks_for_no_key_and_finds_the_model_where_it_is_put(written):
    files = own_files(written["sagemaker"])
    assert "ENV MODEL=/opt/ml/model" in files["Dockerfile"] and "--from=model" not in files["Dockerfile"]
    assert "--no-key" in files["serve.sh"] and "--port 8080" in files["serve.sh"]
    model = json.loads(files["create-model.json"])
    assert model["PrimaryContainer"]["ModelDataUrl"].endswith("/model.tar.gz") and model["EnableNetworkIsolation"]


def test_without_keys_anybody_is_heard_and_a_key_beside_is_refused(capsys):
    assert isinstance(entry_of("", None, is_open=True).callers, Anybody)
    assert "whoever reaches this server" in capsys.readouterr().err
    with pytest.raises(WhetError, match="a key is given, and none is asked for"):
        entry_of("k", None, is_open=True)


def test_packages_are_pinned_to_what_serves_here():
    from importlib.metadata import version

    found = pinned()
    assert {"torch", "transformers", "fastapi", "uvicorn", "starlette", "numpy"} <= set(found)
    assert found["transformers"] == version("transformers") and "+" not in found["torch"]
    assert "whet" not in found and "pytest" not in found
    with pytest.raises(WhetError, match="runs from its source"):
        pinned("whet-that-is-not-there")


def test_a_folder_that_is_there_is_left_alone(written):
    with pytest.raises(WhetError, match="is there already"):
        write(ON_CPU, "docker", written["docker"])


def test_a_model_without_safetensors_is_refused(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(WhetError, match="holds no safetensors"):
        files_of(tmp_path)

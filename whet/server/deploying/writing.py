"""The folder of a deployment, written whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

import whet
from whet.base.errors import ConfigError
from whet.server.deploying import image, manifests
from whet.server.deploying.deployment import Deployment

ROLE = "arn:aws:iam::123456789012:role/SageMakerExecution"


def write(given: Deployment, on: str, folder: Path) -> list[str]:
    """Write it into a new folder. The commands that build and run it. Raises ConfigError for a folder that is there."""
    if folder.exists():
        raise ConfigError(f"{folder} is there already", at="--output", hint=f"--output {folder}-2")
    texts, commands = PLACES[on](given, folder)
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        for name, text in texts.items():
            (partial / name).write_text(text, encoding="utf-8")
        (partial / "serve.sh").chmod(0o755)
        # whet itself as it is here: the same code serves there.
        left_out = shutil.ignore_patterns("__pycache__", "*.pyc")
        shutil.copytree(Path(whet.__file__).parent, partial / "whet", ignore=left_out)
        (partial / "README.md").write_text(_readme(given, on, commands), encoding="utf-8")
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return commands


Texts = dict[str, str]


def _image(given: Deployment, *, is_sagemaker: bool = False) -> Texts:
    return {
        "Dockerfile": image.dockerfile(given, holds_model=not is_sagemaker),
        ".dockerignore": image.ignored(),
        "requirements.txt": image.requirements(given),
        "model.sha256": image.digests(given),
        "serve.sh": image.start(given, keyless=is_sagemaker),
    }


def _yaml(objects: Sequence[Any]) -> str:
    """Objects as documents. What two of them share is written twice: anchors are for nobody to read."""
    return yaml.safe_dump_all(json.loads(json.dumps(objects)), sort_keys=False)


def _built(given: Deployment) -> str:
    return f"docker build --build-context model={given.folder} -t {given.name}:latest ."


def _docker(given: Deployment, folder: Path) -> tuple[Texts, list[str]]:
    gpus = f" --gpus {given.gpus}" if given.gpus else ""
    runs = (
        f"docker run --rm --read-only --tmpfs /tmp --cap-drop ALL --stop-timeout {given.drain_s}{gpus}"
        f" --memory {given.host_gib}g -e WHET_API_KEY -p 127.0.0.1:8080:8080 {given.name}:latest"
    )
    key = "export WHET_API_KEY=$(openssl rand -hex 32)"
    return _image(given), [f"cd {folder}", _built(given), key, runs]


def _compose(given: Deployment, folder: Path) -> tuple[Texts, list[str]]:
    texts = _image(given) | {"compose.yaml": _yaml([manifests.compose(given)])}
    # The user in the image is another one than here, and compose hands the file over as it lies there.
    key = "mkdir secrets && openssl rand -hex 32 > secrets/whet_api_key"
    return texts, [f"cd {folder}", key, "docker compose up --build --detach"]


def _kubernetes(given: Deployment, folder: Path) -> tuple[Texts, list[str]]:
    texts = _image(given) | {"kubernetes.yaml": _yaml(manifests.kubernetes(given))}
    secret = f'kubectl create secret generic {given.name}-key --from-literal=key="$(openssl rand -hex 32)"'
    return texts, [f"cd {folder}", _built(given), secret, "kubectl apply -f kubernetes.yaml"]


def _sagemaker(given: Deployment, folder: Path) -> tuple[Texts, list[str]]:
    account, region = "123456789012", "eu-central-1"
    pushed = f"{account}.dkr.ecr.{region}.amazonaws.com/{given.name}:latest"
    bucket = f"s3://sagemaker-{region}-{account}/{given.name}/model.tar.gz"
    container = {"Image": pushed, "ModelDataUrl": bucket}
    model: dict[str, Any] = {"ModelName": given.name, "ExecutionRoleArn": ROLE, "PrimaryContainer": container}
    model["EnableNetworkIsolation"] = True  # it asks for nothing from anywhere
    variant = {
        "VariantName": "all", "ModelName": given.name, "InitialInstanceCount": given.replicas,
        "InstanceType": "ml.g5.xlarge" if given.gpus else "ml.m5.2xlarge",
        "ContainerStartupHealthCheckTimeoutInSeconds": 1200, "ModelDataDownloadTimeoutInSeconds": 1200,
    }  # fmt: skip
    config = {"EndpointConfigName": given.name, "ProductionVariants": [variant]}
    texts = _image(given, is_sagemaker=True) | {
        "create-model.json": json.dumps(model, indent=2) + "\n",
        "create-endpoint-config.json": json.dumps(config, indent=2) + "\n",
    }
    files = " ".join(given.digests)
    return texts, [
        f"cd {folder}",
        f"docker build -t {pushed} . && docker push {pushed}",
        f"tar -czf model.tar.gz -C {given.folder} {files}",
        f"aws s3 cp model.tar.gz {bucket}",
        "aws sagemaker create-model --cli-input-json file://create-model.json",
        "aws sagemaker create-endpoint-config --cli-input-json file://create-endpoint-config.json",
        f"aws sagemaker create-endpoint --endpoint-name {given.name} --endpoint-config-name {given.name}",
    ]


PLACES: Mapping[str, Callable[[Deployment, Path], tuple[Texts, list[str]]]] = {
    "docker": _docker, "compose": _compose, "k8s": _kubernetes, "sagemaker": _sagemaker,
}  # fmt: skip


def _readme(given: Deployment, on: str, commands: list[str]) -> str:
    typed = "\n".join(commands[1:])
    memory = f"{given.host_gib} GiB of memory" + (f" and {given.gpus} GPU" if given.gpus else "")
    return (
        f"# {given.name} on {on}\n\nServes `{given.called}` with {memory}. When it is ended it finishes what is under "
        f"way, within {given.drain_s} seconds.\n\n```sh\n{typed}\n```\n"
    )

"""The files as those read them who know their forms. `make test-deploy` brings them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"
TOOLS = os.environ.get("WHET_DEPLOY_TOOLS", "")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not TOOLS, reason="WHET_DEPLOY_TOOLS names no folder with hadolint and the like"),
]


@pytest.mark.parametrize(
    ("program", "file"),
    [
        (["hadolint"], "docker/Dockerfile"),
        (["hadolint"], "sagemaker/Dockerfile"),
        (["check-jsonschema", "--builtin-schema", "vendor.compose-spec"], "compose/compose.yaml"),
        (["kubernetes-validate", "--strict", "--kubernetes-version", "1.37"], "k8s/kubernetes.yaml"),
    ],
)
def test_each_file_is_what_its_reader_knows(program, file):
    name, *words = program
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([Path(TOOLS) / name, *words, GOLDEN / file], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr

"""The image: a Dockerfile, the packages by their versions, and what starts the server in it."""

from __future__ import annotations

import shlex

from whet.server.deploying.deployment import PORT, USER, Deployment

# Where PyTorch's builds for CPUs are; those on PyPI bring CUDA.
_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
_INDEX = "https://pypi.org/simple"


def dockerfile(given: Deployment, *, holds_model: bool) -> str:
    """An image that serves one model, which it holds or finds at /opt/ml/model. Torch stands first: it is the largest
    layer and the one that changes least."""
    model = "/model" if holds_model else "/opt/ml/model"
    lines = [
        "# syntax=docker/dockerfile:1.7",
        f"FROM python:{given.python}-slim-bookworm",
        f"ARG TORCH_INDEX={_INDEX if given.gpus else _CPU_INDEX}",
        "ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/app HF_HUB_OFFLINE=1 HOME=/tmp",
        "WORKDIR /app",
        f'RUN pip install --no-cache-dir --index-url "$TORCH_INDEX" torch=={given.versions["torch"]}',
        "COPY requirements.txt ./",
        "RUN pip install --no-cache-dir -r requirements.txt \\",
        f" && useradd --uid {USER} --no-create-home --shell /usr/sbin/nologin whet",
        "COPY --chmod=644 model.sha256 ./",
        "COPY --chmod=755 serve.sh ./",
        "COPY whet/ ./whet/",
    ]
    if holds_model:
        lines += ["# hadolint ignore=DL3022", f"COPY --from=model / {model}/"]
    lines += [
        f"ENV MODEL={model}",
        f"USER {USER}:{USER}",
        f"EXPOSE {PORT}",
        "STOPSIGNAL SIGTERM",
        f'HEALTHCHECK --interval=10s --timeout=5s --start-period=600s CMD ["python", "-c", "{_HEALTH}"]',
        'ENTRYPOINT ["/app/serve.sh"]',
    ]
    return "\n".join(lines) + "\n"


_HEALTH = f"import urllib.request as u; u.urlopen('http://127.0.0.1:{PORT}/health')"


def requirements(given: Deployment) -> str:
    """Each package by the version that is installed here."""
    return "".join(f"{name}=={number}\n" for name, number in given.versions.items() if name != "torch")


def digests(given: Deployment) -> str:
    """The model's files as `sha256sum --check` reads them."""
    return "".join(f"{digest}  ./{place}\n" for place, digest in given.digests.items())


def start(given: Deployment, *, keyless: bool) -> str:
    """The script that starts the server, unless a file of the model is another one than was deployed."""
    names = [word for host in given.hosts for word in ("--name", host)]
    words = ["--called", given.called, "--host", "0.0.0.0", "--port", str(PORT), *names, *given.options]
    words += ["--no-key"] if keyless else []
    lines = ["#!/bin/sh", "set -eu", 'cd "$MODEL"', "sha256sum --check --quiet --strict /app/model.sha256", "cd /app"]
    if not keyless:
        lines += [
            'if [ -f "${WHET_API_KEY_FILE:-}" ]; then WHET_API_KEY="$(cat "$WHET_API_KEY_FILE")"; fi',
            ': "${WHET_API_KEY:?is not set: openssl rand -hex 32}"',
            "export WHET_API_KEY",
        ]
    # With `exec` signals reach the server, which then drains.
    return "\n".join([*lines, f'exec python -m whet serve "$MODEL" {shlex.join(words)}']) + "\n"


def ignored() -> str:
    """What is no part of the build."""
    return "secrets/\n*.pyc\n__pycache__/\ncompose.yaml\nkubernetes.yaml\nREADME.md\n"

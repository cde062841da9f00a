"""vLLM itself as the engine, on a CPU: a server and in this process. Needs `vllm`; run by `make test-vllm`."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml

from tests.generate import tiny
from whet.base.catalogue import engine
from whet.generate.http import Endpoint
from whet.generate.protocol import GenerateSettings

pytest.importorskip("vllm")
pytestmark = pytest.mark.slow

PROMPTS = ["The quick brown", "hello", [{"role": "user", "content": "how are you?"}]]
LIKELIEST = GenerateSettings(max_new_tokens=12, temperature=0.0, logprobs=True)
DRAWN = GenerateSettings(max_new_tokens=12, temperature=0.7, logprobs=True, seed=3)
ON_CPU = {"VLLM_CPU_KVCACHE_SPACE": "1", "OMP_NUM_THREADS": "1", "VLLM_SERVER_DEV_MODE": "1", "HF_HUB_OFFLINE": "1"}
REWARD = "def letters(completion):\n    return sum(c.isascii() and c.isalpha() for c in completion) / 12\n"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A model with heads as wide as vLLM's attention on a CPU asks for."""
    return tiny.folder(tmp_path_factory.mktemp("vllm") / "model", hidden_size=128, intermediate_size=256, head_dim=32)


@pytest.fixture(scope="module")
def url(base):
    """The address of a server of the model that tells log-probabilities of what it draws from."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *(sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(base), "--port", str(port)),
        *("--dtype", "float32", "--max-model-len", "128", "--enforce-eager"),
        *("--logprobs-mode", "processed_logprobs"),
    ]
    log = base.parent / "server.log"
    with log.open("w") as file:
        server = subprocess.Popen(command, env={**os.environ, **ON_CPU}, stdout=file, stderr=file)
    try:
        probe = Endpoint(f"http://127.0.0.1:{port}", key_env="VLLM_API_KEY", timeout_s=5, retries=0)
        _wait_for(lambda: _is_up(probe), server, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(60)


def test_a_server_answers_as_our_own_decoder_also_with_new_weights(base, url, tmp_path):
    loaded = tiny.loaded(base)
    ours = engine.get("local").build(loaded)
    theirs = engine.get("vllm").build(loaded, url=url, folder=str(tmp_path), logprobs="processed")
    assert_alike(ours.complete(PROMPTS, LIKELIEST), theirs.complete(PROMPTS, LIKELIEST))
    assert theirs.complete(PROMPTS, DRAWN) == theirs.complete(PROMPTS, DRAWN)
    before = [torch.clone(parameter) for parameter in loaded.module.parameters()]
    with torch.no_grad():
        for parameter in loaded.module.parameters():
            parameter.mul_(0.7).add_(0.01)
    theirs.sync(loaded.module.named_parameters())
    assert_alike(ours.complete(PROMPTS, LIKELIEST), theirs.complete(PROMPTS, LIKELIEST))
    with torch.no_grad():
        for parameter, value in zip(loaded.module.parameters(), before, strict=True):
            parameter.copy_(value)
    theirs.sync(loaded.module.named_parameters())


@pytest.mark.parametrize("where", ["server", "inside"])
def test_a_run_learns_from_its_answers_without_drift(base, where, tmp_path, request):
    """Weights arrive before each rollout: what vLLM says of its draws is what training computes of them."""
    place = {"path": str(base)} if where == "inside" else {"url": request.getfixturevalue("url")}
    rows = [{"prompt": [{"role": "user", "content": f"say {number}"}]} for number in range(24)]
    (tmp_path / "asked.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "reward.py").write_text(REWARD)
    run = {
        "name": "run", "model": str(base), "objective": "grpo", "data": {"train": [str(tmp_path / "asked.jsonl")]},
        "rewards": {"functions": [f"{tmp_path / 'reward.py'}:letters"], "workers": 1},
        "rollout": {
            "prompts": 4, "completions": 4, "max_new_tokens": 12, "temperature": 0.7,
            "engine": {"kind": "vllm", "logprobs": "processed", "folder": str(tmp_path / "sync"), **place},
        },
        "optimizer": {"lr": 1e-3}, "train": {"steps": 4},
        "track": {"folder": str(tmp_path / "runs"), "sinks": ["jsonl"]},
    }  # fmt: skip
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(run))
    command = [sys.executable, "-m", "whet", "train", str(tmp_path / "run.yaml")]
    done = subprocess.run(command, env={**os.environ, **ON_CPU}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    records = [json.loads(line) for line in (tmp_path / "runs" / "run" / "records.jsonl").read_text().splitlines()]
    steps = [record["metrics"] for record in records if record["kind"] == "step"]
    assert len(steps) == 4 and all(step["drift"] < 1e-4 for step in steps)
    assert any(step["grad_norm"] > 0.1 for step in steps)


def assert_alike(ours, theirs):
    assert [one.ids for one in theirs] == [one.ids for one in ours]
    for mine, other in zip(ours, theirs, strict=True):
        assert other.finish == mine.finish
        told = [token.logprob for token in other.tokens]
        assert told == pytest.approx([token.logprob for token in mine.tokens], abs=1e-4)


def _is_up(probe: Endpoint) -> bool:
    try:
        probe.get("/v1/models")
    except Exception:
        return False
    return True


def _wait_for(is_there, server: subprocess.Popen, log: Path, seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not is_there():
        assert server.poll() is None and time.monotonic() < end, log.read_text()[-3000:]
        time.sleep(1)

"""Runs killed with SIGKILL at any instant and continued: every loss and the weights are those of a run never killed."""

from __future__ import annotations

import json
import random
import socket
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.nursery import Child
from tests.tiny import LLAMA, WORDS, config, sentence, tokenizer, write_rows
from whet.base.config import from_mapping
from whet.train.api import resume, train

pytest.importorskip("peft")

STEPS = 8
LORA = {"kind": "lora", "rank": 4}
KINDS: dict[str, dict[str, Any]] = {
    "lora": {"tuner": LORA},
    "sft": {},
    "grpo": {
        "objective": "grpo", "rewards": ["rewards.py:length"], "data": {"train": ["prompts.jsonl"]},
        "rollout": {"prompts": 2, "completions": 2, "max_new_tokens": 5, "updates": 2},
        "train": {"batch_tokens": None},
    },
    "dpo": {"objective": "dpo", "data": {"train": ["pairs.jsonl"]}},
    "stream": {"data": {"streaming": True}},
    "qlora": {"tuner": LORA, "model": {"quantize": "nf4"}},
    "two ranks": {"parallel": {"timeout_s": 60}},
}  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    """A folder with a model, rows of each kind and a reward."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("kills")
    config(folder)
    torch.manual_seed(0)
    made = AutoConfig.for_model(**LLAMA, vocab_size=400)
    AutoModelForCausalLM.from_config(made).save_pretrained(folder / "model")
    tokenizer(folder / "model")
    write_rows(folder / "prompts.jsonl", [{"prompt": sentence(i, 4)} for i in range(12)])
    pairs = [{"prompt": sentence(i, 4), "chosen": sentence(i + 1, 5), "rejected": WORDS[i % 9]} for i in range(24)]
    write_rows(folder / "pairs.jsonl", pairs)
    (folder / "rewards.py").write_text("def length(completion, row):\n    return float(len(completion))\n")
    return folder


def settings(world: Path, kind: str, name: str) -> dict[str, Any]:
    made = config(world, name=name, **{k: v for k, v in KINDS[kind].items() if k not in ("model", "data", "rewards")})
    made["model"] = {"path": str(world / "model"), **KINDS[kind].get("model", {})}
    data = KINDS[kind].get("data", {})
    made["data"] |= {k: [str(world / file) for file in v] if k == "train" else v for k, v in data.items()}
    if "rewards" in KINDS[kind]:
        made["rewards"] = [str(world / reward) for reward in KINDS[kind]["rewards"]]
    made["train"] |= {"steps": STEPS, "checkpoint_every": 2}
    return made


def attempt(world: Path, kind: str, name: str) -> list[Child]:
    """One attempt at the run: a process, or two ranks."""
    path = world / "runs" / name
    go_on = partial(resumed, path) if (path / "config.yaml").exists() else partial(begun, settings(world, kind, name))
    if kind != "two ranks":
        return [Child(go_on)]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    ranks = [{**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(2)]
    return [Child(go_on, rank) for rank in ranks]


def begun(made: dict[str, Any]) -> str:
    return train(from_mapping(made))[1].outcome


def resumed(run: Path) -> str:
    return resume(run)[1].outcome


def outcome(world: Path, name: str) -> tuple[dict[int, float], dict[str, bytes]]:
    """The last loss of each step, and the files of weights."""
    folder, losses = world / "runs" / name, {}
    for line in (folder / "records.jsonl").read_text().splitlines():
        record = json.loads(line)
        if record["kind"] == "step":
            losses[record["step"]] = record["metrics"]["loss"]
    return losses, {path.name: path.read_bytes() for path in (folder / "model").glob("*.safetensors")}


def num_steps(world: Path, name: str) -> int:
    records = world / "runs" / name / "records.jsonl"
    return records.read_text().count('"kind": "step"') if records.exists() else 0


def killed(world: Path, kind: str, name: str, rng: random.Random) -> bool:
    """Start or continue the run and kill it some steps later; whether the kill came before the end."""
    goal, until = num_steps(world, name) + rng.randint(0, STEPS - 2), time.monotonic() + 120
    children = attempt(world, kind, name)
    while num_steps(world, name) < goal and time.monotonic() < until:
        time.sleep(0.002)
    time.sleep(rng.choice((0.0, 0.02, 0.1, 0.5)) * rng.random())
    for child in children:
        child.kill()
    outcomes = [child.wait() for child in children]
    return None in outcomes


@pytest.mark.case("A10")
@pytest.mark.slow
@pytest.mark.ranks
def test_killed_runs_end_with_the_bits_of_whole_ones(world, tries):
    assert all(kills_over(world, list(KINDS), tries(14, 100)).values()), "a kind was never hit"


@pytest.mark.case("A10")
@pytest.mark.slow  # test_resume has runs that are killed, test_adapters one that goes on
def test_a_killed_adapter_run_ends_with_the_bits_of_a_whole_one(world, tries):
    kills_over(world, ["lora"], tries(1, 2))


def kills_over(world: Path, kinds: list[str], wanted: int) -> dict[str, int]:
    """Kill runs of the kinds in turn, up to three times each, until so many kills have hit; how many hit each kind."""
    rng, hits, whole, number = random.Random(0), dict.fromkeys(kinds, 0), {}, 0
    while sum(hits.values()) < wanted:
        kind, name = kinds[number % len(kinds)], f"{kinds[number % len(kinds)].replace(' ', '-')}-{number}"
        if kind not in whole:
            assert {child.wait() for child in attempt(world, kind, f"whole-{name}")} == {"done"}
            whole[kind] = outcome(world, f"whole-{name}")
            assert len(whole[kind][0]) == STEPS and whole[kind][1]
        for _ in range(rng.randint(1, 3)):
            hits[kind] += killed(world, kind, name, rng)
        assert {child.wait() for child in attempt(world, kind, name)} == {"done"}, name
        assert outcome(world, name) == whole[kind], name
        number += 1
        assert number < 3 * wanted, "the kills fell after the runs"
    return hits

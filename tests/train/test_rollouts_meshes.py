"""Rollouts on a mesh: whoever shares what, answers, rewards and steps are those of one process."""

from __future__ import annotations

import traceback
from functools import cache

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from tests.ranks import on_ranks
from tests.sweeps import some
from tests.tiny import LLAMA, config
from tests.train.test_rollouts import bits, settings
from whet.base.config import from_mapping
from whet.train.build import assemble

pytestmark = pytest.mark.ranks
DENSE = {**LLAMA, "num_key_value_heads": 4}
MIXED = {
    **DENSE, "model_type": "qwen3_moe", "head_dim": 8, "num_experts": 4, "num_experts_per_tok": 2,
    "moe_intermediate_size": 16,
}  # fmt: skip
# Engines of the ranks' own: a second copy of the model in each, which answers with what it was last sent. What it draws
# is a function of the prompt alone, so that it does not matter which rank asks.
TWIN = """\
from collections import Counter
from dataclasses import replace
from zlib import crc32
from transformers import AutoModelForCausalLM
from whet.base.catalogue import engine
from whet.generate.decode import complete

@engine("double")
def double(loaded):
    '''A model of the same shape.'''
    return Double(loaded)

class Double:
    def __init__(self, loaded):
        self.module, self.tokenizer = AutoModelForCausalLM.from_config(loaded.module.config).eval(), loaded.processor

    def sync(self, tensors):
        known = self.module.state_dict()
        for name, tensor in tensors:
            known[name].copy_(tensor)

    def complete(self, prompts, settings):
        asked, numbers = Counter(), []
        for key in (crc32(repr(list(prompt)).encode()) % 10**6 for prompt in prompts):
            numbers.append(100 * key + asked[key])
            asked[key] += 1
        return complete(self.module, self.tokenizer, prompts, replace(settings, seed=7), numbers=numbers)
"""
LATE = {"staleness": 1, "updates": 1, "passes": 1}
ENGINE = {"engine": {"kind": "double"}}
GRPO, PPO, PAIRS = {"kind": "grpo", "kl": 0.1}, {"kind": "ppo", "kl": 0.02}, {"kind": "online-dpo"}
# What learns, how its answers are made, and a mesh of two ranks.
CASES = {
    "grpo-tensor": (GRPO, {}, {"tensor": 2}),
    "grpo-pipeline": (GRPO, {}, {"pipeline": 2}),
    "ppo-context": (PPO, {}, {"context": 2}),
    "online-dpo-tensor": (PAIRS, {"updates": 1}, {"tensor": 2}),
    "grpo-ring": (GRPO, {}, {"context": 2, "context_by": "ring"}),
    "grpo-expert": (GRPO, {}, {"expert": 2}),
    "ppo-tensor": (PPO, {}, {"tensor": 2, "sequence": True}),
    "ppo-pipeline": (PPO, {}, {"pipeline": 2}),
    "online-dpo-pipeline": (PAIRS, {"updates": 1}, {"pipeline": 2}),
    "late-tensor": (GRPO, LATE, {"tensor": 2}),
    "late-pipeline": (GRPO, LATE, {"pipeline": 2}),
    "late-expert": (GRPO, LATE, {"expert": 2}),
    "sent-shard": (GRPO, ENGINE, {"shard": 2}),
    "sent-tensor": (GRPO, ENGINE, {"tensor": 2}),
    "sent-late-shard": (GRPO, LATE | ENGINE, {"shard": 2}),
    "sent-late-tensor": (PPO, LATE | ENGINE, {"tensor": 2}),
    "sent-late-pipeline": (GRPO, LATE | ENGINE, {"pipeline": 2}),
    "late-hybrid": (GRPO, LATE, {"shard": 2, "tensor": 2}),
    "sent-late-hybrid": (GRPO, LATE | ENGINE, {"replicate": 2, "tensor": 2}),
    # With an adapter, which is folded in as its weights are put together.
    "adapter-sent-shard": (GRPO, ENGINE, {"shard": 2}),
    "adapter-sent-pipeline": (GRPO, ENGINE, {"pipeline": 2}),
    # Several stages a rank, and stages that ranks have in parts; with an adapter, which stays beside its layers.
    "grpo-zbv": (GRPO, {}, {"pipeline": 2, "schedule": "zbv"}),
    "late-zbv": (GRPO, LATE, {"pipeline": 2, "schedule": "zbv"}),
    "late-interleaved": (PPO, LATE, {"pipeline": 2, "schedule": "interleaved"}),
    "late-stages-shard-hybrid": (GRPO, LATE, {"pipeline": 2, "shard": 2}),
    "late-stages-tensor-hybrid": (GRPO, LATE, {"pipeline": 2, "tensor": 2}),
    "stages-context-hybrid": (GRPO, {}, {"pipeline": 2, "context": 2}),
    "stages-expert-hybrid": (GRPO, {}, {"pipeline": 2, "expert": 2}),
    "adapter-pipeline": (GRPO, {}, {"pipeline": 2}),
    "adapter-late-pipeline": (GRPO, LATE, {"pipeline": 2}),
    "adapter-sent-late-hybrid": (GRPO, LATE | ENGINE, {"shard": 2, "tensor": 2}),
}
NOW = ["grpo-tensor", "grpo-pipeline", "ppo-context", "late-tensor", "sent-late-shard"]
SHOWN = ("loss", "grad_norm", "reward", "length", "drift", "staleness")


def base(folder, layers=2):
    """A stored model, as adapters need one, made when missing: by one process, before there are ranks."""
    if (folder / "base").exists():
        return folder / "base"
    config(folder)
    words = AutoTokenizer.from_pretrained(folder / "tokenizer")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        shape = {name: value for name, value in DENSE.items() if name != "model_type"} | {"num_hidden_layers": layers}
        made = AutoModelForCausalLM.from_config(AutoConfig.for_model("llama", vocab_size=len(words), **shape))
    for part in (made, words):
        part.save_pretrained(folder / "base")
    return folder / "base"


def learned(folder, name, is_mesh):
    """The figures of each step, on one process or this rank."""
    objective, rollout, mesh = CASES[name]
    plugin = folder / f"double_{ranks_of(name)}_{name in NOW}.py"  # tests forget kinds, and files are read once
    if not plugin.exists():
        plugin.write_text(TWIN)
    init = {**(MIXED if "expert" in mesh else DENSE), "num_hidden_layers": 4 if "schedule" in mesh else 2}
    given = settings(
        folder, f"{name}-{is_mesh}", objective=objective, rollout=rollout, model={"init": init}, plugins=[str(plugin)],
        optimizer={"lr": 1e-2}, parallel={**(mesh if is_mesh else {}), "timeout_s": 60},
        train={"device": "cpu", "steps": 5},
    )  # fmt: skip
    if name.startswith("adapter"):
        given |= {"model": {"path": str(base(folder))}, "tuner": {"kind": "lora", "rank": 4}}
    built = assemble(from_mapping(given))
    built.loop.run()
    built.world.wait()  # the first rank's records are whole
    for sink in built.sinks:
        sink.close()
    return {step: [m.get(k, 0.0) for k in SHOWN] for step, m in bits(built.folder.path).items()}


def all_of(folder, names, is_mesh=True):
    """What is found of each case, here or on this rank, or how it failed: after that ranks are no longer together."""
    found = dict.fromkeys(names, "an earlier one failed")
    for name in names:
        try:
            found[name] = learned(folder, name, is_mesh)
        except Exception:
            found[name] = traceback.format_exc()
            if is_mesh:
                break
    return found


def ranks_of(name):
    return 4 if "hybrid" in name else 2


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What one process finds of each case, and what every rank does; the slow cases run apart."""
    folder = tmp_path_factory.mktemp("rollouts")

    @cache
    def found(is_now, size):
        names = [name for name in CASES if (name in NOW) == is_now and ranks_of(name) == size]
        alone = all_of(folder, names, is_mesh=False)  # which makes the files that all ranks read
        return alone, on_ranks(size, all_of, folder, names)

    return found


@pytest.mark.parametrize("name", some(CASES, NOW))
def test_a_mesh_draws_and_learns_what_one_process_does(name, made):
    alone, ranks = made(name in NOW, ranks_of(name))
    assert not isinstance(expected := alone[name], str), expected
    assert len({numbers[2] for numbers in expected.values()}) > 1, "rewards vary"
    for found in ranks:
        assert not isinstance(found[name], str), found[name]
        assert found[name].keys() == expected.keys()
        for step, numbers in found[name].items():
            assert numbers == pytest.approx(expected[step], rel=1e-4, abs=1e-5), step

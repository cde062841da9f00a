"""Meshes, models and losses whose training on several ranks is compared with that of one process (law 6)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.exact import exact
from tests.objectives.groups import group
from tests.parallel.test_shard import PROBED
from tests.tiny import LLAMA, tokenizer
from whet.base.catalogue import model_source, objective, optimizer, tuner
from whet.base.run import Parallel
from whet.contracts.model import Loaded, Models
from whet.contracts.sample import Sample
from whet.contracts.steps import Step
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled
from whet.optim.adapted import adapted
from whet.optim.groups import ParamGroups
from whet.parallel.fill import fill
from whet.parallel.shard import shard
from whet.parallel.world import World
from whet.train.step.executor import DataParallel
from whet.train.step.frozen import Frozen
from whet.train.step.micro_batches import Dealer

STEPS, VOCAB, CAPACITY = 5, 332, 40
BASE = {**LLAMA, "vocab_size": VOCAB, "initializer_range": 0.2, "pad_token_id": None}
# Heads of keys and values that 4 ranks can share, where nothing else is said.
MODELS: Mapping[str, dict[str, Any]] = {
    "tied": {"num_key_value_heads": 4},
    "dense": {"tie_word_embeddings": False, "num_key_value_heads": 4, "attention_bias": True, "mlp_bias": True},
    "gqa": {"num_attention_heads": 8, "num_key_value_heads": 4, "tie_word_embeddings": False},
    "window": {"model_type": "mistral", "num_key_value_heads": 4, "sliding_window": 5, "tie_word_embeddings": False},
    "normed": {"model_type": "qwen3", "head_dim": 8, "num_key_value_heads": 4},
    "capped": {"model_type": "gemma2", "head_dim": 8, "num_key_value_heads": 4, "sliding_window": 5},
    "fused": {"model_type": "phi3", "num_key_value_heads": 4},
    "odd": {"vocab_size": VOCAB + 1, "num_key_value_heads": 4},  # embedding and head stay whole
    "lora": {"num_key_value_heads": 4, "tie_word_embeddings": False},
    "moe": {
        "model_type": "qwen3_moe", "head_dim": 8, "num_key_value_heads": 4, "num_experts": 4, "num_experts_per_tok": 2,
        "moe_intermediate_size": 16,
    },
}  # fmt: skip
# What is computed in float32, and how far it may round away: norms of gemma, and the experts of a mixture.
SINGLE: Mapping[str, float] = {"capped": 1e-6, "moe": 1e-5}
LOSSES: Mapping[str, dict[str, Any]] = {"sft": {}, "dpo": {"reference": "copy"}}
MESHES: Mapping[str, dict[str, Any]] = {
    "shard-2": {"shard": 2},
    "zero-2": {"shard": 2, "zero": 2},
    "zero-1": {"shard": 2, "zero": 1},
    "replicate-2": {"replicate": 2, "shard": 1},
    "tensor-2": {"tensor": 2},
    "context-2": {"context": 2},
    "shard-4": {"shard": 4},
    "hybrid": {"replicate": 2, "shard": 2},
    "tensor-4": {"tensor": 4},
    "context-4": {"context": 4},
    "ring-2": {"context": 2, "context_by": "ring"},
    "ring-4": {"context": 4, "context_by": "ring"},
    "shard-ring": {"shard": 2, "context": 2, "context_by": "ring"},
    "ring-tensor": {"context": 2, "context_by": "ring", "tensor": 2},
    "shard-tensor": {"shard": 2, "tensor": 2},
    "replicate-tensor": {"replicate": 2, "shard": 1, "tensor": 2},
    "shard-context": {"shard": 2, "context": 2},
    "context-tensor": {"context": 2, "tensor": 2},
    "zero-1-tensor": {"shard": 2, "tensor": 2, "zero": 1},
}


@dataclass(frozen=True)
class Case:
    """A model, a loss and a mesh; None is one process."""

    model: str
    loss: str
    mesh: str | None = None

    @property
    def settings(self) -> Parallel:
        return Parallel(**(MESHES[self.mesh] if self.mesh else {}))

    @property
    def sizes(self) -> dict[str, int]:
        from whet.parallel.sizes import mesh_sizes

        return mesh_sizes(self.settings, ranks_of(self.mesh) if self.mesh else 1)


def can_be(model: str, mesh: str) -> bool:
    """Mixtures of experts are refused under `tensor`."""
    return model != "moe" or "tensor" not in MESHES[mesh]


def ranks_of(mesh: str) -> int:
    return math.prod(size for name, size in MESHES[mesh].items() if name not in ("zero", "context_by"))


@cache
def stored(folder: Path) -> Path:
    """A stored base, as adapters need one, with its tokenizer."""
    base = tokenizer(folder / "base")
    context = BuildContext(seed=3, verdict=PROBED)
    filled(model_source.get("hf").build(context, init={**BASE, **MODELS["lora"]})).module.save_pretrained(base)
    return base


def model(name: str, world: World, settings: Parallel, folder: Path, seed: int = 3) -> Loaded:
    how = tuner.get("lora" if name == "lora" else "full")
    method = how.build(**how.settings.model_validate({"kind": how.name}).values())
    given: dict[str, Any] = {"path": str(folder / "base")} if name == "lora" else {"init": {**BASE, **MODELS[name]}}
    loaded = model_source.get("hf").build(BuildContext(seed=seed, tuner=method, verdict=PROBED), **given)
    if world.mesh is None:
        loaded = filled(loaded)
    if name != "moe":  # torch's grouped product takes no float64
        exact(loaded)
    shard(loaded, world, settings, ("whet_run",))
    return fill(loaded, world)


def samples(loss: str, step: int) -> list[Sample]:
    """Those of a step: texts, or pairs behind a prompt. The last step is a short one."""
    draw, found = np.random.default_rng(step), []
    for length in (9, 5, 12, 6, 17, 5, 8) if step < STEPS - 1 else (9, 5, 7):
        ids = [draw.integers(1, VOCAB, n).tolist() for n in (3, length, length // 2 + 1)]
        if loss == "dpo":
            found.append(group(ids[0], ids[1:]))
        else:
            fields = {} if loss == "sft" else {"label": np.float32(length % 2)}
            weights = np.array([0.0] * 3 + [1.0] * length, np.float32)
            found.append(Sample(np.array(ids[0] + ids[1], np.int32), weights, fields))
    return found


def executor(case: Case, world: World, folder: Path) -> DataParallel:
    loaded = model(case.model, world, case.settings, folder)
    others = {}
    if case.loss != "sft":
        asked = model("tied" if case.model == "lora" else case.model, world, case.settings, folder, seed=4)
        others["reference"] = Frozen(asked.module, asked.model)
    loss = objective.get(case.loss).build(**LOSSES[case.loss])
    update = adapted(optimizer.get("adamw").build(ParamGroups.of(loaded.module, loaded.roles), lr=1e-2))
    return DataParallel(
        world, Models(loaded.model, others), loss, update, loaded.module, 0, 0.5, None,
        sums_once=case.settings.zero == 1,
    )  # fmt: skip


def learned(case: Case, folder: Path) -> tuple[list[tuple[float, float]], dict[str, torch.Tensor]]:
    """Loss and gradient norm of each step, and the weights after the last."""
    torch.manual_seed(0)
    world = World.start("cpu", 60, case.sizes) if case.mesh else World(torch.device("cpu"))
    train, figures = executor(case, world, folder), []
    dealer = Dealer(world, CAPACITY)
    for index in range(STEPS):
        found = samples(case.loss, index)
        batches = dealer(Step(index, [len(one.ids) for one in found], found.__getitem__))
        weights, _ = train.weigh(batches, {})
        told = train.step(index, batches, weights, 1.0)
        figures.append((told["loss"], told["grad_norm"]))
    return figures, {name: tensor.clone() for name, tensor in train.weights()}

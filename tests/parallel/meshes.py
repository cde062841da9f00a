"""Meshes, models and losses whose training on several ranks is compared with that of one process (law 6)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from tests.exact import exact
from tests.objectives.groups import group
from tests.optim.placements import EXACT as OPTIMIZERS
from tests.optim.problem import build
from tests.parallel.test_shard import PROBED
from tests.ranks import in_turns
from tests.tiny import LLAMA, tokenizer
from whet.base.catalogue import model_source, objective, optimizer, tuner
from whet.base.parallel import Parallel
from whet.contracts.batch import Batch
from whet.contracts.model import Loaded, Models
from whet.contracts.sample import Sample
from whet.contracts.steps import Step
from whet.generate.shadow_model import keep_shape
from whet.models.features.balance import RouterTotals
from whet.models.features.carried import features_of, install
from whet.models.features.logit_peaks import Peaks, watch
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled
from whet.objectives.balanced import Balanced
from whet.optim.groups import ParamGroups
from whet.parallel.fill import fill
from whet.parallel.pipeline.stages import stages_of
from whet.parallel.shard import shard
from whet.parallel.world import World
from whet.train.step.executor import DataParallel
from whet.train.step.frozen import Frozen
from whet.train.step.loss_scale import LossScale
from whet.train.step.micro_batches import Dealer
from whet.train.step.pipelined import PipelineParallel
from whet.train.step.stepping import Stepping

STEPS, VOCAB, CAPACITY = 5, 332, 40
BASE = {**LLAMA, "vocab_size": VOCAB, "initializer_range": 0.2, "pad_token_id": None}
_MIXED = {"num_key_value_heads": 4, "num_experts_per_tok": 2}
_EXPERTS = {**_MIXED, "num_experts": 4, "moe_intermediate_size": 16}
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
    "mixed-lora": {**_EXPERTS, "model_type": "qwen3_moe", "head_dim": 8},  # on its experts, too
    "moe": {**_EXPERTS, "model_type": "qwen3_moe", "head_dim": 8},
    "shared": {**_EXPERTS, "model_type": "qwen2_moe", "shared_expert_intermediate_size": 24},
    "balanced": {**_MIXED, "model_type": "mixtral", "num_local_experts": 4},
    "mla": {
        **_MIXED, "model_type": "deepseek_v3", "moe_intermediate_size": 16, "n_routed_experts": 4,
        "n_shared_experts": 1, "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1, "kv_lora_rank": 16,
        "q_lora_rank": 24, "qk_rope_head_dim": 4, "qk_nope_head_dim": 8, "v_head_dim": 8,
    },
}  # fmt: skip
MIXED = ("moe", "shared", "balanced", "mla")
# Bases of adapters, which have to be stored, and what the adapter is on; the reference of an adapter is another model.
ADAPTED: Mapping[str, dict[str, Any]] = {"lora": {}, "mixed-lora": {"parameters": ("experts",)}}
# What is computed in float32, and how far it may round away: norms of gemma, the experts of a mixture, and routers.
SINGLE: Mapping[str, float] = {
    "capped": 1e-6, "moe": 1e-5, "shared": 1e-5, "balanced": 1e-5, "mixed-lora": 1e-5, "mla": 1e-5,
}  # fmt: skip
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
    "sequence-2": {"tensor": 2, "sequence": True},
    "sequence-4": {"tensor": 4, "sequence": True},
    "shard-sequence": {"shard": 2, "tensor": 2, "sequence": True},
    "context-sequence": {"context": 2, "tensor": 2, "sequence": True},
    "both-4": {"context": 4, "context_by": "both"},
    "expert-2": {"expert": 2},
    "expert-4": {"expert": 4},
    "shard-expert": {"shard": 2, "expert": 2},
    "replicate-expert": {"replicate": 2, "shard": 1, "expert": 2},
    "context-expert": {"context": 2, "expert": 2},
    "expert-tensor": {"expert": 2, "tensor": 2},
    "expert-sequence": {"expert": 2, "tensor": 2, "sequence": True},
    "pipeline-2": {"pipeline": 2},
    "gpipe-2": {"pipeline": 2, "schedule": "gpipe"},
    "interleaved-2": {"pipeline": 2, "schedule": "interleaved"},
    "zero-bubble-2": {"pipeline": 2, "schedule": "zero-bubble"},
    "zbv-2": {"pipeline": 2, "schedule": "zbv"},
    "dualpipev-2": {"pipeline": 2, "schedule": "dualpipev"},
    "pipeline-4": {"pipeline": 4},
    "pipeline-replicate": {"pipeline": 2, "replicate": 2, "shard": 1},
    "pipeline-shard": {"pipeline": 2, "shard": 2},
    "zero-bubble-shard": {"pipeline": 2, "shard": 2, "schedule": "zero-bubble"},
    "zbv-replicate": {"pipeline": 2, "replicate": 2, "shard": 1, "schedule": "zbv"},
    "interleaved-zero-1": {"pipeline": 2, "shard": 2, "schedule": "interleaved", "zero": 1},
    "pipeline-tensor": {"pipeline": 2, "tensor": 2},
    "pipeline-context": {"pipeline": 2, "context": 2},
    "pipeline-ring": {"pipeline": 2, "context": 2, "context_by": "ring"},
    "pipeline-expert": {"pipeline": 2, "expert": 2},
    "shard-context-tensor": {"shard": 2, "context": 2, "tensor": 2},
    "shard-pipeline-tensor": {"shard": 2, "pipeline": 2, "tensor": 2},
    "context-pipeline-tensor": {"context": 2, "pipeline": 2, "tensor": 2},
    "shard-expert-tensor": {"shard": 2, "expert": 2, "tensor": 2},
    "pipeline-expert-tensor": {"pipeline": 2, "expert": 2, "tensor": 2},
    "four-axes": {"shard": 2, "context": 2, "pipeline": 2, "tensor": 2},
    "five-axes": {"replicate": 2, "shard": 2, "context": 2, "pipeline": 2, "tensor": 2},
}
# Logits of attention are beyond it at once.
CLIPPED: Mapping[str, dict[str, Any]] = {"muonclip": {"threshold": 0.05}}
# Axes of a mesh; its other words say how ranks talk.
RANKS = ("replicate", "shard", "context", "expert", "tensor", "pipeline")


class Numbers(NamedTuple):
    """What a model computes in: how its weights are made so, and the type of products where they are another."""

    of: Callable[[Loaded], object]
    autocast: torch.dtype | None = None


def _rounded(loaded: Loaded) -> None:
    loaded.module.bfloat16()


def _single(loaded: Loaded) -> None:
    """As they are."""


# `fp64-rounded` has the weights of `bf16-pure`, and computes exactly.
NUMBERS: Mapping[str, Numbers] = {
    "fp64": Numbers(exact),
    "fp64-rounded": Numbers(lambda loaded: (_rounded(loaded), exact(loaded))),
    "bf16": Numbers(_single, torch.bfloat16),
    "fp16": Numbers(_single, torch.float16),
    "bf16-pure": Numbers(_rounded),
}


@dataclass(frozen=True)
class Case:
    """A model of so many layers, a loss, a mesh (None is one process), and who steps the weights."""

    model: str
    loss: str
    mesh: str | None = None
    numbers: str = "fp64"
    layers: int = 0
    optimizer: str = "adamw"

    @property
    def alone(self) -> Case:
        """The same on one process."""
        return replace(self, mesh=None, layers=self.depth)

    @property
    def depth(self) -> int:
        return self.layers or depth_of(self.mesh)

    @property
    def is_watched(self) -> bool:
        """Whether the optimizer clips by the logits of attention."""
        return "attention_logits" in optimizer.get(self.optimizer).facts.needs

    @property
    def settings(self) -> Parallel:
        return Parallel(**(MESHES[self.mesh] if self.mesh else {}))

    @property
    def sizes(self) -> dict[str, int]:
        from whet.parallel.sizes import mesh_sizes

        return mesh_sizes(self.settings, ranks_of(self.mesh) if self.mesh else 1)


def can_be(model: str, mesh: str) -> bool:
    """Only mixtures have experts to share, and a loss for balance knows of no stages; LoRA on experts is like any other
    where these are not shared. Products of three axes and more, with 8 to 32 ranks, are seen on one model of a kind."""
    if ranks_of(mesh) > 4:
        return model == ("moe" if "expert" in MESHES[mesh] else "tied")
    if model == "balanced" and "pipeline" in MESHES[mesh]:
        return False
    if model == "mla":  # its plan cuts no attention
        return "tensor" in MESHES[mesh] and not {"expert", "context", "pipeline"} & MESHES[mesh].keys()
    if model == "mixed-lora":
        return "expert" in MESHES[mesh] or "tensor" in MESHES[mesh]
    return model in MIXED or "expert" not in MESHES[mesh]


def depth_of(mesh: str | None) -> int:
    """Layers: more than one a stage on a pipeline, and no multiple of its stages."""
    return 5 if mesh and "pipeline" in MESHES[mesh] else 2


def ranks_of(mesh: str) -> int:
    return math.prod(size for name, size in MESHES[mesh].items() if name in RANKS)


def on_their_ranks(work: Callable[..., Any], cases: Sequence[Any], folder: Path) -> dict[int, list[Any]]:
    """What ranks find of cases by `work(cases, folder)`, by the number of ranks that the cases' meshes have."""
    sizes = {ranks_of(case.mesh) for case in cases}
    sized = {size: [case for case in cases if ranks_of(case.mesh) == size] for size in sizes}
    return {size: in_turns(size, work, sized[size], folder) for size in sizes}


@cache
def stored(folder: Path, layers: int = 2) -> None:
    """The stored bases that adapters need, with their tokenizer."""
    for name in ADAPTED:
        base, init = tokenizer(base_of(name, folder, layers)), {**BASE, **MODELS[name], "num_hidden_layers": layers}
        made = filled(model_source.get("hf").build(BuildContext(seed=3, verdict=PROBED), init=init))
        made.module.save_pretrained(base)


def base_of(name: str, folder: Path, layers: int) -> Path:
    return folder / f"{name}-{layers}"


def model(case: Case, world: World, folder: Path, seed: int = 3) -> Loaded:
    name, layers = case.model, case.depth
    how = tuner.get("lora" if name in ADAPTED else "full")
    method = how.build(**how.settings.model_validate({"kind": how.name, **ADAPTED.get(name, {})}).values())
    init = {**BASE, **MODELS[name], "num_hidden_layers": layers}
    given: dict[str, Any] = {"path": str(base_of(name, folder, layers))} if name in ADAPTED else {"init": init}
    loaded = model_source.get("hf").build(BuildContext(seed=seed, tuner=method, verdict=PROBED), **given)
    if world.mesh is None:
        loaded = filled(loaded)
    if case.is_watched:
        install(loaded, Peaks())
    if name not in (*MIXED, "mixed-lora"):  # torch's grouped product takes no float64
        NUMBERS[case.numbers].of(loaded)
    if name == "balanced":
        install(loaded, RouterTotals())
    keep_shape(loaded.module)
    shard(loaded, world, case.settings, ("whet_run",))
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


def executor(case: Case, world: World, folder: Path) -> Stepping:
    loaded = model(case, world, folder)
    others = {}
    if case.loss != "sft":
        plainly = {"lora": "tied", "mixed-lora": "moe"}.get(case.model, case.model)
        asked = model(replace(case, model=plainly), world, folder, seed=4)
        others["reference"] = Frozen(asked.module, asked.model)
    loss: Any = objective.get(case.loss).build(**LOSSES[case.loss])
    for told in (one for one in features_of(loaded.module) if isinstance(one, RouterTotals)):
        loss = Balanced(loss, told, 0.1, world.count("context"))
    groups = ParamGroups.of(loaded.module, loaded.roles, layers=loaded.layers)
    rate = 1e-2 if case.optimizer == "adamw" else 1e-3
    update = build(case.optimizer, groups, lr=rate, **OPTIMIZERS[case.optimizer], **CLIPPED.get(case.optimizer, {}))
    if case.is_watched:
        update.attach(watch(loaded.module, world.device))
    kind = DataParallel if stages_of(loaded.module) is None else PipelineParallel
    return kind(
        world, Models(loaded.model, others), loss, update, loaded.module, 0, 0.5, NUMBERS[case.numbers].autocast,
        sums_once=case.settings.zero == 1, scale=LossScale() if case.numbers == "fp16" else None,
    )  # fmt: skip


def started(case: Case, folder: Path) -> tuple[DataParallel, Dealer]:
    """The executor of a case on this rank, and who deals its micro-batches."""
    torch.manual_seed(0)
    world = World.start("cpu", 60, case.sizes) if case.mesh else World(torch.device("cpu"))
    return executor(case, world, folder), Dealer(world, CAPACITY)


def batches_of(case: Case, dealer: Dealer, index: int) -> list[Batch]:
    """This rank's micro-batches of a step."""
    found = samples(case.loss, index)
    return dealer(Step(index, [len(one.ids) for one in found], found.__getitem__))


def learned(case: Case, folder: Path) -> tuple[list[tuple[float, float]], dict[str, torch.Tensor]]:
    """Loss and gradient norm of each step, and the weights after the last."""
    (train, dealer), figures = started(case, folder), []
    for index in range(STEPS):
        batches = batches_of(case, dealer, index)
        weights, _ = train.weigh(batches, {})
        told = train.step(index, batches, weights, 1.0)
        figures.append((told["loss"], told["grad_norm"]))
    return figures, {name: tensor.clone() for name, tensor in train.weights()}

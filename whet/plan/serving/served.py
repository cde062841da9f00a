"""What is served: a model's weights by role, what its layers keep, on what, for how many conversations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from whet.base.errors import ConfigError
from whet.base.mesh import Mesh
from whet.plan.architecture import described
from whet.plan.hardware.cards import Card
from whet.plan.job import PACKED
from whet.plan.layers import experts
from whet.plan.models.planned import PlannedModel, context_of
from whet.plan.serving.cache import LayerCache, caches, number

# Bytes of a number of the cache, and of a weight.
DTYPES: Mapping[str, float] = {"fp32": 4.0, "bf16": 2.0, "fp16": 2.0, "fp8": 1.0}
# Role, numbers, and whether it is a layer's.
Weights = Sequence[tuple[str, int, bool]]
MATRICES = ("matrix", "expert")
# Tokens of prompts that are read at once; longer ones are read in chunks (vLLM's default on large cards).
CHUNK_TOKENS = 8192


@dataclass(frozen=True)
class ServedModel:
    """`numbers` of weights by role; `inside` are those of layers. `width`, `inner` of the MLP and `vocab` are sizes."""

    name: str
    model_type: str
    numbers: Mapping[str, int]
    inside: Mapping[str, int]
    layers: Sequence[LayerCache]
    heads: int
    width: int
    inner: int
    vocab: int
    context: int | None
    experts: int = 0
    chosen: int = 0
    is_tied: bool = False

    @classmethod
    def of(cls, name: str, config: Mapping[str, Any]) -> ServedModel:
        """The model of a config. A class that has not been traced is built without values, which needs torch.

        Raises ModelError for a config that lacks what is asked for.
        """
        if config.get("model_type") in described():
            planned = PlannedModel.of(name, config)
            tensors: Weights = [(t.role, t.numbers, t.layer is not None) for t in planned.tensors()]
            whole, is_tied = config, planned.is_tied
        else:
            from whet.plan.tracing.counted import counted

            whole, tensors, is_tied = counted(name, config)
        return cls._made(name, whole, tensors, is_tied)

    @classmethod
    def _made(cls, name: str, config: Mapping[str, Any], tensors: Weights, is_tied: bool) -> ServedModel:
        text = {**config, **(config.get("text_config") or {})}
        numbers: dict[str, int] = {}
        inside: dict[str, int] = {}
        for role, count, is_inside in tensors:
            numbers[role] = numbers.get(role, 0) + count
            if is_inside:
                inside[role] = inside.get(role, 0) + count
        width = number(text, "hidden_size", "n_embd", "d_model")
        inner = int(text.get("moe_intermediate_size") or text.get("intermediate_size") or 4 * width)
        heads = int(text.get("num_attention_heads") or text.get("n_head") or 1)
        chosen = int(text.get("num_experts_per_tok") or 0)
        return cls(
            name, str(config["model_type"]), numbers, inside, caches(config), heads, width, inner * max(1, chosen),
            int(text["vocab_size"]), context_of(text), experts(text), chosen, is_tied,
        )  # fmt: skip

    @property
    def parameters(self) -> int:
        return sum(self.numbers.values())

    def active(self, conversations: float = 1.0) -> float:
        """Parameters that a step of so many tokens goes through; of experts those that one of them is sent to, where
        all are as likely: E (1 - (1 - k/E)^n)."""
        if not self.experts:
            return float(self.parameters)
        share = 1 - (1 - self.chosen / self.experts) ** conversations
        return self.parameters - self.numbers.get("expert", 0) * (1 - share)


@dataclass(frozen=True)
class Serving:
    """`concurrency` conversations at once, each of up to `length` tokens, of which the first `prompt` are given."""

    model: ServedModel
    card: Card
    mesh: Mesh
    concurrency: int
    length: int
    prompt: int
    dtype: str = "bf16"
    quantize: str | None = None
    cache_dtype: str = "bf16"

    def where(self, **changes: Any) -> Serving:
        return replace(self, **changes)

    @property
    def item(self) -> float:
        """Bytes of a number of the cache."""
        return DTYPES[self.cache_dtype]

    def weight_bytes(self, role: str, is_inside: bool) -> float:
        """Of a number of such a weight."""
        packs = self.quantize is not None and is_inside and role in MATRICES
        return PACKED[self.quantize or "int8"] if packs else DTYPES[self.dtype]

    @cached_property
    def a_conversation(self) -> float:
        """Bytes that one of `length` tokens keeps on a rank."""
        mesh = self.mesh
        whole = sum(one.bytes_of(self.length, self.item, tensor=mesh.tensor) for one in self.model.layers)
        return whole / mesh.pipeline


def check_serving(mesh: Mesh, model: ServedModel, gpus: int) -> None:
    """Raise ConfigError, with the arithmetic, for a mesh that cannot serve the model."""
    for axis in ("shard", "context"):
        if getattr(mesh, axis) > 1:
            raise ConfigError(
                f"`{axis}` shares what is trained; a model is served over tensor, pipeline, expert and replicate",
                at="--mesh", hint=f"--mesh tensor={gpus}",
            )  # fmt: skip
    if mesh.ranks != gpus:
        shown = " x ".join(f"{name} {size}" for name, size in mesh.sizes.items()) or "one rank"
        raise ConfigError(
            f"{shown} = {mesh.ranks} ranks, and there are {gpus}", at="--mesh", hint=f"--gpus {mesh.ranks}"
        )
    if model.heads % mesh.tensor:
        fitting = next(size for size in range(mesh.tensor, 0, -1) if model.heads % size == 0)
        raise ConfigError(
            f"heads {model.heads} / tensor {mesh.tensor} = {model.heads / mesh.tensor:.4g}, which is no whole number",
            at="--mesh", hint=f"--mesh tensor={fitting}",
        )  # fmt: skip
    if mesh.expert > 1 and (not model.experts or model.experts % mesh.expert):
        raise ConfigError(
            f"{model.experts} experts cannot be dealt to {mesh.expert} ranks", at="--mesh", hint="--mesh expert=1"
        )
    if mesh.pipeline > len(model.layers):
        raise ConfigError(
            f"{len(model.layers)} layers cannot be dealt to {mesh.pipeline} stages", at="--mesh",
            hint=f"--mesh pipeline={len(model.layers)}",
        )  # fmt: skip


def serving_mesh(model: ServedModel, card: Card, gpus: int) -> Mesh:
    """Tensor within a node as far as heads divide, then pipelines."""
    a_node = int(card.figures["a_node"].value) if "a_node" in card.figures else 1
    tensor = next(s for s in range(min(gpus, max(a_node, 1)), 0, -1) if gpus % s == 0 and model.heads % s == 0)
    pipeline = next(s for s in range(min(gpus // tensor, len(model.layers)), 0, -1) if gpus // tensor % s == 0)
    return Mesh(tensor=tensor, pipeline=pipeline, replicate=gpus // tensor // pipeline)

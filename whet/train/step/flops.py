"""FLOPs: the matrix products that a step of the trained model needs, and what this machine does of them in a second."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch

from whet.contracts.batch import Batch, Stream
from whet.contracts.model import Loaded, ParamRole
from whet.models.text import text_config
from whet.parallel.world import World

# Products of square matrices of this size, and how many: the best of them is what the machine can do.
_SIZE = {"cpu": 512, "cuda": 4096}
_REPEATS = 8


@dataclass(frozen=True, slots=True)
class Work:
    """Multiplications and additions of one token in a forward pass: in `layers`, in the `head` where it is trained,
    and in attention for each token that it sees. `learned` and `learned_head` are those whose weights have gradients.
    """

    layers: float
    head: float
    attention: float
    learned: float
    learned_head: float

    @classmethod
    def of(cls, model: Loaded) -> Work:
        """Counted from the weights' shapes and roles. Of experts, those that a token goes through."""
        module: Any = model.module
        config: Any = getattr(module, "config", None)
        text = text_config(config) if hasattr(config, "get_text_config") else config
        share = _share_of_experts(text)
        layers = learned = 0.0
        for name, parameter in module.named_parameters():
            role = model.roles.get(name, ParamRole.OTHER if parameter.dim() < 2 else ParamRole.MATRIX)
            if parameter.dim() < 2 or role in (ParamRole.EMBEDDING, ParamRole.HEAD):
                continue
            count = 2 * parameter.numel() * (share if role is ParamRole.EXPERT else 1)
            layers += count
            learned += count * parameter.requires_grad
        output = module.get_output_embeddings() if hasattr(module, "get_output_embeddings") else None
        weight = getattr(output, "weight", None)
        head = 2.0 * weight.numel() if weight is not None else 0.0
        return cls(layers, head, _attention(text), learned, head * bool(weight is not None and weight.requires_grad))

    def of_all_stages(self, world: World) -> Work:
        """That of the whole model, where its weights lie on several stages: ranks call it together."""
        own = {"layers": self.layers, "head": self.head, "learned": self.learned, "learned_head": self.learned_head}
        return replace(self, **world.sums(own, "stages"))

    def step(self, batches: Sequence[Batch]) -> float:
        """Forward and backward over these batches. Passes of other models, and what is computed twice, do not count."""
        total = 0.0
        for batch in batches:
            rows = batch.num_tokens or batch.num_samples
            trained = len(batch.trained.trained_at) if batch.streams else 0
            seen = sum(_seen(stream) for stream in batch.streams.values())
            total += (2 * self.layers + self.learned) * rows + (2 * self.head + self.learned_head) * trained
            total += 3 * self.attention * seen
        return total


def _seen(stream: Stream) -> float:
    """Pairs of a token and one that it sees."""
    total = 0.0
    for segment in stream.segments:
        own = segment.end - segment.start
        prefix = stream.segments[segment.prefix] if segment.prefix >= 0 else None
        total += own * own * (1.0 if segment.kind == "bidirectional" else 0.5)
        total += own * (prefix.end - prefix.start) if prefix else 0
    return total


def _attention(text: Any) -> float:
    """FLOPs of one pair in all layers: scores and sums of values."""
    layers = getattr(text, "num_hidden_layers", None)
    if not isinstance(layers, int):
        return 0.0
    each = list(getattr(text, "per_layer_config", ()))  # of models whose layers differ in their heads (Gemma 4)
    return sum(map(_attention_of_layer, each)) if each else layers * _attention_of_layer(text)


def _attention_of_layer(text: Any) -> float:
    heads, width = getattr(text, "num_attention_heads", None), getattr(text, "hidden_size", None)
    if not (isinstance(heads, int) and isinstance(width, int)):
        return 0.0
    return 4.0 * heads * (getattr(text, "head_dim", None) or width // heads)


def _share_of_experts(text: Any) -> float:
    """The part of the experts that a token goes through."""
    chosen = getattr(text, "num_experts_per_tok", None)
    names = ("num_experts", "num_local_experts", "n_routed_experts")
    count = next((found for name in names if (found := getattr(text, name, None))), None)
    return chosen / count if isinstance(chosen, int) and isinstance(count, int) else 1.0


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float | None:
    """FLOPs a second of square products, measured once a process (about 0.05 s); None where memory is too full."""
    return _rate(device, dtype, torch.get_num_threads() if device.type == "cpu" else 0)


@cache
def _rate(device: torch.device, dtype: torch.dtype, threads: int) -> float | None:
    size = _SIZE.get(device.type, 1024)
    generator, seconds = torch.Generator(device).manual_seed(0), []
    try:
        a, b = (torch.randn(size, size, generator=generator, device=device).to(dtype) for _ in range(2))
        out = torch.empty_like(a)
        for _ in range(_REPEATS):
            began = _now(device)
            torch.mm(a, b, out=out)
            seconds.append(_now(device) - began)
    except torch.OutOfMemoryError:
        return None
    return 2 * size**3 / min(seconds)


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


@dataclass(frozen=True, slots=True)
class Effort:
    """What a step's products are compared with: those of `ranks` devices like this one, in the type of the run."""

    work: Work
    device: torch.device
    dtype: torch.dtype
    ranks: int

    def told(self, flops: float, seconds: float) -> Mapping[str, float]:
        """A step's FLOPs, and which share of the machine's rate they are."""
        if not flops or seconds <= 0:
            return {}
        rate = matrix_rate(self.device, self.dtype)
        return {"flops": flops, **({"mfu": flops / seconds / (rate * self.ranks)} if rate else {})}

"""The mesh of a run's ranks as one value: how many each axis has, what is sharded, and how a pipeline runs.

A plan works with it before there is a rank, and `whet.parallel` when there are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

# From the outermost axis to the innermost, whose ranks are neighbours and talk most.
ORDER = ("pipeline", "replicate", "shard", "context", "expert", "tensor")
# The dimensions of the mesh that each axis spans, as far as the mesh has them.
AXES: Mapping[str, tuple[str, ...]] = {
    "data": ("replicate", "shard", "expert"),  # ranks that see different samples
    "loss": ("replicate", "shard", "context", "expert"),  # ranks whose sums are added
    "model": ("expert", "tensor"),  # ranks that hold different experts of a layer
    "stages": ("pipeline",),  # ranks that hold different layers
    "replicate": ("replicate",),  # ranks that hold the same shards
    "fsdp": ("shard", "context", "expert"),  # ranks among which FSDP cuts a weight
    "part": ("shard", "context"),  # ranks among which FSDP cuts an expert, where ranks hold different ones
    "expert": ("expert",),  # ranks that send each other tokens
    "context": ("context",),  # ranks that share the tokens of a row
    "tensor": ("tensor",),  # ranks that share a matrix
    "all": ("replicate", "shard", "context", "tensor", "expert", "pipeline"),
}


@dataclass(frozen=True, slots=True)
class Mesh:
    """Ranks on each axis, named as in a run's `parallel`; the `zero` stage of what FSDP cuts; whether `tensor` cuts
    tokens between matrices (`sequence`); the `schedule` of `pipeline`."""

    replicate: int = 1
    shard: int = 1
    context: int = 1
    tensor: int = 1
    pipeline: int = 1
    expert: int = 1
    zero: int = 3
    sequence: bool = False
    schedule: str = "1f1b"

    def pieces(self, axis: str) -> int:
        """Ranks on one of AXES."""
        return math.prod(getattr(self, name) for name in AXES[axis])

    @property
    def sizes(self) -> dict[str, int]:
        """Axes with several ranks, the outermost first."""
        return {name: size for name in ORDER if (size := getattr(self, name)) > 1}

    @property
    def ranks(self) -> int:
        return self.pieces("all")

    @property
    def shards(self) -> int:
        """Ranks over which FSDP cuts a weight that is no expert's."""
        return self.pieces("fsdp")

    @property
    def readers(self) -> int:
        """Ranks that see different samples."""
        return self.pieces("data")

    def __str__(self) -> str:
        named = [f"{name} {size}" for name, size in self.sizes.items()]
        return ", ".join(named + ([f"zero {self.zero}"] if self.shards > 1 else [])) or "one rank"

"""What a rank of several holds: its place in the mesh, and which part of each weight, as the weights tell it."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import torch
from torch import nn
from torch.distributed.tensor import DTensor

from whet.kernels.quantized import Quantized
from whet.parallel.world import World


def held(module: nn.Module, world: World) -> dict[str, Any]:
    """`sizes` of the mesh, the `place` of this rank on each of its axes, the `bytes` of weights that lie here, and the
    `weights`: those that lie alike in one entry, with the axes that `cut` them and the dimension in which they do.

    Nothing of a run on one process. Weights have to lie as they do between steps (`reshard`).
    """
    if world.mesh is None:
        return {}
    alike: Counter[tuple[str, tuple[int, ...], tuple[tuple[str, int], ...]]] = Counter()
    for name, parameter in module.named_parameters():
        alike[re.sub(r"\.\d+(?=\.)", ".*", name), tuple(parameter.shape), tuple(_cut(parameter).items())] += 1
    weights = [
        {"name": name, "count": count, "shape": list(shape), "cut": dict(cut)}
        for (name, shape, cut), count in alike.items()
    ]
    place = dict(zip(world.sizes, world.mesh.get_coordinate() or (), strict=True))
    return {"sizes": world.sizes, "place": place, "bytes": bytes_here(module), "weights": weights}


def bytes_here(module: nn.Module) -> int:
    """Bytes of the weights that lie on this rank."""
    return sum(_local_bytes(parameter) for parameter in module.parameters())


def _cut(parameter: torch.Tensor) -> dict[str, int]:
    """The axes that cut a weight, each with the dimension."""
    if not isinstance(parameter, DTensor):
        return {}
    names = parameter.device_mesh.mesh_dim_names or ()
    placed: list[tuple[str, Any]] = list(zip(names, parameter.placements, strict=True))
    return {name: placement.dim for name, placement in placed if not placement.is_replicate()}


def _local_bytes(parameter: Any) -> int:
    parts = parameter.parts.values() if isinstance(parameter, Quantized) else [parameter]
    local = [part.to_local() if isinstance(part, DTensor) else part for part in parts]
    return sum(part.numel() * part.element_size() for part in local)

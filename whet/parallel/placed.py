"""Weights of a layer that lie over ranks, and layers that compute with what is here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.distributed import ProcessGroup
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Shard, distribute_tensor


def numberless(name: str) -> str:
    """A name as plans have it, in which layers are numbered."""
    return re.sub(r"(?<=\.)\d+(?=\.|$)", "*", name)


def placed(parameter: Any, mesh: DeviceMesh, dim: int) -> nn.Parameter:
    """The parameter, which is on meta, cut in one dimension over a mesh of one dimension."""
    whole = distribute_tensor(parameter.detach(), mesh, [Shard(dim)], src_data_rank=None)
    return nn.Parameter(whole, requires_grad=parameter.requires_grad)


def sharing_matrices(module: nn.Module) -> ProcessGroup | None:
    """The ranks among which the matrices of a module's layers are cut; None where they are whole."""
    meshes = (p.device_mesh for p in module.parameters() if isinstance(p, DTensor))
    over = next((mesh for mesh in meshes if "tensor" in (mesh.mesh_dim_names or ())), None)
    return None if over is None else over.get_group("tensor")


@contextmanager
def having(place: Any, values: Mapping[str, Any]) -> Iterator[None]:
    """Inside, names have other values: a layer computes with what lies on this rank."""
    before = {name: place[name] for name in values}
    place.update(values)
    try:
        yield
    finally:
        place.update(before)

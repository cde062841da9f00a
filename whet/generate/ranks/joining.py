"""A rank's part of a model that answers: the group that it joins, and what it holds of the weights."""

from __future__ import annotations

import datetime
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist

from whet.base.errors import ModelError
from whet.base.parallel import Parallel
from whet.generate.models import load_model
from whet.parallel.fill import fill
from whet.parallel.plan import ParallelPlan
from whet.parallel.shard import shard
from whet.parallel.world import World

if TYPE_CHECKING:
    from whet.contracts.model import Loaded

AT = "--tensor"
# How long ranks wait for each other while the model is read and while a step runs.
_PATIENCE = datetime.timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be loaded, as `load_model` is asked for it, by so many ranks."""

    model: str
    device: str
    dtype: str
    root: Path
    ranks: int


def check(built: Loaded, wanted: Wanted) -> None:
    """Raise ModelError, with the arithmetic, for a model (on meta) whose matrices do not divide among the ranks."""
    try:
        ParallelPlan.of(built, Parallel(tensor=wanted.ranks), {"tensor": wanted.ranks})
    except ModelError as error:
        fitting = (error.hint or "").removeprefix("parallel.tensor=")
        hint = f"{AT} {fitting}" if fitting.isdigit() and int(fitting) > 1 else f"leave {AT} out"
        raise ModelError(error.message, at=AT, hint=hint) from None


def device_of(wanted: Wanted, rank: int) -> str:
    """Where a rank has its part: the CPU, or a GPU of its own. Raises ModelError where there are not so many."""
    is_cuda = wanted.device.startswith("cuda") or (wanted.device == "auto" and torch.cuda.is_available())
    if not is_cuda:
        if wanted.device not in ("auto", "cpu"):
            raise ModelError(f"`{wanted.device}` is one device, and not {wanted.ranks}", at=AT, hint="--device cpu")
        return "cpu"
    _, _, given = wanted.device.partition(":")
    first, count = int(given or 0), torch.cuda.device_count()
    if first + wanted.ranks > count:
        raise ModelError(
            f"{wanted.ranks} ranks from GPU {first} on need {first + wanted.ranks} GPUs, and there are {count}", at=AT,
            hint=f"{AT} {max(count - first, 1)}, or --device cpu",
        )  # fmt: skip
    return f"cuda:{first + rank}"


def joined(built: Loaded, device: torch.device, store: dist.Store, rank: int, ranks: int) -> Loaded:
    """The model, which is on meta, with this rank's part of its values. All ranks call it together."""
    if device.type == "cuda":
        torch.cuda.set_device(device)
    with _on_loopback():
        dist.init_process_group(
            "nccl" if device.type == "cuda" else "gloo", store=store, rank=rank, world_size=ranks, timeout=_PATIENCE
        )
        mesh = dist.init_device_mesh(device.type, (ranks,), mesh_dim_names=("tensor",))
    world = World.over(device, mesh)
    shard(built, world, Parallel(tensor=ranks), ())
    return fill(built, world)


def part_of(wanted: Wanted, store: dist.Store, rank: int) -> Loaded:
    """The model as a rank beside the first one has it."""
    device = device_of(wanted, rank)
    return load_model(
        wanted.model, device=device, dtype=wanted.dtype, root=wanted.root,
        placed=lambda built, chosen: joined(built, chosen, store, rank, wanted.ranks),
    )  # fmt: skip


@contextmanager
def _on_loopback() -> Iterator[None]:
    """Inside, gloo listens to this machine alone, unless the user says otherwise."""
    name, own = "GLOO_SOCKET_IFNAME", {"linux": "lo", "darwin": "lo0"}.get(sys.platform)
    if own is None or name in os.environ:
        yield
        return
    os.environ[name] = own
    try:
        yield
    finally:
        del os.environ[name]

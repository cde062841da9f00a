"""Checkpoints in the layout that DeepSpeed writes, made here from a state dict."""

from __future__ import annotations

import math
from collections import OrderedDict
from pathlib import Path

import torch
from torch import Tensor


def write(
    folder: Path,
    state: dict[str, Tensor],
    stage: int,
    world: int = 2,
    frozen: tuple[str, ...] = (),
    shared: dict[str, str] | None = None,
) -> Path:
    """A step of `world` ranks, its parameters in two groups, `latest` beside it; one parameter is tied to the first."""
    step = folder / "global_step7"
    step.mkdir(parents=True)
    (folder / "latest").write_text("global_step7")
    trained = [name for name in state if name not in frozen]
    groups = [OrderedDict((name, state[name].shape) for name in part) for part in (trained[::2], trained[1::2])]
    flats = [_flat_whole(state, group, world) if stage <= 2 else _flat_parted(state, group, world) for group in groups]
    for rank in range(world):
        pieces = {name: _part(state[name].flatten(), rank, world) for name in frozen}
        model = {
            "module": {},
            "buffer_names": [],
            "param_shapes": groups,
            "frozen_param_shapes": OrderedDict((name, state[name].shape) for name in frozen),
            "frozen_param_fragments": pieces if stage == 3 else {name: state[name] for name in frozen},
            "shared_params": {"tied.weight": trained[0]} if shared is None else shared,
            "ds_version": "0.19.8",
        }
        name = f"zero_pp_rank_{rank}_mp_rank_00_model_states.pt" if stage == 3 else "mp_rank_00_model_states.pt"
        torch.save(model, step / name)
        key = "fp32_flat_groups" if stage == 3 else "single_partition_of_fp32_groups"
        optimizer = {"zero_stage": stage, "partition_count": world, key: [flat[rank] for flat in flats]}
        torch.save({"optimizer_state_dict": optimizer}, step / f"zero_pp_rank_{rank}_mp_rank_00_optim_states.pt")
    return folder


def _flat_whole(state, group, world: int) -> list[Tensor]:
    flat = torch.cat([state[name].flatten() for name in group])
    size = 2 * world * math.ceil(len(flat) / (2 * world))
    return list(torch.cat([flat, torch.zeros(size - len(flat))]).chunk(world))


def _flat_parted(state, group, world: int) -> list[Tensor]:
    return [torch.cat([_part(state[name].flatten(), rank, world) for name in group]) for rank in range(world)]


def _part(flat: Tensor, rank: int, world: int) -> Tensor:
    size = math.ceil(len(flat) / world)
    return torch.cat([flat, torch.zeros(size * world - len(flat))])[rank * size : (rank + 1) * size].clone()

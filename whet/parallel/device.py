"""The device of a rank, by the name that the config has for it."""

from __future__ import annotations

import torch

from whet.base.errors import RunError


def device_of(name: str, local_rank: int = 0) -> torch.device:
    """The device that `train.device` means on a rank. Raises RunError where this machine has no such one."""
    if name == "auto":
        name = f"cuda:{local_rank}" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise RunError(f"`{name}` is not a device", at="train.device", hint="train.device=cpu") from None
    if device.type != "cuda":
        _check_computes(device)
        return device
    if not torch.cuda.is_available():
        raise RunError(
            f"`{name}` asks for a GPU, and this PyTorch sees none", at="train.device", hint="train.device=cpu"
        )
    device = torch.device("cuda", local_rank) if device.index is None else device
    if device.index >= (found := torch.cuda.device_count()):
        raise RunError(
            f"`{device}` is not there: this machine has {found} GPUs, counted from 0",
            at="train.device",
            hint=f"train.device=cuda:{found - 1}, or as many processes as GPUs",
        )
    return device


def _check_computes(device: torch.device) -> None:
    """Raise RunError for a device that holds no numbers, as `meta`, or that this PyTorch was not built for."""
    try:
        torch.ones(1, device=device).item()
    except (RuntimeError, NotImplementedError, AssertionError):
        raise RunError(f"nothing is computed on `{device}`", at="train.device", hint="train.device=cpu") from None

"""Digests of all that the next step depends on: weights, generators, the place in the data. Equal ones, equal state."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.distributed.tensor

from whet.contracts.steps import StepSource

_BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def state_digests(module: torch.nn.Module, source: StepSource, device: torch.device) -> dict[str, Any]:
    """`weights` of this rank's trained parameters, `generators` of the process, and `loader`: each part of its state.

    A source whose state asks other ranks tells none. Waits for the device.
    """
    loader = source.state_dict() if source.can_prefetch else {}
    return {
        "weights": weights_digest(module),
        "generators": _short(_generators(device)),
        "loader": {name: _short(_canonical(value)) for name, value in loader.items()},
    }


@torch.no_grad()
def weights_digest(module: torch.nn.Module) -> str:
    """A digest of every bit of the trained parameters, as this rank holds them: sums over their integers, in one read.

    What differs in one bit differs here; that two changes cancel in both sums is as likely as in a checksum.
    """
    names, sums = list[str](), list[torch.Tensor]()
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            names.append(name)
            sums += _sums(parameter)
    if not sums:
        return ""
    values = torch.stack(sums).cpu().numpy().tobytes()
    return _short("\n".join(names).encode() + values)


def _sums(parameter: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The sum of a tensor's bits as integers, and that of its rows by their number (both wrap around)."""
    local = parameter.detach()
    local = local.to_local() if isinstance(local, torch.distributed.tensor.DTensor) else local
    bits = local.contiguous().view(_BITS[local.element_size()])
    bits = bits.flatten(1) if bits.dim() > 1 else bits.reshape(-1, 1) if bits.dim() else bits.reshape(1, 1)
    rows = bits.sum(1, dtype=torch.int64)
    return rows.sum(), (rows * torch.arange(1, len(rows) + 1, device=rows.device)).sum()


def _generators(device: torch.device) -> bytes:
    parts = [torch.get_rng_state().numpy().tobytes(), repr(random.getstate()).encode()]
    name, keys, *rest = np.random.get_state()
    parts += [np.asarray(keys).tobytes(), repr((name, rest)).encode()]
    if device.type == "cuda":
        parts.append(torch.cuda.get_rng_state(device).numpy().tobytes())
    return b"".join(parts)


def _canonical(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, default=repr).encode()


def _short(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]

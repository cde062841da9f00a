"""How optimizer state is stored: float32, bfloat16, or 8 bits a number with a scale for each block.

State tensors are plain and have the parameter's own first dimension, so that they shard by rows as it does. What is
decided by size is decided by the global shape: shards of a tensor are stored as the whole would be.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import torch
from torch import Tensor

from whet.optim.costs import Stored, block_of
from whet.optim.rounding import round_stochastically

Format = Literal["fp32", "bf16", "8bit"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A moment that a rule keeps: its name, whether it takes negative values, and whether it must stay exact."""

    name: str
    signed: bool
    exact: bool = False


def begin(entry: Entry, shape: Sequence[int], stored: Stored, wide: torch.dtype, device) -> dict[str, Tensor]:
    """Zeros of the global `shape` (or of a shard's rows of it), under the names that `read` and `write` know."""
    if stored.format == "fp32":
        return {entry.name: torch.zeros(*shape, dtype=wide, device=device)}
    if stored.format == "bf16":
        return {entry.name: torch.zeros(*shape, dtype=torch.bfloat16, device=device)}
    zero = torch.searchsorted(code_map(entry.signed, torch.device("cpu")), 0.0).item()
    blocks = math.prod(shape[1:]) // stored.block
    return {
        entry.name: torch.full(tuple(shape), zero, dtype=torch.uint8, device=device),
        f"{entry.name}.scale": torch.zeros(shape[0], blocks, dtype=torch.float32, device=device),
    }


def read(state: Mapping[str, Tensor], entry: Entry, stored: Stored, rows: slice = slice(None)) -> Tensor:
    """The wanted rows as numbers to compute with. Float32 state is the stored tensor itself: change it in place."""
    tensor = state[entry.name][rows]
    if stored.format == "fp32":
        return tensor
    if stored.format == "bf16":
        return tensor.float()
    numbers = torch.index_select(code_map(entry.signed, tensor.device), 0, tensor.reshape(-1).int())
    scale = state[f"{entry.name}.scale"][rows]
    return numbers.view(*scale.shape, stored.block).mul_(scale.unsqueeze(-1)).view(tensor.shape)


def write(
    state: Mapping[str, Tensor],
    entry: Entry,
    stored: Stored,
    value: Tensor,
    rows: slice = slice(None),
    start: int | Tensor = 0,
    key: int = 0,
) -> None:
    """Store the rows that `read` gave and a rule changed. `start` and `key` place the noise of bfloat16."""
    if stored.format == "fp32":
        return
    target = state[entry.name][rows]
    if stored.format == "bf16":
        round_stochastically(target, value, start, key)
        return
    blocks = value.reshape(value.shape[0], -1, stored.block)
    scale = blocks.abs().amax(-1) if entry.signed else blocks.amax(-1)
    state[f"{entry.name}.scale"][rows] = scale
    shares = (blocks / scale.clamp_min(torch.finfo(torch.float32).tiny).unsqueeze(-1)).view(target.shape)
    target.copy_(nearest_codes(shares, entry.signed))


def stored_as(shape: Sequence[int], wanted: Format, entry: Entry | None = None) -> Stored:
    """The format of a tensor of this global shape: small tensors, and rows that cut into no blocks, stay float32."""
    if entry is not None and entry.exact:
        return Stored("fp32")
    return Stored("fp32") if wanted == "8bit" and not block_of(shape) else Stored(wanted, block_of(shape))


@cache
def code_map(signed: bool, device: torch.device) -> Tensor:
    """The 256 numbers of 8-bit state (Dettmers et al. 2022, section 2.1: dynamic tree quantization), ascending.

    Seven decades below 1; the decade below 1 has 64 steps (128 without sign), each lower one half as many.
    """
    numbers = [0.0, 1.0]
    for decade in range(7):
        count = 2**decade if signed else 2 ** (decade + 1)
        edges = torch.linspace(0.1, 1, count + 1, dtype=torch.float32)
        means = ((edges[:-1] + edges[1:]) / 2 * 10.0 ** (decade - 6)).tolist()
        numbers += means + ([-m for m in means] if signed else [])
    return torch.tensor(sorted(numbers), dtype=torch.float32, device=device)


def nearest_codes(shares: Tensor, signed: bool) -> Tensor:
    """The nearest code of each number from -1 to 1, as `torch.bucketize` over the midpoints gives it.

    The upper 16 bits of a float32 leave at most one midpoint to compare with. A table entry holds the code, and below
    it how far the lower 16 bits may go until they carry into the next code: one look-up, 20 times as fast on a CPU.
    """
    bits = shares.reshape(-1).view(torch.int32)
    if signed:
        bits = _ascending(bits)
    entries = torch.index_select(_table(signed, shares.device), 0, (bits >> 16).add_(32768))
    return entries.add_(bits).bitwise_right_shift_(16).to(torch.uint8).view(shares.shape)


def _ascending(bits: Tensor) -> Tensor:
    """The bits of float32 numbers as integers in the numbers' order (-0 just below 0)."""
    return bits ^ ((bits >> 31) & 0x7FFFFFFF)


@cache
def _table(signed: bool, device: torch.device) -> Tensor:
    """For each pattern of the upper 16 bits: (code << 16) + room, less the pattern itself where bits are added to it.

    `room` is what the lower 16 bits must exceed 65535 by to be above the one midpoint among the pattern's numbers.
    """
    codes = code_map(signed, torch.device("cpu"))
    midpoints = (codes[:-1] + codes[1:]) / 2
    upper = torch.arange(-32768, 32768, dtype=torch.int64)
    smallest = torch.bucketize(_numbers(upper << 16), midpoints)
    keys = _ascending(midpoints.view(torch.int32)).long()
    inside = torch.cat([keys, torch.tensor([2**40])])[smallest]
    # Numbers equal to a midpoint have the lower code, as with bucketize.
    room = torch.where(inside < (upper + 1) << 16, 65535 - (inside & 65535), 0)
    return ((smallest - upper << 16) + room).to(torch.int32).to(device)


def _numbers(keys: Tensor) -> Tensor:
    """The float32 numbers of ascending integers; not-a-number becomes 0."""
    return _ascending(keys.to(torch.int32)).view(torch.float32).nan_to_num(0.0)

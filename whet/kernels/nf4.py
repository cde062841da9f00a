"""NF4: four bits a weight on the quantiles of a normal distribution, bit for bit as bitsandbytes stores them.

Dettmers et al. 2023 (QLoRA), section 3: blocks of 64 weights share their largest magnitude; "double quantisation"
stores those magnitudes, less their mean, in eight bits in blocks of 256. 4.127 bits a weight.
"""

# N weights  B blocks of 64  C blocks of 256 blocks

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

BLOCK = 64
OUTER_BLOCK = 256
# Appendix E of the paper: the quantiles of N(0, 1), scaled to -1 .. 1, with an exact zero.
LEVELS = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
)  # fmt: skip
_SMALLEST = 1e-38  # a block of zeros must not divide by zero


def quantize(weight: Tensor, *, double: bool = True) -> dict[str, Tensor]:
    """The parts of a weight of any shape: `packed` uint8 (N/2,), the earlier of two weights in the upper bits.

    With `double`, `absmax` is uint8 (B,) with `outer_absmax` fp32 (C,) and `offset` fp32 (); else fp32 (B,).
    Computes in fp32.
    """
    flat_N = weight.detach().reshape(-1).float()
    absmax_B, scaled_N = _scaled(flat_N, BLOCK)
    levels = _levels(flat_N.device)
    codes_N = torch.bucketize(scaled_N, (levels[:-1] + levels[1:]) / 2, out_int32=True).to(torch.uint8)
    if codes_N.numel() % 2:
        codes_N = F.pad(codes_N, (0, 1), value=7)  # the code of zero
    packed = codes_N[::2] << 4 | codes_N[1::2]
    if not double:
        return {"packed": packed, "absmax": absmax_B}
    offset = absmax_B.mean()
    outer_C, scaled_B = _scaled(absmax_B - offset, OUTER_BLOCK)
    outer_levels = dynamic_levels(flat_N.device)
    codes_B = torch.bucketize(scaled_B, (outer_levels[:-1] + outer_levels[1:]) / 2, out_int32=True).to(torch.uint8)
    return {"packed": packed, "absmax": codes_B, "outer_absmax": outer_C, "offset": offset}


def dequantize(parts: dict[str, Tensor], shape: torch.Size, dtype: torch.dtype) -> Tensor:
    """The weight of `parts` again. Products are fp32, then rounded to `dtype`."""
    absmax_B = magnitudes(parts)
    num = shape.numel()
    # A byte is looked up whole: half the look-ups, and no unpacked codes in memory.
    values = F.embedding(parts["packed"].int(), _pairs(parts["packed"].device)).view(-1)
    whole = num // BLOCK * BLOCK
    values[:whole].view(-1, BLOCK).mul_(absmax_B[: whole // BLOCK, None])
    if whole < num:
        values[whole:].mul_(absmax_B[-1])
    return values[:num].view(shape).to(dtype)


def magnitudes(parts: dict[str, Tensor]) -> Tensor:
    """The largest magnitude of each block, fp32 (B,)."""
    codes_B = parts["absmax"]
    if "outer_absmax" not in parts:
        return codes_B
    values_B = dynamic_levels(codes_B.device)[codes_B.int()]
    outer_B = parts["outer_absmax"].repeat_interleave(OUTER_BLOCK)[: len(values_B)]
    return values_B * outer_B + parts["offset"]


def _scaled(flat_N: Tensor, block: int) -> tuple[Tensor, Tensor]:
    """Each block's largest magnitude, and its values divided by it.

    Whole blocks are multiplied by the reciprocal and a shorter last one is divided, which rounds differently: the
    reference does so.
    """
    whole = flat_N.numel() // block * block
    blocks, rest = flat_N[:whole].view(-1, block), flat_N[whole:]
    absmax = blocks.abs().amax(1)
    scaled = (blocks * (1.0 / absmax.clamp(min=_SMALLEST))[:, None]).view(-1)
    if rest.numel():
        largest = rest.abs().max().clamp(min=_SMALLEST)
        absmax, scaled = torch.cat([absmax, largest[None]]), torch.cat([scaled, rest / largest])
    return absmax, scaled.clamp_(-1, 1)


@cache
def _levels(device: torch.device) -> Tensor:
    return torch.tensor(LEVELS, dtype=torch.float32, device=device)


@cache
def _pairs(device: torch.device) -> Tensor:
    """The two weights that each byte holds (256, 2)."""
    levels = _levels(device)
    byte = torch.arange(256, device=device)
    return torch.stack([levels[byte >> 4], levels[byte & 15]], dim=1)


@cache
def dynamic_levels(device: torch.device) -> Tensor:
    """The 256 sorted levels of the dynamic 8-bit type (Dettmers 2016): seven decades, each twice as fine as the next.

    The decade [10^(e-7), 10^(e-6)] has 2^e levels at the middles of equal steps, of either sign; then zero and one.
    """
    cpu, decades = torch.device("cpu"), []  # whatever the default device, such as meta while a model is built
    for exponent in range(7):
        edges = torch.linspace(0.1, 1.0, 2**exponent + 1, device=cpu)
        decades.append((edges[:-1] + edges[1:]) / 2 * 10.0 ** (exponent - 6))
    positive = torch.cat(decades)
    return torch.cat([-positive, positive, torch.tensor([0.0, 1.0], device=cpu)]).sort().values.to(device)

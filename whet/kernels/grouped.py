"""grouped: codes with a scale for every group of inputs, as checkpoints of GPTQ, AWQ, compressed-tensors have them."""

# O rows (outputs)  I inputs  G groups of a row  W words of 32 bits

from __future__ import annotations

import torch
from torch import Tensor

from whet.base.errors import ModelError
from whet.kernels.codes import FLOAT8, Codes, Grid, pack, unpack


def parts_of(codes: Codes, bits: int) -> dict[str, Tensor]:
    """What is held of codes: `packed` int32 (O, W) or, of FP8, `codes`; `scale`, `zero`, `group_of`."""
    if codes.codes.dtype == FLOAT8:
        parts = {"codes": codes.codes, "scale": codes.scale}
    else:
        parts = {"packed": pack(codes.codes.short() - Grid(bits).lowest, bits), "scale": codes.scale}
    optional = {"zero": codes.zero, "group_of": codes.group_of}
    return parts | {name: part for name, part in optional.items() if part is not None}


def quantize(weight_OI: Tensor) -> dict[str, Tensor]:
    """Refused: which grid a weight goes on is told by a checkpoint, not by the weight."""
    raise ModelError("weights that are stored quantized stay as they are", hint="tuner: lora")


def dequantize(parts: dict[str, Tensor], shape: torch.Size, dtype: torch.dtype) -> Tensor:
    """The matrix of `parts` again. Products are fp32, then rounded to `dtype`."""
    if "codes" in parts:
        codes_OI = parts["codes"]
    else:
        bits = parts["packed"].shape[1] * 32 // shape[1]
        codes_OI = unpack(parts["packed"], bits, shape[1]) + Grid(bits).lowest
    return Codes(codes_OI, parts["scale"], parts.get("zero"), parts.get("group_of")).dense(dtype)

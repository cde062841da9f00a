"""Layouts: how quantized matrices lie in checkpoints, by the names and shapes that vLLM and transformers read."""

# O rows (outputs)  I inputs  G groups of a row  W words of 32 bits

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from whet.kernels.codes import Codes, Grid, pack, unpack

Layout = Literal["compressed-tensors", "gptq"]
# What a layout stores in place of `weight`.
PARTS = (
    "weight_packed", "weight_scale", "weight_shape", "weight_zero_point",  # compressed-tensors
    "qweight", "qzeros", "scales", "g_idx",  # GPTQ
)  # fmt: skip


def to_compressed(codes: Codes, grid: Grid, packed: bool) -> dict[str, Tensor]:
    """The parts of a matrix in the compressed-tensors layout: packed in words, or a code a byte."""
    if not packed:
        return {"weight": codes.codes, "weight_scale": codes.scale}
    half = -grid.lowest
    parts = {
        "weight_packed": pack(codes.codes.short() + half, grid.bits),
        "weight_scale": codes.scale,
        "weight_shape": torch.tensor(codes.codes.shape),
    }
    if codes.zero is not None:
        parts["weight_zero_point"] = pack((codes.zero.short() + half).T, grid.bits).T
    return parts


def from_compressed(parts: Mapping[str, Tensor], grid: Grid) -> Codes:
    """What `to_compressed` stored, or the package of that name."""
    if "weight_packed" not in parts:
        return Codes(parts["weight"], parts["weight_scale"])
    half = -grid.lowest
    rows, inputs = (int(size) for size in parts["weight_shape"])
    scale_OG, zero_OG = parts["weight_scale"], None
    if "weight_zero_point" in parts:
        zero_OG = unpack(parts["weight_zero_point"].T.contiguous(), grid.bits, rows).T - half
    codes_OI = unpack(parts["weight_packed"], grid.bits, inputs) - half
    return Codes(codes_OI.to(torch.int8), scale_OG, None if zero_OG is None else zero_OG.to(torch.int8))


def to_gptq(codes: Codes, grid: Grid) -> dict[str, Tensor]:
    """The parts of a matrix in the GPTQ layout: inputs packed down the columns, zeros across, scales in fp16.

    Its first version stores zeros less one, which cannot be told of an asymmetric grid's lowest zero: those take the
    second version, which stores them as they are.
    """
    half, (rows, inputs) = -grid.lowest, codes.codes.shape
    num_groups = codes.scale.shape[1]
    if codes.zero is None:
        zeros_GO = torch.full((num_groups, rows), half - 1, dtype=torch.int16)
    else:
        zeros_GO = codes.zero.cpu().T.short() + half
    group_of_I = codes.group_of
    if group_of_I is None:
        group_of_I = torch.arange(inputs, dtype=torch.int32) // (inputs // num_groups)
    return {
        "qweight": pack(codes.codes.short() + half, grid.bits).T,
        "qzeros": pack(zeros_GO, grid.bits),
        "scales": codes.scale.T.to(torch.float16),
        "g_idx": group_of_I,
    }


def from_gptq(parts: Mapping[str, Tensor], grid: Grid, version: int) -> Codes:
    """What `to_gptq` stored, or GPTQModel and its predecessors, whose zeros are of the `version` 1 or 2."""
    half, group_of_I = -grid.lowest, parts["g_idx"]
    scale_OG = parts["scales"].T.contiguous()
    inputs, num_groups = len(group_of_I), scale_OG.shape[1]
    neighbours_I = torch.arange(inputs, device=group_of_I.device) // -(-inputs // num_groups)
    is_mixed = not torch.equal(group_of_I.long(), neighbours_I)
    zeros_GO = unpack(parts["qzeros"], grid.bits, scale_OG.shape[0]) + (1 if version == 1 else 0)
    zero_OG = ((zeros_GO & ((1 << grid.bits) - 1)) - half).T.to(torch.int8).contiguous()
    codes_OI = (unpack(parts["qweight"].T.contiguous(), grid.bits, inputs) - half).to(torch.int8)
    return Codes(codes_OI, scale_OG, zero_OG if bool(zero_OG.any()) else None, group_of_I if is_mixed else None)


def config_of(grid: Grid, layout: Layout, *, plain: list[str], order: str, activations: bool) -> dict[str, Any]:
    """`quantization_config` of a model whose linear layers all lie on `grid`, but for those called `plain`."""
    if layout == "gptq":
        return {
            "quant_method": "gptq",
            "bits": grid.bits,
            "group_size": grid.group or -1,
            "desc_act": order == "group",
            "static_groups": order == "static",
            "sym": grid.symmetric,
            "lm_head": False,
            "checkpoint_format": "gptq" if grid.symmetric else "gptq_v2",
            "pack_dtype": "int32",
            "dynamic": {f"-:^{name.replace('.', chr(92) + '.')}$": {} for name in plain},
        }
    weights: dict[str, Any] = {
        "num_bits": grid.bits,
        "type": "float" if grid.floats else "int",
        "symmetric": grid.symmetric,
        "strategy": "group" if grid.group else "channel",
        "group_size": grid.group,
        "dynamic": False,
        "actorder": "static" if order == "static" else None,
    }
    inputs = {**weights, "strategy": "token", "group_size": None, "symmetric": True, "dynamic": True, "actorder": None}
    group = {"targets": ["Linear"], "weights": weights, "input_activations": inputs if activations else None}
    return {
        "quant_method": "compressed-tensors",
        "format": "float-quantized" if grid.floats else "int-quantized" if activations else "pack-quantized",
        "quantization_status": "compressed",
        "config_groups": {"group_0": group},
        "ignore": plain,
    }


def reader(config: Mapping[str, Any]) -> Callable[[Mapping[str, Tensor]], Codes] | None:
    """What makes codes of the parts of a matrix, by a checkpoint's `quantization_config`; None for what is not known:
    other widths, mixtures of them, activations scaled once and for all."""
    if config.get("quant_method") == "gptq":
        grid = Grid(config.get("bits", 0), None if config.get("group_size") == -1 else config.get("group_size"))
        version = 2 if config.get("checkpoint_format") == "gptq_v2" else 1
        known = grid.bits in (4, 8) and not any(config.get("dynamic", {}).values())
        return (lambda parts: from_gptq(parts, grid, version)) if known else None
    if config.get("quant_method") != "compressed-tensors" or len(config.get("config_groups") or {}) != 1:
        return None
    weights = next(iter(config["config_groups"].values()))["weights"]
    if weights["strategy"] not in ("group", "channel") or config.get("kv_cache_scheme"):
        return None
    is_float, bits = weights["type"] == "float", weights["num_bits"]
    if config["format"] not in ("pack-quantized", "int-quantized", "float-quantized") or bits not in (4, 8):
        return None
    grid = Grid(bits, weights.get("group_size"), weights.get("symmetric", True), is_float and bits == 8)
    return lambda parts: from_compressed(parts, grid)


def bits_of(config: Mapping[str, Any]) -> int:
    """How wide the codes of a checkpoint are that `reader` knows."""
    if config["quant_method"] == "gptq":
        return config["bits"]
    return next(iter(config["config_groups"].values()))["weights"]["num_bits"]

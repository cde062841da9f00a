"""LoftQ: an adapter that starts as what rounding took from each weight, as far as its rank reaches (Li et al. 2023)."""

# O outputs  I inputs  R rank

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from whet.base.errors import ModelError
from whet.kernels.dense import dense
from whet.kernels.quantized import Quantized
from whet.models.checkpoints.stored import Stored, local_folder
from whet.models.tuning.adapter_files import is_adapter
from whet.models.tuning.wrapper import NAME


def start_from_rounding(module: nn.Module, layers: Mapping[str, Any]) -> None:
    """Give LoRA layers of a quantized model (by name) the product B A nearest to what rounding took away.

    One step of the paper's algorithm 1, as PEFT's `replace_lora_weights_loftq` does it: the quantized weights stay as
    they are. Reads the weights that they were rounded from once more, one at a time. O(O I min(O, I)) a layer.
    """
    path = getattr(module, "name_or_path", "")
    if is_adapter(path):
        raise ModelError(
            "`init: loftq` needs the weights before rounding, and this base is an adapter",
            at="tuner.init",
            hint=f"whet merge {path}",
        )
    weights = Stored(local_folder(path))
    for name, layer in layers.items():
        weight = layer.base_layer.weight
        if isinstance(weight, Quantized):
            first, second = low_rank(weights[f"{name}.weight"].to(weight.device) - dense(weight), layer.r[NAME])
            root = layer.scaling[NAME] ** 0.5
            layer.lora_A[NAME].weight.data[: len(first)].copy_(first / root)
            layer.lora_B[NAME].weight.data[:, : len(first)].copy_(second / root)  # beyond the matrix's rank as it was


def low_rank(matrix_OI: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """A (R, I) and B (O, R) with the product B A that is nearest; both carry the roots of the singular values."""
    left_OK, values_K, right_KI = torch.linalg.svd(matrix_OI.float(), full_matrices=False)
    roots_R = values_K[:rank].sqrt()
    return roots_R[:, None] * right_KI[:rank], left_OK[:, :rank] * roots_R

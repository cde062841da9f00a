"""Starts of LoRA that are taken out of the frozen weights: noted beside a layer, and undone in what is stored."""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import copy
from typing import Any

import torch
from torch import Tensor

from whet.models.tuning.wrapper import NAME

# Buffers beside a layer whose frozen weight gave its start away.
START_A, START_B = "start_A", "start_B"


def keep_start(layer: Any) -> None:
    """Note the start that was taken out of the frozen weight: the export needs it to be an adapter of the original."""
    for name, matrix in ((START_A, layer.lora_A[NAME]), (START_B, layer.lora_B[NAME])):
        layer.register_buffer(name, matrix.weight.detach().clone())


def of_original(
    config: Any, tensors: Mapping[str, Tensor], starts: Mapping[str, Tensor]
) -> tuple[Any, dict[str, Tensor]]:
    """The same function as an adapter of the original weights: B A - B0 A0 with twice the rank.

    `starts` are the noted matrices by the names of the stored ones. Exact: nothing is decomposed again.
    """
    config = copy(config)
    config.r, config.init_lora_weights = 2 * config.r, True
    config.lora_alpha *= math.sqrt(2) if config.use_rslora else 2
    joined = dict(tensors)
    for name, start in starts.items():
        is_first = ".lora_A." in name
        joined[name] = torch.cat([tensors[name], start if is_first else -start], dim=0 if is_first else 1)
    return config, joined

"""Write a model with quantized linear layers, block by block, and prove what was written."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from whet.export.card import Card
from whet.export.folder import appearing
from whet.export.quantizing.coding import Told, calibrated, rounded, untold
from whet.export.quantizing.layers import Layers, choose
from whet.export.quantizing.method import Method
from whet.export.quantizing.original import Original
from whet.export.report import Measured, Report
from whet.export.sizes import check_room
from whet.export.weights import SHARD_BYTES, ready, skeleton, write_shards
from whet.export.writing import checked, write_generation_config, write_tokenizer
from whet.models.checkpoints.layouts import config_of, to_compressed, to_gptq
from whet.models.forward.heads import class_of

if TYPE_CHECKING:
    from whet.contracts.sample import Sample


def write_quantized(
    folder: Path,
    original: Original,
    method: Method,
    *,
    samples: Sequence[Sample] = (),
    keep: tuple[str, ...] = (),
    shard_bytes: int = SHARD_BYTES,
    card: Card | None = None,
    device: torch.device | str = "cpu",
    told: Told = untold,
    check: Callable[[Path], Report] | None = None,
) -> Report | None:
    """Write `folder` anew, whole or not at all: the model with its blocks' linear layers quantized, but for `keep`.

    One block and the activations of `samples` are in memory at a time, and a shard. `check` and `card` are those of
    `write_model`. Raises ModelError before anything is written where groups do not fit or the disk has no room.
    """
    model = skeleton(original.config)
    layers = choose(model, keep, method, original.path)
    method = method.fitted(original.dtype)
    method.check({piece.owner: shape for piece, shape in layers.chosen.items()})
    check_room(folder, _num_bytes(model, layers, method, original.dtype))
    idle: list[str] = []
    with appearing(folder) as part:
        if method.needs_data:
            codes = calibrated(original, method, layers, samples, torch.device(device), told, idle)
        else:
            codes = rounded(original, model, method, layers, torch.device(device), told)
        write_shards(part, _stored(codes, model, original, method), shard_bytes)
        config = _config(original, model, method, layers.plain)
        config.save_pretrained(part)
        write_tokenizer(part, original.tokenizer, None)
        write_generation_config(part, config, original.generation_config, original.tokenizer, None)
        card = card or Card(folder.resolve().name, original.path)
        card = replace(card, figures={**card.figures, "linear layers": method.describe()})
        count = sum(parameter.numel() for parameter in model.parameters())
        text = card.text(class_of(config), num_parameters=count, dtype=str(original.dtype).removeprefix("torch."))
        (part / "README.md").write_text(text, "utf-8")
        return checked(part, folder, _telling(check, idle) if check is not None and idle else check)


def _telling(check: Callable[[Path], Report], idle: Sequence[str]) -> Callable[[Path], Report]:
    """The check, whose report also says how many matrices of experts were rounded without having seen a token."""

    def prove(folder: Path) -> Report:
        report = check(folder)
        text = f"{len(idle)} matrices got no token, so they are rounded to nearest ({idle[0]}, ...)"
        return replace(report, measured={**report.measured, "idle experts": Measured(None, len(idle), text)})

    return prove


def _stored(
    codes: Iterator[tuple[str, Any]], model: nn.Module, original: Original, method: Method
) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of the files: the parts of codes by the layout's names, and the rest in the model's dtype."""
    for name, value in codes:
        if isinstance(value, Tensor):
            yield from ready([(name, value)], model, original.dtype)
            continue
        if method.layout == "gptq":
            parts = to_gptq(value, method.grid)
        else:
            parts = to_compressed(value, method.grid, not (method.grid.floats or method.activations))
        for part, tensor in parts.items():
            yield f"{name}.{part}", tensor.to("cpu").contiguous()


def _config(original: Original, model: nn.Module, method: Method, plain: list[str]) -> Any:
    config = copy.deepcopy(original.config)
    config._attn_implementation, config.use_cache, config.dtype = None, True, original.dtype
    config.architectures = [type(model).__name__]
    config.quantization_config = config_of(
        method.grid, method.layout, plain=plain, order=method.order, activations=method.activations
    )
    return config


def _num_bytes(model: nn.Module, layers: Layers, method: Method, dtype: torch.dtype) -> int:
    packed = sum(rows * inputs for rows, inputs in layers.chosen.values())
    total = sum(parameter.numel() for parameter in model.parameters())
    return int(packed * method.bits_a_weight / 8) + (total - packed) * dtype.itemsize


def folder_bytes(folder: Path) -> int:
    """Bytes of the weights in a folder."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))

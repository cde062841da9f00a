"""Linear layers that compute with rounded weights while the weights themselves are trained, through torchao."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from whet.base.errors import ModelError, missing_package
from whet.models.checkpoints.quantized import linears


def fake_quantize(module: nn.Module, bits: int, group: int, keep: tuple[str, ...]) -> None:
    """Replace the linear layers, but for the head and those with a pattern of `keep`, in place (on meta too).

    Parameters stay the objects that they are, under their names. Raises WhetError without torchao, and for groups that
    do not divide a layer's inputs.
    """
    qat = _package()
    size: dict[str, Any] = (
        {"granularity": "per_group", "group_size": group} if group else {"granularity": "per_channel"}
    )
    dtype = torch.int8 if bits == 8 else torch.int4  # type: ignore[attr-defined]
    config = qat.IntxFakeQuantizeConfig(dtype, is_symmetric=True, **size)
    for name, layer in linears(module, keep, "tuner.keep").items():
        if group and layer.in_features % group:
            raise ModelError(
                f"`{name}` has {layer.in_features:,} inputs, which groups of {group} do not divide",
                at="tuner.group",
                hint="tuner.group=0, one scale a row",
            )
        owner, _, leaf = name.rpartition(".")
        setattr(module.get_submodule(owner), leaf, qat.FakeQuantizedLinear.from_linear(layer, weight_config=config))


def rounded(layer: Any, weight: Tensor) -> Tensor:
    """What a layer computes with in place of `weight`; the weight itself for a layer that rounds nothing."""
    quantizer = getattr(layer, "weight_fake_quantizer", None)
    if quantizer is None:
        return weight
    with torch.no_grad():
        return quantizer(weight).to(weight.dtype)


def _package() -> Any:
    """torchao's quantization-aware training. Raises WhetError with what installs it."""
    try:
        from torchao.quantization import qat
    except ImportError:
        raise missing_package("torchao", "qat", "quantization-aware training") from None
    return qat

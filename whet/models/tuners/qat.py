"""QAT: every weight is trained, and every forward pass computes with it as it will be when it is quantized."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from whet.base.catalogue import tuner
from whet.base.settings import Natural
from whet.models.tuners.full import Full

if TYPE_CHECKING:
    from torch import Tensor, nn


@tuner("qat")
def qat(*, bits: Literal[4, 8] = 4, group: Natural = 32, keep: tuple[str, ...] = ()) -> Qat:
    """Full tuning with the linear layers' weights rounded in every forward pass (torchao's fake quantization).

    bits: of a weight
    group: inputs that share a scale; 0 is the whole row
    keep: regular expressions; linear layers with one in their name are not rounded, nor is the head
    """
    return Qat(bits, group, keep)


class Qat(Full):
    """Full tuning through torchao's `FakeQuantizedLinear`: symmetric integers, gradients straight through.

    What is trained and checkpointed are the weights before rounding; what is exported are the rounded ones, which
    `whet quantize --kind int4` (or int8) with the same groups finds on their grid again.
    """

    starts_from_weights = True  # torchao makes its layers out of those that are there

    def __init__(self, bits: int, group: int, keep: tuple[str, ...]) -> None:
        self._bits, self._group, self._keep = bits, group, keep

    def prepare(self, module: nn.Module) -> nn.Module:
        from whet.models.tuning.fake_quantized import fake_quantize

        fake_quantize(module, self._bits, self._group, self._keep)
        return super().prepare(module)

    def written(self, module: nn.Module, name: str, tensor: Tensor) -> Tensor:
        from whet.models.tuning.fake_quantized import rounded

        owner, _, leaf = name.rpartition(".")
        layer: Any = module.get_submodule(owner) if leaf == "weight" else None
        return rounded(layer, tensor)

"""Models without tokens: features in, logits out."""

from __future__ import annotations

from collections.abc import Sequence
from types import MethodType
from typing import Any

from torch import Tensor, nn

from whet.base.errors import ModelError
from whet.contracts.batch import Batch
from whet.contracts.model import PLAIN, Capabilities, Loaded, Readout
from whet.models.loading.capacity import check_memory
from whet.models.loading.context import BuildContext
from whet.models.loading.drawn import drawn


class FieldModel:
    """Runs a module on `batch.fields["features"]` (N, F); gives `logits` (N, C)."""

    def __init__(self, module: Any) -> None:
        self.module = module
        module.whet_run = MethodType(_run, module)

    def run(self, batch: Batch, want: frozenset[str], readout: Readout = PLAIN) -> dict[str, Tensor]:
        if want != {"logits"}:
            raise ModelError(f"a model without tokens gives `logits`, not {sorted(want)}", hint="objective: classify")
        if "features" not in batch.fields:
            raise ModelError("the data has no `features`", hint="name the columns under `data.train[0].columns`")
        return self.module.whet_run(batch.fields["features"])


def build_mlp(context: BuildContext, widths: Sequence[int], dropout: float) -> Loaded:
    """A perceptron with layers of `widths`, drawn from the context's seed."""
    num_bytes = 4 * sum((one + 1) * other for one, other in zip(widths[:-1], widths[1:], strict=True))
    check_memory(num_bytes, what="the model", at="model", hint="model.hidden=[64], and fewer features or classes")

    def build() -> nn.Module:
        layers: list[nn.Module] = []
        for width, following in zip(widths[:-2], widths[1:-1], strict=True):
            layers += [nn.Linear(width, following), nn.ReLU(), nn.Dropout(dropout)]
        return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]))

    reads = {"features": (widths[0],)}
    can = Capabilities(tokens=False, packed=False, head="none", generates=False, reads=reads)
    return drawn(build, context, can, FieldModel)


def _run(module: nn.Module, features_NF: Tensor) -> dict[str, Tensor]:
    weight = next(module.parameters())
    return {"logits": module(features_NF.to(weight.dtype))}

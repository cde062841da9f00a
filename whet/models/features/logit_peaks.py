"""Have attention layers note the largest logit of each head, for the optimizer that clips by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from whet.base.errors import ConfigError, ModelError
from whet.contracts.batch import Stream
from whet.contracts.feature import ModelFeature
from whet.contracts.model import Loaded
from whet.contracts.optimizer import Watched
from whet.kernels.attention import SegmentPlan, largest_logits
from whet.kernels.attention_spec import Form

if TYPE_CHECKING:
    from whet.contracts.feature import Around, Attend

NOTED = "whet_peaks"


class Peaks(ModelFeature):
    """While the model trains, each watched layer keeps the largest logit of each of its heads."""

    def install(self, model: Loaded) -> None:
        """Raises ModelError for a model that does not call our attention, and ConfigError as `_layers`."""
        if not model.capabilities.packed:
            raise ModelError("this model computes its attention itself", at="optimizer.kind", hint="optimizer: muon")
        _layers(model.module)

    def around(self, module: nn.Module, stream: Stream) -> Around | None:
        return _noting if module.training else None


def _noting(
    attend: Attend, layer: nn.Module, query: Tensor, key: Tensor, value: Tensor, plan: SegmentPlan, form: Form
) -> Tensor:
    peaks = getattr(layer, NOTED, None)
    if peaks is not None:
        torch.maximum(peaks, largest_logits(query, key, plan, form), out=peaks)
    return attend(query, key, value, plan, form)


def watch(module: nn.Module, device: torch.device) -> list[Watched]:
    """Every layer that notes its logits, with the parameters that it has now: for a module that carries `Peaks`."""
    found = []
    for layer, size in _layers(module):
        peaks = torch.zeros(layer.q_proj.weight.shape[0] // size, device=device)
        setattr(layer, NOTED, peaks)
        found.append(Watched(peaks, list(layer.q_proj.parameters()), list(layer.k_proj.parameters()), size))
    return found


def _layers(module: nn.Module) -> list[tuple[Any, int]]:
    """Every attention layer with separate, trained query and key projections, and the rows of one of its heads.

    Raises ConfigError where there are none, and where queries and keys are normalised: their logits do not grow.
    """
    found = []
    for layer in module.modules():
        query, key = getattr(layer, "q_proj", None), getattr(layer, "k_proj", None)
        size: Any = getattr(layer, "head_dim", None)
        if not (isinstance(query, nn.Linear) and isinstance(key, nn.Linear) and isinstance(size, int)):
            continue
        if getattr(layer, "q_norm", None) is not None:
            raise ConfigError("this model normalises queries, so their logits need no clip", hint="optimizer: muon")
        if query.weight.requires_grad and key.weight.requires_grad:
            found.append((layer, size))
    if not found:
        raise ConfigError("no attention layer with trained query and key projections", hint="optimizer: muon")
    return found

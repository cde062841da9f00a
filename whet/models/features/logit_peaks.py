"""Have attention layers note the largest logit of each head, for the optimizer that clips by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from whet.base.errors import ConfigError
from whet.contracts.batch import Stream
from whet.contracts.feature import ModelFeature
from whet.contracts.optimizer import Watched
from whet.kernels.attention import SegmentPlan, largest_logits
from whet.kernels.attention_spec import Form
from whet.models.features.carried import carry

if TYPE_CHECKING:
    from whet.contracts.feature import Around, Attend

NOTED = "whet_peaks"


class Peaks(ModelFeature):
    """While the model trains, each watched layer keeps the largest logit of each of its heads."""

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
    """Every attention layer with separate, trained query and key projections; from now on it notes its logits.

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
            peaks = torch.zeros(query.weight.shape[0] // size, device=device)
            setattr(layer, NOTED, peaks)
            found.append(Watched(peaks, list(query.parameters()), list(key.parameters()), size))
    if not found:
        raise ConfigError("no attention layer with trained query and key projections", hint="optimizer: muon")
    carry(module, Peaks())
    return found

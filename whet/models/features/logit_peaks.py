"""Have attention layers note the largest logit of each head, for the optimizer that clips by it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from whet.contracts.batch import Stream
from whet.contracts.feature import ModelFeature
from whet.contracts.optimizer import Watched
from whet.kernels.attention import SegmentPlan, largest_logits
from whet.kernels.attention_spec import Form

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
    """Every layer that notes its logits, with the parameters that it has now: for a module that carries `Peaks`."""
    found = []
    for layer in (layer for layer in projecting(module) if is_trained(layer)):
        peaks = torch.zeros(layer.q_proj.weight.shape[0] // layer.head_dim, device=device)
        setattr(layer, NOTED, peaks)
        projections = list(layer.q_proj.parameters()), list(layer.k_proj.parameters())
        found.append(Watched(peaks, *projections, layer.head_dim))
    return found


def projecting(module: nn.Module) -> Iterator[Any]:
    """Attention layers that project to queries and to keys by a linear layer each."""
    for layer in module.modules():
        projections = getattr(layer, "q_proj", None), getattr(layer, "k_proj", None)
        if all(isinstance(one, nn.Linear) for one in projections) and isinstance(getattr(layer, "head_dim", None), int):
            yield layer


def is_trained(layer: Any) -> bool:
    """Whether both projections of the layer are."""
    return layer.q_proj.weight.requires_grad and layer.k_proj.weight.requires_grad


def normalises(layer: Any) -> bool:
    """Whether the layer normalises queries: its logits do not grow then."""
    return getattr(layer, "q_norm", None) is not None

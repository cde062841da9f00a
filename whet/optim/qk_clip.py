"""QK-clip: queries and keys shrink once a head's largest attention logit passes a threshold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn import Parameter

from whet.contracts.optimizer import Optimizer, Watched
from whet.kernels.layout import Layout, local
from whet.optim.row_chunks import as_rows
from whet.optim.wrapped import Wrapped


class QKClip(Wrapped):
    """After each step of `inner`, multiply what exceeds (Kimi K2 2025, algorithm 1, without latent attention).

    A head whose largest logit S of the step was above the threshold t is scaled by t / S: half of it (as a root) on
    queries and half on keys, or all on the queries where several heads share a key.
    """

    def __init__(self, inner: Optimizer, threshold: float) -> None:
        super().__init__(inner)
        self._threshold = threshold
        self._watched: Sequence[Watched] = ()

    def attach(self, watched: Sequence[Watched]) -> None:
        self._watched = watched

    def begin_step(self) -> None:
        """Forget logits of passes that were no training, such as those that measure memory."""
        for layer in self._watched:
            layer.peaks.zero_()
        super().begin_step()

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        self.inner.step()
        for layer in self._watched:
            peaks = _over_ranks(layer)
            gamma = (self._threshold / peaks.clamp_min(1e-30)).clamp_max(1.0)
            shared = layer.keys[0].shape[0] != layer.queries[0].shape[0]
            for parameter in layer.queries:
                _scale(parameter, gamma if shared else gamma.sqrt(), layer.head_rows)
            for parameter in () if shared else layer.keys:
                _scale(parameter, gamma.sqrt(), layer.head_rows)


def _over_ranks(layer: Watched) -> Tensor:
    """The largest logit of each head over all ranks of the queries' mesh: they see other samples, or other heads."""
    mesh = Layout.of(layer.queries[0]).mesh
    for group in mesh.get_all_groups() if mesh is not None else ():
        dist.all_reduce(layer.peaks, op=dist.ReduceOp.MAX, group=group)
    return layer.peaks


def _scale(parameter: Parameter, factors_H: Tensor, head_rows: int) -> None:
    rows = as_rows(local(parameter.detach()))
    first = Layout.of(parameter).first_row
    factors = factors_H.repeat_interleave(head_rows)[first : first + len(rows)]
    rows.mul_(factors.to(rows.dtype).unsqueeze(1))

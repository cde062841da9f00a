"""Optimizer: what the executor drives, a torch optimizer that is told where a step stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor
from torch.nn import Parameter


@dataclass(frozen=True)
class Watched:
    """One attention layer: where it notes each head's largest logit, and what makes its queries and keys.

    `queries` and `keys` are weights, and biases where there are any, whose rows are `head_rows` a head.
    """

    peaks: Tensor
    queries: Sequence[Parameter]
    keys: Sequence[Parameter]
    head_rows: int


class Optimizer(torch.optim.Optimizer):
    """A torch optimizer and the moments of a step. They are called in the order they stand here; all but `step` do
    nothing unless a kind says otherwise, and a plain torch optimizer is taken as one that says nothing
    (`whet.optim.adapted`).

    What it wants of the run beside gradients its kind declares (`needs`, `whet.base.facts`). `clock` counts its steps,
    where it counts any; the count is stored with the state.
    """

    clock: int | None = None

    @property
    def parts(self) -> Sequence[Optimizer]:
        """The optimizers that parameters are dealt to: itself, unless it is several in one."""
        return (self,)

    def attach(self, watched: Sequence[Watched]) -> None:
        """Once, before the first step: the layers that note attention logits, where the kind needs them."""

    def begin_step(self) -> None:
        """Before the first forward pass of a step. A step that starts again begins again."""

    def before_last_backward(self) -> None:
        """Before the backward pass after which the step's gradients are whole."""

    def after_backward(self) -> Tensor | None:
        """When the step's gradients are whole. Of those that it has taken out of the parameters it returns the sum of
        squares (), float64, which counts for the step's norm beside those that are left."""
        return None

    def clip(self, factor: float) -> None:
        """Scale the gradients that it has taken by what the others were scaled by."""

    def abort(self) -> None:
        """Instead of `step`, at any moment before it: the step is given up, and weights and state are as before it."""

    def update(self, group: Mapping[str, Any], parameters: Sequence[Tensor]) -> None:
        """Step these parameters of `group` alone, where the kind declares `one_by_one`."""
        raise NotImplementedError

    def settle(self) -> None:
        """After the last `update` of a step, and at the end of `step`: return when its state lies where it is kept."""

    @property
    def wants_curvature(self) -> bool:
        """After a step: whether `curve` is due, with gradients of labels that are drawn from the model."""
        return False

    def curve(self, scale: float) -> None:
        """Take the gradients as they are: those of a mean over `scale` drawn labels."""

    def evaluation_weights(self) -> AbstractContextManager[None]:
        """Inside, parameters hold the weights to evaluate and to write; afterwards their own bits again."""
        return nullcontext()

    def blank(self, parameter: Tensor, key: str, size: torch.Size, dtype: torch.dtype) -> Tensor | None:
        """A tensor to load the state entry `key` into, or None where another rank keeps it: sharded like its parameter
        where the shapes are equal."""
        if isinstance(parameter, DTensor) and parameter.shape == size:
            return torch.empty_like(parameter, dtype=dtype)
        return torch.empty(size, dtype=dtype, device=parameter.device if len(size) else "cpu")

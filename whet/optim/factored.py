"""Second moments of a matrix kept as its row and column means: Adafactor and CAME."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from whet.kernels.wide import wide
from whet.optim import codecs
from whet.optim.codecs import Format, stored_as
from whet.optim.direction import Direction, Outer, Scaled, Term, mean_squares
from whet.optim.elementwise import M, rms
from whet.optim.groups import NamedParameter
from whet.optim.rules import At, DecayForm, Whole, WholeRule


class Adafactor(WholeRule):
    """Shazeer and Stern 2018, algorithm 4, as torch.optim.Adafactor computes it: no momentum, decoupled decay.

    The rate is relative: times the weight's root mean square, and at most 1/sqrt(step). Matrices are factored over
    their last two dimensions, vectors keep a number an element.
    """

    decay_form: DecayForm = "factor"
    needs_weights = True

    def __init__(self, decay_power: float, eps: float, clip: float) -> None:
        self.decay_power, self.eps, self.clip = decay_power, eps, clip

    def begin(self, named: NamedParameter, device: torch.device) -> dict[str, Any]:
        return factors("v", named, device)

    def directions(self, wholes: Sequence[Whole], at: At) -> Iterator[Direction]:
        rate = 1.0 if at.lr == 0 else min(1.0, at.step**-0.5 / at.lr)
        for whole in wholes:
            yield [self._direction(whole, rate, at.step**self.decay_power)]

    def _direction(self, whole: Whole, rate: float, share: float) -> Term:
        """Matrices are never held: a chunk of the update is one product of its row and column factors."""
        grad, state = whole.grad, whole.state
        tiny = torch.finfo(grad.dtype).eps
        assert whole.square is not None
        size = (whole.square / grad.numel()).sqrt().clamp_min(self.eps) * rate
        if grad.dim() < 2:
            estimate = state["v"].lerp_(grad.square(), share)
            update = estimate.clamp_min(tiny * tiny).rsqrt_().mul_(grad)
            return Scaled(update, size / (rms(update) / self.clip).clamp_(min=1.0))
        rows, columns = mean_squares(grad)
        row, column = state["v_row"].lerp_(rows, share), state["v_column"].lerp_(columns, share)
        row = row / row.mean(-2, keepdim=True).clamp_min(tiny)
        update = Outer(grad, row.rsqrt_(), column.rsqrt(), 1 / tiny)
        length = (update.square() / grad.numel()).sqrt()
        return update.times(size / (length / self.clip).clamp_(min=1.0))


class Came(WholeRule):
    """Luo et al. 2023, algorithm 2: a factored second moment, and less where the update disagrees with its average."""

    decay_form: DecayForm = "sum"
    needs_weights = False

    def __init__(self, betas: tuple[float, float, float], eps: tuple[float, float], clip: float, state: Format) -> None:
        self.betas, self.eps, self.clip, self.format = betas, eps, clip, state

    def begin(self, named: NamedParameter, device: torch.device) -> dict[str, Any]:
        shape = named.parameter.shape
        kind = wide(named.parameter.dtype)
        made = codecs.begin(M, shape, stored_as(shape, self.format), kind, device)
        residual = factors("residual_of", named, device) if len(shape) > 1 else {}
        return {**made, **factors("v", named, device), **residual}

    def directions(self, wholes: Sequence[Whole], at: At) -> Iterator[Direction]:
        for whole in wholes:
            yield [self._direction(whole, whole.key("m", at.step))]

    def _direction(self, whole: Whole, key: int) -> Term:
        grad, state, stored = whole.grad, whole.state, stored_as(whole.grad.shape, self.format)
        is_matrix = grad.dim() > 1
        squares = grad.square().add_(self.eps[0])
        if is_matrix:
            row, column = self._inverse_roots(state, "v", squares, self.betas[1])
            update = (row * column).mul_(grad)
        else:
            update = state["v"].lerp_(squares, 1 - self.betas[1]).rsqrt().mul_(grad)
        update.div_((rms(update) / self.clip).clamp_(min=1.0))
        m = codecs.read(state, M, stored).lerp_(update, 1 - self.betas[0])
        codecs.write(state, M, stored, m, key=key)
        if not is_matrix:
            return Scaled(m)
        instability = update.sub_(m).square_().add_(self.eps[1])
        return Outer(m, *self._inverse_roots(state, "residual_of", instability, self.betas[2]))

    def _inverse_roots(self, state: dict[str, Any], name: str, squares: Tensor, beta: float) -> tuple[Tensor, Tensor]:
        row = state[f"{name}_row"].lerp_(squares.mean(-1, keepdim=True), 1 - beta)
        column = state[f"{name}_column"].lerp_(squares.mean(-2, keepdim=True), 1 - beta)
        return (row / row.mean(-2, keepdim=True)).rsqrt_(), column.rsqrt()


def factors(name: str, named: NamedParameter, device: torch.device) -> dict[str, Tensor]:
    """Zeros for the row and column means of a matrix (..., M, N), or for each element of a vector."""
    shape, kind = list(named.parameter.shape), wide(named.parameter.dtype)
    if len(shape) < 2:
        return {name: torch.zeros(shape, dtype=kind, device=device)}
    return {
        f"{name}_row": torch.zeros(*shape[:-1], 1, dtype=kind, device=device),
        f"{name}_column": torch.zeros(*shape[:-2], 1, shape[-1], dtype=kind, device=device),
    }

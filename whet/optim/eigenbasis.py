"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner."""

# M rows  N columns of one matrix

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from whet.kernels.wide import wide
from whet.optim import codecs
from whet.optim.codecs import Format, stored_as
from whet.optim.direction import Direction, Product, Scaled, assembled
from whet.optim.elementwise import M, V
from whet.optim.groups import NamedParameter
from whet.optim.rules import At, DecayForm, Whole, WholeRule


class Soap(WholeRule):
    """Vyas et al. 2024, algorithm 3. The first step only measures.

    Averages of G G^T and G^T G are diagonalised once, and every `every` steps followed by one power iteration and a QR
    decomposition. A side longer than `largest` keeps its own basis. The momentum is kept in the eigenbasis and turned
    with it, which is the published rule with two products less a step.
    """

    decay_form: DecayForm = "late"
    needs_weights = False

    def __init__(
        self, betas: tuple[float, float], shampoo: float, eps: float, every: int, largest: int, state: Format
    ) -> None:
        self.betas, self.shampoo, self.eps, self.every = betas, shampoo, eps, every
        self.largest, self.format = largest, state

    def begin(self, named: NamedParameter, device: torch.device) -> dict[str, Any]:
        shape, kind = named.parameter.shape, wide(named.parameter.dtype)
        stored = stored_as(shape, self.format)
        state = {**codecs.begin(M, shape, stored, kind, device), **codecs.begin(V, shape, stored, kind, device)}
        for side, size in (("left", shape[-2]), ("right", shape[-1])):
            if size <= self.largest:
                for name in (side, f"{side}_basis"):
                    state[name] = torch.zeros(*shape[:-2], size, size, dtype=kind, device=device)
        return state

    def directions(self, wholes: Sequence[Whole], at: At) -> Iterator[Direction]:
        for whole in wholes:
            yield self._direction(whole, at)

    def _direction(self, whole: Whole, at: At) -> Direction:
        if at.step == 1:
            self._observe(whole)
            for side in ("left", "right"):
                if side in whole.state:
                    whole.state[f"{side}_basis"].copy_(torch.linalg.eigh(whole.state[side])[1].flip(-1))
            return []
        state, count, stored = whole.state, at.step - 1, stored_as(whole.grad.shape, self.format)
        grad = rotated(whole.grad, state)
        m = codecs.read(state, M, stored).lerp_(grad, 1 - self.betas[0])
        v = codecs.read(state, V, stored).mul_(self.betas[1]).addcmul_(grad, grad, value=1 - self.betas[1])
        scales = v.sqrt().add_(self.eps)
        factor = (1 - self.betas[1] ** count) ** 0.5 / (1 - self.betas[0] ** count)
        direction = unrotated(torch.div(m, scales, out=scales), state, factor)
        self._observe(whole)
        if count % self.every == 0:
            m, v = self._turn(state, m, v)
            if stored.format == "fp32":
                state["m"].copy_(m)
                state["v"].copy_(v)
        codecs.write(state, M, stored, m, key=whole.key("m", at.step))
        codecs.write(state, V, stored, v, key=whole.key("v", at.step))
        return [direction]

    def _observe(self, whole: Whole) -> None:
        grad, state = whole.grad, whole.state
        if "left" in state:
            state["left"].lerp_(grad @ grad.mT, 1 - self.shampoo)
        if "right" in state:
            state["right"].lerp_(grad.mT @ grad, 1 - self.shampoo)

    def _turn(self, state: dict[str, Any], m: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Renew both bases: `m` is turned into them, and `v` follows the order of their eigenvalues."""
        m = assembled([unrotated(m, state)], m)
        for side, dim in (("left", -2), ("right", -1)):
            if side not in state:
                continue
            basis = state[f"{side}_basis"]
            moved = state[side] @ basis
            order = (basis * moved).sum(-2).argsort(dim=-1, descending=True)
            v = v.gather(dim, (order.unsqueeze(-1) if dim == -2 else order.unsqueeze(-2)).expand_as(v))
            columns = order.unsqueeze(-2).expand_as(moved)
            # A new tensor: this step's direction is still to be multiplied by the old one.
            state[f"{side}_basis"] = torch.linalg.qr(moved.gather(-1, columns))[0]
        return rotated(m, state), v


def rotated(matrix: Tensor, state: dict[str, Any]) -> Tensor:
    """The matrix in the eigenbasis, as a new tensor."""
    if "left_basis" in state:
        matrix = state["left_basis"].mT @ matrix
    return matrix @ state["right_basis"] if "right_basis" in state else matrix.clone()


def unrotated(matrix: Tensor, state: dict[str, Any], factor: float = 1.0) -> Product | Scaled:
    """Back from the eigenbasis."""
    if "right_basis" in state:
        matrix = matrix @ state["right_basis"].mT
    return Product(state["left_basis"], matrix, factor) if "left_basis" in state else Scaled(matrix, factor)

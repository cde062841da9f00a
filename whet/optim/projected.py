"""Adam on a low-rank picture of the gradient: GaLore, Fira, Q-GaLore, and APOLLO, which takes only its scale."""

# M rows  N columns  R rank

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Literal

import torch
from torch import Tensor

from whet.base.seeds import derive
from whet.kernels.wide import wide
from whet.optim import codecs
from whet.optim.codecs import Entry, Format, stored_as
from whet.optim.direction import Direction, Product, Scaled, mean_squares
from whet.optim.elementwise import M, V, normalised
from whet.optim.groups import NamedParameter
from whet.optim.rules import At, DecayForm, Whole, WholeRule

Basis = Literal["svd", "gram"]
BASIS = Entry("basis", True)


def is_right(shape: Sequence[int]) -> bool:
    """Whether the smaller side, which is projected, is the columns."""
    return shape[-2] >= shape[-1]


def low_shape(shape: Sequence[int], rank: int) -> list[int]:
    """(M, R) where the columns are projected, else (R, N)."""
    return [*shape[:-1], rank] if is_right(shape) else [*shape[:-2], rank, shape[-1]]


def basis_shape(shape: Sequence[int], rank: int) -> list[int]:
    """(R, N) where the columns are projected, else (M, R)."""
    return [*shape[:-2], rank, shape[-1]] if is_right(shape) else [*shape[:-1], rank]


def down(grad: Tensor, basis: Tensor) -> Tensor:
    return grad @ basis.mT if is_right(grad.shape) else basis.mT @ grad


def back(low: Tensor, basis: Tensor, shape: Sequence[int], factor: float = 1.0) -> Product:
    return Product(low, basis, factor) if is_right(shape) else Product(basis, low, factor)


def top_directions(grad: Tensor, rank: int, how: Basis) -> Tensor:
    """The leading singular vectors of the smaller side, orthonormal.

    `svd` takes them from the decomposition of the gradient, as GaLore does; `gram` from the eigenvectors of its smaller
    Gram matrix, which costs less and loses directions below 1e-3 of the largest.
    """
    right = is_right(grad.shape)
    if how == "gram":
        _, vectors = torch.linalg.eigh(grad.mT @ grad if right else grad @ grad.mT)
        leading = vectors[..., -rank:].flip(-1)
        return leading.mT.contiguous() if right else leading.contiguous()
    u, _, vh = torch.linalg.svd(grad, full_matrices=False)
    return vh[..., :rank, :].contiguous() if right else u[..., :rank].contiguous()


def facing(fresh: Tensor, old: Tensor, right: bool) -> Tensor:
    """The new basis with each direction turned to the side on which the old one with its number lies.

    A singular vector's sign is the decomposition's whim: it differs between libraries and processors, while moments
    keep the signs they were gathered with. Published codes take the sign as it comes, so after their second basis they
    go different ways on different machines.
    """
    side = (fresh * old).sum(-1 if right else -2, keepdim=True)
    return torch.where(side < 0, -fresh, fresh)


def random_basis(shape: Sequence[int], rank: int, seed: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Normal with variance 1/R, the same on every device."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(basis_shape(shape, rank), generator=generator) / rank**0.5).to(device, dtype)


def first_seed(seed: int, name: str) -> int:
    """The seed of a tensor's first basis. Published code counts the tensors instead: ranks that hold different ones
    would then draw other bases than one process."""
    return derive(seed, "basis", name)


@lru_cache(maxsize=4096)
def seed_after(first: int, redraws: int) -> int:
    """The seed after so many redraws: each is the last of 15 integers that its predecessor draws."""
    seed = first
    for _ in range(redraws):
        generator = torch.Generator().manual_seed(seed)
        seed = int(torch.randint(torch.iinfo(torch.int64).max, (15,), generator=generator, dtype=torch.int64)[-1])
    return seed


class LowRank(WholeRule):
    """Adam's moments of the low-rank gradient, and when its basis is renewed."""

    decay_form: DecayForm = "late"
    needs_weights = False

    def __init__(self, rank: int, gap: int, betas: tuple[float, float], eps: float, state: Format) -> None:
        self.rank, self.gap, self.betas, self.eps, self.format = rank, gap, betas, eps, state

    def begin(self, named: NamedParameter, device: torch.device) -> dict[str, Any]:
        shape, kind = named.parameter.shape, wide(named.parameter.dtype)
        low = low_shape(shape, self.rank)
        stored = stored_as(low, self.format)
        basis = torch.zeros(basis_shape(shape, self.rank), dtype=kind, device=device)
        return {
            **codecs.begin(M, low, stored, kind, device),
            **codecs.begin(V, low, stored, kind, device),
            "basis": basis,
        }

    def is_due(self, at: At) -> bool:
        """Steps 1, gap + 1, 2 gap + 1, ..."""
        return (at.step - 1) % self.gap == 0

    def normalised(self, whole: Whole, low: Tensor, at: At) -> Tensor:
        """m / (sqrt(v) + eps) of the low-rank gradient, not corrected for its start."""
        stored = stored_as(low.shape, self.format)
        m, v = codecs.read(whole.state, M, stored), codecs.read(whole.state, V, stored)
        (normal,) = normalised([low], [m], [v], self.betas, self.eps, math.inf)
        codecs.write(whole.state, M, stored, m, key=whole.key("m", at.step))
        codecs.write(whole.state, V, stored, v, key=whole.key("v", at.step))
        return normal

    def correction(self, at: At) -> float:
        return (1 - self.betas[1] ** at.step) ** 0.5 / (1 - self.betas[0] ** at.step)


class GaLore(LowRank):
    """Zhao et al. 2024, algorithm 2. The moments stay as they are when the basis changes, as in the published code.

    Other than there, the new directions face the way of the old ones (`facing`).
    """

    def __init__(
        self, rank: int, gap: int, scale: float, basis: Basis, betas: tuple[float, float], eps: float, state: Format
    ) -> None:
        super().__init__(rank, gap, betas, eps, state)
        self.scale, self.how = scale, basis

    def directions(self, wholes: Sequence[Whole], at: At) -> Iterator[Direction]:
        for whole in wholes:
            yield self._direction(whole, at, self.scale * self.correction(at))

    def basis(self, whole: Whole, at: At) -> Tensor:
        basis = whole.state["basis"]
        if self.is_due(at):
            fresh = top_directions(whole.grad, self.rank, self.how)
            basis.copy_(facing(fresh, basis, is_right(whole.grad.shape)))  # the first one faces nothing, and stays
        return basis

    def _direction(self, whole: Whole, at: At, factor: float) -> Direction:
        basis = self.basis(whole, at)
        return [back(self.normalised(whole, down(whole.grad, basis), at), basis, whole.grad.shape, factor)]


class QGaLore(GaLore):
    """Zhang et al. 2024: the basis in 8 bits, and renewed half as often once its first direction stays put.

    Their code averages the plain cosine of two singular vectors, whose sign is arbitrary; this takes its size.
    """

    def __init__(self, *arguments: Any, similarity: float, window: int) -> None:
        super().__init__(*arguments)
        self.similarity, self.window = similarity, window

    def begin(self, named: NamedParameter, device: torch.device) -> dict[str, Any]:
        shape = basis_shape(named.parameter.shape, self.rank)
        state = {k: v for k, v in super().begin(named, device).items() if k != "basis"}
        made = codecs.begin(BASIS, shape, stored_as(shape, "8bit"), wide(named.parameter.dtype), device)
        # On the CPU, so that a step knows without waiting for the device whether it is due.
        return {**state, **made, "gap": torch.tensor([self.gap, 0]), "cosines": torch.zeros(0)}

    def basis(self, whole: Whole, at: At) -> Tensor:
        state, shape = whole.state, basis_shape(whole.grad.shape, self.rank)
        stored = stored_as(shape, "8bit")
        gap, last = state["gap"].tolist()
        if at.step == 1 or at.step - last >= gap:
            fresh = top_directions(whole.grad, self.rank, self.how)
            if at.step > 1:
                old, right = codecs.read(state, BASIS, stored), is_right(whole.grad.shape)
                fresh = facing(fresh, old, right)
                self._compare(state, old, fresh, right)
            state["gap"][1] = at.step
            codecs.write(state, BASIS, stored, fresh)
            if stored.format == "fp32":
                state["basis"].copy_(fresh)
        return codecs.read(state, BASIS, stored)

    def _compare(self, state: dict[str, Any], old: Tensor, new: Tensor, right: bool) -> None:
        """Note how far the first direction has turned; once it hardly does, wait twice as long."""
        first = [basis[..., 0, :] if right else basis[..., 0] for basis in (old, new)]
        cosine = torch.nn.functional.cosine_similarity(first[0], first[1], dim=-1).abs().mean().cpu().reshape(1)
        state["cosines"] = torch.cat([state["cosines"], cosine])[-self.window :]
        if len(state["cosines"]) == self.window and state["cosines"].mean() >= self.similarity:
            state["gap"][0] *= 2


class Fira(GaLore):
    """Chen et al. 2024, algorithm 1: what the projection misses is added, scaled as Adam scaled what it kept."""

    def __init__(self, *arguments: Any, growth: float) -> None:
        super().__init__(*arguments)
        self.growth = growth

    def begin(self, named: NamedParameter, device: torch.device) -> dict[str, Any]:
        return {**super().begin(named, device), "norm": start_norm(named, device)}

    def _direction(self, whole: Whole, at: At, factor: float) -> Direction:
        basis, shape = self.basis(whole, at), whole.grad.shape
        low = down(whole.grad, basis)
        normal = self.normalised(whole, low, at)
        missed = whole.grad.clone()
        back(low, basis, shape).add_to(missed, -1.0)
        scale = channel_scale(normal, low, shape)
        excess = excess_of(scaled_norm(missed, scale), whole.state["norm"], self.growth)
        return [back(normal, basis, shape, factor), Scaled(missed, scale / excess * factor)]


class Apollo(LowRank):
    """Zhu et al. 2024, algorithm 1: the full gradient, scaled by how Adam scales a random low-rank picture of it.

    Written from the paper's equations. `channel` has a factor for each row or column of the larger side, `tensor` one
    for all (APOLLO-Mini). The basis is redrawn every `gap` steps from a seed, so it needs no storing: `stored=False`
    draws it again in every step.
    """

    def __init__(
        self,
        rank: int,
        gap: int,
        scale: float,
        granularity: Literal["channel", "tensor"],
        growth: float,
        is_scaled_first: bool,
        is_stored: bool,
        betas: tuple[float, float],
        eps: float,
        state: Format,
        seed: int,
    ) -> None:
        super().__init__(rank, gap, betas, eps, state)
        self.scale, self.granularity, self.growth, self.seed = scale**0.5, granularity, growth, seed
        self.is_scaled_first, self.is_stored = is_scaled_first, is_stored

    def begin(self, named: NamedParameter, device: torch.device) -> dict[str, Any]:
        state = {**super().begin(named, device), "norm": start_norm(named, device)}
        return state if self.is_stored else {k: v for k, v in state.items() if k != "basis"}

    def directions(self, wholes: Sequence[Whole], at: At) -> Iterator[Direction]:
        for whole in wholes:
            yield [Scaled(whole.grad, self._factor(whole, at).mul_(self.correction(at)))]

    def _factor(self, whole: Whole, at: At) -> Tensor:
        """What multiplies each channel of the gradient, or all of it: the step itself is one pass over the weights."""
        low = down(whole.grad, self._basis(whole, at))
        normal = self.normalised(whole, low, at)
        if self.granularity == "channel":
            scale = channel_scale(normal, low, whole.grad.shape)
        else:
            norms = [torch.linalg.matrix_norm(x, keepdim=True) for x in (normal, low)]
            scale = norms[0] / (norms[1] + 1e-8)
        first, then = (self.scale, 1.0) if self.is_scaled_first else (1.0, self.scale)
        scale = scale.mul_(first)
        excess = excess_of(scaled_norm(whole.grad, scale), whole.state["norm"], self.growth)
        return scale.div_(excess).mul_(then)

    def _basis(self, whole: Whole, at: At) -> Tensor:
        if self.is_stored and not self.is_due(at):
            return whole.state["basis"]
        seed = seed_after(first_seed(self.seed, whole.named.name), (at.step - 1) // self.gap)
        drawn = random_basis(whole.grad.shape, self.rank, seed, whole.grad.device, whole.grad.dtype)
        return whole.state["basis"].copy_(drawn) if self.is_stored else drawn


def channel_scale(normal: Tensor, low: Tensor, shape: Sequence[int]) -> Tensor:
    """How much Adam scaled each row (M, 1) or column (1, N) of the larger side."""
    dim = -1 if is_right(shape) else -2
    return normal.norm(dim=dim, keepdim=True) / (low.norm(dim=dim, keepdim=True) + 1e-8)


def start_norm(named: NamedParameter, device: torch.device) -> Tensor:
    """The limiter's memory before the first step: nothing is too long after it."""
    return torch.full((*named.parameter.shape[:-2], 1, 1), torch.inf, dtype=wide(named.parameter.dtype), device=device)


def scaled_norm(matrix: Tensor, scale: Tensor) -> Tensor:
    """The norm (..., 1, 1) of `matrix` x `scale`, which has a number a row, a column or a matrix."""
    if scale.shape[-2:] == (1, 1):
        return torch.linalg.matrix_norm(matrix, keepdim=True) * scale
    rows, columns = mean_squares(matrix)
    squares = rows * matrix.shape[-1] if scale.shape[-1] == 1 else columns * matrix.shape[-2]
    return (squares * scale.square()).sum((-2, -1), keepdim=True).sqrt()


def excess_of(norm: Tensor, before: Tensor, growth: float) -> Tensor:
    """What an update of this norm is divided by, so that it is at most `growth` times as long as the last one.

    Fira, equation 8. `before` is the last one's norm, and becomes this one's.
    """
    excess = (norm / (before + 1e-8)).clamp_(min=growth).div_(growth)
    before.copy_(norm / excess)
    return excess

"""Muon: momentum made orthogonal by Newton-Schulz iterations, and NorMuon, which evens out its rows."""

# M rows  N columns of one matrix

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from whet.base.errors import ConfigError
from whet.kernels.wide import wide
from whet.optim import codecs
from whet.optim.codecs import Format, stored_as
from whet.optim.direction import Direction, Scaled
from whet.optim.elementwise import M
from whet.optim.groups import NamedParameter
from whet.optim.rules import At, DecayForm, Whole, WholeRule

Coefficients = Literal["kj", "quintic", "polar-express"]
Scale = Literal["original", "rms"]
Precision = Literal["auto", "fp32", "bf16", "fp64"]

# Each triple (a, b, c) is one iteration X <- a X + (b A + c A^2) X with A = X X^T; the last one repeats.
SETS: dict[str, tuple[tuple[float, float, float], ...]] = {
    # Jordan et al. 2024: steep at zero, so singular values end up between 0.7 and 1.2 rather than at 1.
    "kj": ((3.4445, -4.7750, 2.0315),),
    # Cesista 2025 (also the default of dion and of NVIDIA's Emerging-Optimizers).
    "quintic": (
        (4.0848, -6.8946, 2.9270), (3.9505, -6.3029, 2.6377), (3.7418, -5.5913, 2.3037),
        (2.8769, -3.1427, 1.2046), (2.8366, -3.0525, 1.2012),
    ),
    # Amsel et al. 2025, algorithm 1 for 5 iterations, with the safety factor folded into the norm.
    "polar-express": (
        (8.156554524902461, -22.48329292557795, 15.878769915207462),
        (4.042929935166739, -2.808917465908714, 0.5000178451051316),
        (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
        (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
        (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
    ),
}  # fmt: skip
SAFETY = {"polar-express": 1.02}
STRIPED, STRIPS = 512, 4  # rows from which symmetric products are halved on a CPU, and in how many strips


@dataclass(frozen=True, slots=True)
class Form:
    """How a matrix is made orthogonal: which polynomials, how often, in what precision, and how long the result is."""

    coefficients: Coefficients = "polar-express"
    iterations: int = 5
    scale: Scale = "rms"
    precision: Precision = "auto"
    per_head: bool = False

    def dtype(self, device: torch.device) -> torch.dtype:
        if self.precision == "auto":
            return torch.bfloat16 if device.type == "cuda" else torch.float32
        return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp64": torch.float64}[self.precision]


class Muon(WholeRule):
    """Orthogonalised momentum (Jordan et al. 2024). `rms` scales it so that AdamW's rate and decay carry over.

    The momentum is an average (buf = mu buf + (1 - mu) g); a sum would be the same after normalisation. Experts
    (E, M, N) are matrices of their own, and with `per_head` so are the heads of query, key and value projections.
    """

    decay_form: DecayForm = "factor"
    needs_weights = False

    def __init__(self, momentum: float, nesterov: bool, form: Form, state: Format) -> None:
        self.momentum, self.nesterov, self.form, self.format = momentum, nesterov, form, state

    def begin(self, named: NamedParameter, device: torch.device) -> dict[str, Any]:
        shape = named.parameter.shape
        if len(shape) not in (2, 3):
            raise ConfigError(
                f"`{named.name}` has {len(shape)} dimensions; Muon steps matrices", hint="optimizer: adamw"
            )
        return codecs.begin(M, shape, stored_as(shape, self.format), wide(named.parameter.dtype), device)

    def directions(self, wholes: Sequence[Whole], at: At) -> Iterator[Direction]:
        momenta = torch.stack([self._momentum(whole, at) for whole in wholes])
        found: dict[int, Tensor] = {}
        for rows in {self._rows(whole) for whole in wholes}:
            places = [i for i, whole in enumerate(wholes) if self._rows(whole) == rows]
            chosen = momenta if len(places) == len(wholes) else momenta[places]
            matrices = chosen.reshape(-1, rows or chosen.shape[-2], chosen.shape[-1])
            for place, direction in zip(places, self._orthogonal(matrices).view(chosen.shape), strict=True):
                found[place] = self.shape(wholes[place], direction, rows)
        for place in range(len(wholes)):
            yield [Scaled(found[place])]

    def shape(self, whole: Whole, direction: Tensor, rows: int) -> Tensor:
        """The direction at the length of a step. `rows` are those of one head, or 0."""
        return direction.mul_(length(rows or direction.shape[-2], direction.shape[-1], self.form.scale))

    def _momentum(self, whole: Whole, at: At) -> Tensor:
        stored = stored_as(whole.grad.shape, self.format)
        m = codecs.read(whole.state, M, stored).lerp_(whole.grad, 1 - self.momentum)
        codecs.write(whole.state, M, stored, m, key=whole.key("m", at.step))
        return torch.lerp(whole.grad, m, self.momentum) if self.nesterov else m

    def _rows(self, whole: Whole) -> int:
        return whole.named.head_rows if self.form.per_head else 0

    def _orthogonal(self, matrices: Tensor) -> Tensor:
        return newton_schulz(matrices, self.form).to(matrices.dtype)


class NorMuon(Muon):
    """Muon whose rows are divided by the root of their own running mean square (Li et al. 2025, algorithm 1)."""

    def __init__(self, momentum: float, nesterov: bool, beta: float, eps: float, form: Form, state: Format) -> None:
        super().__init__(momentum, nesterov, form, state)
        self.beta, self.eps = beta, eps

    def begin(self, named: NamedParameter, device: torch.device) -> dict[str, Any]:
        rows = torch.zeros(*named.parameter.shape[:-1], 1, dtype=wide(named.parameter.dtype), device=device)
        return {**super().begin(named, device), "v": rows}

    def shape(self, whole: Whole, direction: Tensor, rows: int) -> Tensor:
        v = whole.state["v"].lerp_(direction.square().mean(-1, keepdim=True), 1 - self.beta)
        direction = direction / v.sqrt().add_(self.eps)
        norms = torch.linalg.matrix_norm(direction, keepdim=True)
        # No direction at all (LoRA's A while B is zero, an expert that saw no token) has no length, and stays nothing.
        norms.masked_fill_(norms == 0, 1.0)
        return direction.mul_(0.2 * (direction.shape[-2] * direction.shape[-1]) ** 0.5 / norms)


def length(rows: int, columns: int, scale: Scale) -> float:
    """`original`: sqrt(max(1, rows/columns)). `rms`: 0.2 sqrt(max(rows, columns)), an entry's size under AdamW."""
    if scale == "rms":
        return 0.2 * max(rows, columns) ** 0.5
    return max(1.0, rows / columns) ** 0.5


def newton_schulz(matrices_KMN: Tensor, form: Form) -> Tensor:
    """Each matrix with its singular values brought near 1, in the form's precision."""
    steps, factor = SETS[form.coefficients], SAFETY.get(form.coefficients, 1.0)
    is_tall = matrices_KMN.shape[1] > matrices_KMN.shape[2]
    x = (matrices_KMN.mT if is_tall else matrices_KMN).to(form.dtype(matrices_KMN.device))
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) * factor + 1e-7)
    if len(x) == 1:  # one product at a time is quicker without the batch dimension
        x = _iterate(x[0], steps, form.iterations, torch.addmm).unsqueeze(0)
    else:
        x = _iterate(x, steps, form.iterations, torch.baddbmm)
    return x.mT if is_tall else x


def _iterate(x: Tensor, steps: Sequence[tuple[float, float, float]], iterations: int, product: Any) -> Tensor:
    for number in range(iterations):
        a, b, c = steps[min(number, len(steps) - 1)]
        gram = _gram(x)
        inner = gram.mul_(b) if not c else _inner(gram, b, c, product)
        x = product(x, inner, x, beta=a)
    return x


def _gram(x: Tensor) -> Tensor:
    """A = X X^T."""
    return _symmetric(x, lambda at, on: x[at] @ x[on].mT)


def _inner(gram: Tensor, b: float, c: float, product: Any) -> Tensor:
    """b A + c A^2."""
    return _symmetric(gram, lambda at, on: product(gram[at][..., on], gram[at], gram[..., on], beta=b, alpha=c))


def _symmetric(of: Tensor, rows: Callable[[Any, Any], Tensor]) -> Tensor:
    """A symmetric matrix with a row for each of `of`'s, from `rows(at, columns)`.

    On a CPU large ones are made from the diagonal on, in strips, and mirrored: the bits of the whole in bfloat16. With
    it Newton-Schulz takes 0.85 of the time from 768 rows on; below 512 nothing is gained in bfloat16.
    """
    size = of.shape[-2]
    if of.dim() > 2 or of.device.type != "cpu" or size < STRIPED:
        return rows(..., slice(None))
    found = of.new_empty(size, size)
    step = -(-size // STRIPS)
    for first in range(0, size, step):
        last = min(first + step, size)
        strip = rows(slice(first, last), slice(first, None))
        found[first:last, first:] = strip
        found[last:, first:last] = strip[:, last - first :].mT
    return found

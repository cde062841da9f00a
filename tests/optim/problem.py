"""The open-loop problem of the golden trajectories: ill-conditioned gradients that no platform computes differently."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from whet.base.catalogue import optimizer
from whet.contracts.model import ParamRole
from whet.contracts.optimizer import Optimizer
from whet.optim.adapted import adapted
from whet.optim.groups import NamedParameter, ParamGroups

Shapes = Mapping[str, tuple[int, ...]]
PAIR: Shapes = {"wide": (48, 96), "tall": (96, 48)}


class Problem:
    """Start weights and a gradient a step for each shape, each parameter from a generator of its own."""

    def __init__(self, shapes: Shapes = PAIR) -> None:
        self.shapes = shapes
        self._draws = [_drawn(i, tuple(shape)) for i, shape in enumerate(shapes.values())]
        self.start = [draw.start.clone() for draw in self._draws]
        self._step = 0

    def gradients(self) -> list[Tensor]:
        """The gradients of the next step."""
        self._step += 1
        return [draw.gradient(self._step).clone() for draw in self._draws]


class Drawn:
    """The start of one parameter and its gradients, drawn once a process: half a hundred runs take the same."""

    def __init__(self, index: int, shape: tuple[int, ...]) -> None:
        self._draw = np.random.Generator(np.random.PCG64(1000 + index))
        self.start = torch.from_numpy(self._draw.standard_normal(shape).astype(np.float32))
        self._bias = self._draw.standard_normal(shape)
        self._scale = np.logspace(0, -1, shape[0])
        if len(shape) > 1:
            self._scale = self._scale[:, None] * np.logspace(0, -2, shape[1])
        self._gradients: list[Tensor] = []

    def gradient(self, step: int) -> Tensor:
        while len(self._gradients) < step:
            drawn = self._scale * (self._draw.standard_normal(self._bias.shape) + 0.3 * self._bias)
            self._gradients.append(torch.from_numpy(drawn.astype(np.float32)))
        return self._gradients[step - 1]


@cache
def _drawn(index: int, shape: tuple[int, ...]) -> Drawn:
    return Drawn(index, shape)


def members(
    tensors: Sequence[Tensor], names: Sequence[str], roles: Mapping[str, ParamRole] | None = None, **facts: Any
) -> ParamGroups:
    """Parameters of these tensors: matrices, and norms where they are vectors."""
    found = []
    for tensor, name in zip(tensors, names, strict=True):
        role = (roles or {}).get(name, ParamRole.MATRIX if tensor.dim() > 1 else ParamRole.NORM)
        found.append(NamedParameter(name, nn.Parameter(tensor), role))
    return ParamGroups(found, **facts)


def build(kind: str, groups: ParamGroups, **settings: Any) -> Optimizer:
    """The optimizer as a config makes it."""
    made = optimizer.get(kind)
    return adapted(made.build(groups, **made.settings.model_validate({"kind": kind, **settings}).values()))


def trajectory(
    groups: ParamGroups,
    chosen: Optimizer,
    problem: Problem,
    steps: int,
    after: Sequence[int],
    ulp: float = 0,
) -> Iterator[tuple[int, list[Tensor]]]:
    """The weights after each of the steps `after`. `ulp` moves gradients by units in their last place, at random."""
    noise = torch.Generator().manual_seed(7)
    for step in range(1, steps + 1):
        chosen.begin_step()
        for member, gradient in zip(groups.members, problem.gradients(), strict=True):
            if ulp:
                sign = torch.randint(0, 2, gradient.shape, generator=noise) * 2 - 1
                gradient = gradient * (1 + ulp * sign * torch.finfo(torch.float32).eps)
            member.parameter.grad = gradient.to(member.parameter.dtype)
        chosen.after_backward()
        chosen.step()
        if step in after:
            yield step, [m.parameter.detach().clone() for m in groups.members]


def furthest(
    kind: str,
    expected: Mapping[str, np.ndarray],
    after: Sequence[int],
    shapes: Shapes = PAIR,
    ulp: float = 0,
    **settings: Any,
) -> dict[str, float]:
    """The largest difference from `expected` (snapshot, *shape) for each parameter."""
    return apart(snapshots(kind, after, shapes, ulp, **settings), expected)


def snapshots(
    kind: str, after: Sequence[int], shapes: Shapes = PAIR, ulp: float = 0, **settings: Any
) -> dict[str, np.ndarray]:
    """The weights after each of the steps `after` (snapshot, *shape), by name."""
    problem = Problem(shapes)
    groups = members([w.clone() for w in problem.start], list(shapes))
    run = trajectory(groups, build(kind, groups, **settings), problem, after[-1], after, ulp)
    found = [weights for _, weights in run]
    return {name: np.stack([weights[i].numpy() for weights in found]) for i, name in enumerate(shapes)}


def apart(found: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The largest difference for each name that was found."""
    return {name: float(np.abs(w.astype(np.float64) - expected[name]).max()) for name, w in found.items()}

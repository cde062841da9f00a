"""The open-loop problem of the golden trajectories: ill-conditioned gradients that no platform computes differently."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from whet.base.catalogue import optimizer
from whet.contracts.model import ParamRole
from whet.optim.groups import NamedParameter, ParamGroups

Shapes = Mapping[str, tuple[int, ...]]
PAIR: Shapes = {"wide": (48, 96), "tall": (96, 48)}


class Problem:
    """Start weights and a gradient a step for each shape, each parameter from a generator of its own."""

    def __init__(self, shapes: Shapes = PAIR) -> None:
        self.shapes = shapes
        self._draws = [np.random.Generator(np.random.PCG64(1000 + i)) for i in range(len(shapes))]
        self.start = [self._tensor(d, s) for d, s in zip(self._draws, shapes.values(), strict=True)]
        self._bias = [d.standard_normal(s) for d, s in zip(self._draws, shapes.values(), strict=True)]

    def gradients(self) -> list[Tensor]:
        """The gradients of the next step."""
        found = []
        for draw, bias, shape in zip(self._draws, self._bias, self.shapes.values(), strict=True):
            scale = np.logspace(0, -1, shape[0])
            if len(shape) > 1:
                scale = scale[:, None] * np.logspace(0, -2, shape[1])
            found.append(torch.from_numpy((scale * (draw.standard_normal(shape) + 0.3 * bias)).astype(np.float32)))
        return found

    @staticmethod
    def _tensor(draw: np.random.Generator, shape: tuple[int, ...]) -> Tensor:
        return torch.from_numpy(draw.standard_normal(shape).astype(np.float32))


def members(
    tensors: Sequence[Tensor], names: Sequence[str], roles: Mapping[str, ParamRole] | None = None, **facts: Any
) -> ParamGroups:
    """Parameters of these tensors: matrices, and norms where they are vectors."""
    found = []
    for tensor, name in zip(tensors, names, strict=True):
        role = (roles or {}).get(name, ParamRole.MATRIX if tensor.dim() > 1 else ParamRole.NORM)
        found.append(NamedParameter(name, nn.Parameter(tensor), role))
    return ParamGroups(found, **facts)


def build(kind: str, groups: ParamGroups, **settings: Any) -> torch.optim.Optimizer:
    """The optimizer as a config makes it."""
    made = optimizer.get(kind)
    return made.build(groups, **made.settings.model_validate({"kind": kind, **settings}).values())


def trajectory(
    groups: ParamGroups,
    chosen: torch.optim.Optimizer,
    problem: Problem,
    steps: int,
    after: Sequence[int],
    ulp: float = 0,
) -> Iterator[tuple[int, list[Tensor]]]:
    """The weights after each of the steps `after`. `ulp` moves gradients by units in their last place, at random."""
    noise = torch.Generator().manual_seed(7)
    for step in range(1, steps + 1):
        if hasattr(chosen, "prepare_step"):
            chosen.prepare_step()
        for member, gradient in zip(groups.members, problem.gradients(), strict=True):
            if ulp:
                sign = torch.randint(0, 2, gradient.shape, generator=noise) * 2 - 1
                gradient = gradient * (1 + ulp * sign * torch.finfo(torch.float32).eps)
            member.parameter.grad = gradient.to(member.parameter.dtype)
        if hasattr(chosen, "drop_idle"):
            chosen.drop_idle()
        chosen.step()
        if step in after:
            yield step, [m.parameter.detach().clone() for m in groups.members]


def furthest(
    kind: str,
    expected: Mapping[str, np.ndarray],
    after: Sequence[int],
    shapes: Shapes = PAIR,
    ulp: float = 0,
    group_facts: Mapping[str, Any] | None = None,
    **settings: Any,
) -> dict[str, float]:
    """The largest difference from `expected` (snapshot, *shape) for each parameter."""
    problem = Problem(shapes)
    groups = members([w.clone() for w in problem.start], list(shapes), **(group_facts or {}))
    chosen = build(kind, groups, **settings)
    worst = dict.fromkeys(shapes, 0.0)
    for step, weights in trajectory(groups, chosen, problem, after[-1], after, ulp):
        for name, weight in zip(shapes, weights, strict=True):
            error = (weight.double() - torch.from_numpy(expected[name][after.index(step)]).double()).abs().max()
            worst[name] = max(worst[name], float(error))
    return worst

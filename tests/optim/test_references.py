"""Each rule is its hand-written reference: to rounding in float64 over the first 160 steps of 450, which see every
basis, turn and clip come again, and in float32 within its own drift over all.

The drift is what one unit in the last place of the gradients makes of the rule; ten times as much is allowed, or 1e-6
of the largest weight.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tests.optim import references
from tests.optim.problem import Problem, build, members, trajectory
from whet.optim.blocks import one_by_one, sampled
from whet.optim.elementwise import Adam
from whet.optim.groups import ParamGroups
from whet.optim.masked import Masked

STEPS, FIRST = 450, 160
AFTER = (1, 2, 10, 151, 301, 450)
MATRICES = {"wide": (16, 32), "tall": (32, 16)}
SQUARE = {"small": (12, 12), "large": (20, 20)}  # a longer side's preconditioner has a null space at first: any basis
ALL = {**MATRICES, "vector": (24,)}
LAYERED = {f"layers.{i}.{n}": s for i in range(3) for n, s in (("up", (8, 12)), ("norm", (8,)))} | {"head": (12, 8)}
LOW = {"rank": 4, "gap": 150}
CASES: dict[str, tuple[str, dict[str, Any], type[references.Reference], dict[str, Any]]] = {
    "ademamix": ("ademamix", {"horizon": 300}, references.AdEMAMix, ALL),
    "adam-mini": ("adam-mini", {}, references.AdamMini, ALL),
    "adafactor": ("adafactor", {}, references.Adafactor, ALL),
    "came": ("came", {}, references.Came, ALL),
    "sophia": ("sophia", {}, references.Sophia, ALL),
    "muon-quintic": ("muon", {"coefficients": "quintic"}, references.Muon, MATRICES),
    "muon-polar": ("muon", {}, references.PolarMuon, MATRICES),
    "muon-heads": ("muon", {"per_head": True}, references.HeadMuon, MATRICES),
    "muonclip": ("muonclip", {}, references.PolarMuon, MATRICES),
    "normuon": ("normuon", {}, references.NorMuon, MATRICES),
    "galore": ("galore", LOW, references.GaLore, MATRICES),
    "galore-gram": ("galore", {**LOW, "basis": "gram"}, references.GramGaLore, MATRICES),
    "q-galore": ("q-galore", {"rank": 4, "gap": 20, "state": "fp32"}, references.QGaLore, MATRICES),
    "fira": ("fira", LOW, references.Fira, MATRICES),
    "soap": ("soap", {}, references.Soap, SQUARE),
}
LR = 1e-2


def weights_of(kind: str, settings, shapes, dtype: torch.dtype, ulp: float = 0, steps: int = STEPS) -> np.ndarray:
    """Snapshots of all weights, one behind the other (snapshot, numbers), of the rule as the package has it."""
    problem = Problem(shapes)
    groups = members([w.to(dtype) for w in problem.start], list(shapes))
    rows = 16 if settings.get("per_head") else 0
    layer = {n: int(n.split(".")[1]) if "." in n else None for n in shapes}
    groups = replace(groups, seed=5, members=[replace(m, head_rows=rows, layer=layer[m.name]) for m in groups.members])
    if "precision" in settings or kind in ("muon", "normuon", "muonclip"):
        settings = {**settings, "precision": "fp64" if dtype == torch.float64 else "fp32"}
    chosen = build(kind, groups, **{"lr": LR, "weight_decay": 0.0, **settings})
    if kind == "sophia":
        return with_curvature(groups, chosen, problem, ulp, steps)
    run = trajectory(groups, chosen, problem, steps, AFTER, ulp)
    return np.stack([np.concatenate([w.double().numpy().ravel() for w in weights]) for _, weights in run])


def with_curvature(groups: ParamGroups, chosen: Any, problem: Problem, ulp: float, steps: int) -> np.ndarray:
    """Sophia's: a second gradient every tenth step, that of the step's own times two."""
    found = []
    draw = torch.Generator().manual_seed(7)
    for step in range(1, steps + 1):
        grads = problem.gradients()
        for scale in (1, 2):
            for member, grad in zip(groups.members, grads, strict=True):
                sign = torch.randint(0, 2, grad.shape, generator=draw) * 2 - 1
                moved = grad * (1 + ulp * sign * torch.finfo(torch.float32).eps)
                member.parameter.grad = (scale * moved).to(member.parameter.dtype)
            if scale == 1:
                chosen.step()
            elif chosen.wants_curvature:
                chosen.curve(8.0)
        if step in AFTER:
            found.append(np.concatenate([m.parameter.detach().double().numpy().ravel() for m in groups.members]))
    return np.stack(found)


def expected_of(reference: references.Reference, shapes, steps: int) -> np.ndarray:
    problem = Problem(shapes)
    weights = [w.double().numpy() for w in problem.start]
    found = []
    for step in range(1, steps + 1):
        grads = [g.double().numpy() for g in problem.gradients()]
        reference.step(weights, grads)
        if isinstance(reference, references.Sophia) and (step - 1) % 10 == 0:
            reference.curve([2 * g for g in grads], 8.0)
        if step in AFTER:
            found.append(np.concatenate([w.ravel() for w in weights]))
    return np.stack(found)


def check(kind: str, settings, reference: references.Reference, shapes, steps: int = FIRST) -> np.ndarray:
    """Compare in float64. Returns the reference's weights."""
    expected = expected_of(reference, shapes, steps)
    assert np.abs(expected[-1] - expected[0]).max() > 0.05, "nothing moved"
    exact = weights_of(kind, settings, shapes, torch.float64, steps=steps)
    assert np.abs(exact - expected).max() <= 1e-9 * np.abs(expected).max()
    return expected


@pytest.mark.parametrize("case", CASES)
def test_a_rule_is_its_reference(case):
    kind, settings, reference, shapes = CASES[case]
    check(kind, settings, reference(list(shapes.values()), LR), shapes)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_rule_in_float32_drifts_no_further_than_rounding_takes_it(case):
    kind, settings, reference, shapes = CASES[case]
    expected = check(kind, settings, reference(list(shapes.values()), LR), shapes, STEPS)
    size = np.abs(expected).max()
    plain = weights_of(kind, settings, shapes, torch.float32)
    drift = np.abs(weights_of(kind, settings, shapes, torch.float32, ulp=1) - plain).max()
    # A clipped step is the rate itself: adding it to a weight rounds the same way each time.
    same_way = STEPS * 2.0**-24 * size if kind == "sophia" else 0.0
    assert np.abs(plain - expected).max() <= max(1e-6 * size, 10 * drift, same_way)


def taught(kind: str):
    """Settings, turn length and who is trained in a turn, for the kinds that train a part of the weights."""
    names = list(LAYERED)
    layer = [int(n.split(".")[1]) if "." in n else None for n in names]
    if kind == "badam":
        turns = one_by_one(3, "random", seed=5)
        return {"every": 20}, 20, lambda turn, i: layer[i] is not None and layer[i] in turns(turn)
    if kind == "lisa":
        turns = sampled(3, 2, seed=5)
        return {"every": 20, "layers": 2}, 20, lambda turn, i: layer[i] is None or layer[i] in turns(turn)
    rule = Masked(Adam((0.9, 0.999), 1e-8), 0.25, 30, seed=5)
    made = members([torch.zeros(s) for s in LAYERED.values()], names)

    def columns(turn: int, i: int):
        shape = LAYERED[names[i]]
        mask = np.zeros(shape if len(shape) > 1 else (shape[0], 1))
        mask[:, rule.columns(made.members[i], mask.shape[1], turn).numpy()] = 1
        return mask.reshape(shape)

    return {"every": 30, "ratio": 0.25}, 30, columns


@pytest.mark.parametrize("kind", ["badam", "lisa", "badam-ratio"])
def test_turns_are_adam_on_a_part(kind):
    """Who is trained when is drawn by the package; what that does to weights and moments is written out by hand."""
    settings, every, trained = taught(kind)
    check(kind, settings, references.Adam(list(LAYERED.values()), LR, every, trained), LAYERED)

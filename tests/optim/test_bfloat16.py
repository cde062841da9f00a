"""Weights in bfloat16 without a wider copy move as float32 weights would on average, and second moments fall again."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.optim.made import HAS_FORMATS
from tests.optim.problem import build, members
from tests.optim.zoo import SETTINGS
from tests.sweeps import some
from whet.optim.groups import ParamGroups

STEPS = 60
STOCHASTIC = ("adamw", "sgd", "lion", "adam-mini", "badam-ratio", "muon", "galore", "schedule-free")
KAHAN = ("adamw", "muon", "badam-ratio")
FAST = [*((kind, "stochastic") for kind in STOCHASTIC), *((kind, "kahan") for kind in KAHAN)]
# The length of a step: a fraction of the spacing of bfloat16 numbers near 1, which is 1/128 above it.
STEP = 2e-4
LONG = {
    "badam": {"every": 1000, "outside": "always"}, "lisa": {"every": 1000, "layers": 2}, "soap": {"every": 50},
    **dict.fromkeys(("galore", "fira", "q-galore", "apollo", "apollo-mini"), {"gap": 1000}),
}  # fmt: skip


def model(dtype: torch.dtype, **facts) -> ParamGroups:
    """A matrix in each of two layers, and a vector; all weights are 1."""
    shapes = [(32, 64), (64, 32), (32,)]
    made = members([torch.ones(s, dtype=dtype) for s in shapes], ["layers.0.up", "layers.1.down", "norm"], **facts)
    return replace(made, members=[replace(m, layer=i if i < 2 else None) for i, m in enumerate(made.members)])


def pulls() -> list[torch.Tensor]:
    """A gradient that pulls every weight down, unevenly, and is exact in bfloat16."""
    draw = torch.Generator().manual_seed(0)
    return [(1 + torch.rand(s, generator=draw)).bfloat16().float() for s in [(32, 64), (64, 32), (32,)]]


def moved(kind: str, groups: ParamGroups, steps: int, **settings) -> torch.Tensor:
    """How far the weights of all parameters are from where they began, residuals counted."""
    chosen = build(kind, groups, **{**SETTINGS[kind], **LONG.get(kind, {}), "weight_decay": 0.0, **settings})
    for _ in range(steps):
        chosen.begin_step()
        for member, pull in zip(groups.members, pulls(), strict=True):
            member.parameter.grad = pull.to(member.parameter.dtype)
        chosen.after_backward()
        chosen.step()
    found = []
    for member in groups.members:
        lost = chosen.state.get(member.parameter, {}).get("residual", torch.zeros(()))
        found.append((1 - member.parameter.detach().float() - lost.float()).flatten())
    return torch.cat(found)


@pytest.mark.parametrize(
    ("kind", "rounding"),
    some([(kind, rounding) for rounding in ("stochastic", "kahan") for kind in SETTINGS], FAST),
)
def test_steps_below_the_precision_of_weights_count(kind, rounding):
    """Rounding to nearest would keep each weight where it is; torch's moments beside bfloat16 would stand still."""
    first = moved(kind, model(torch.float32), 2, lr=1e-3)
    lr = 1e-3 * STEP / (first.norm() / len(first) ** 0.5 / 2).item()
    wide = moved(kind, model(torch.float32), STEPS, lr=lr)
    narrow = moved(kind, model(torch.bfloat16, rounding=rounding), STEPS, lr=lr)
    assert wide.norm() / len(wide) ** 0.5 > 5 * STEP, "the problem moves nothing"
    share = (narrow @ wide / wide.square().sum()).item()
    assert share == pytest.approx(1.0, abs=0.1)


def test_rounding_to_nearest_would_stall(monkeypatch):
    monkeypatch.setattr("whet.optim.row_steps.round_stochastically", lambda target, value, *_: target.copy_(value))
    assert moved("lion", model(torch.bfloat16), STEPS, lr=STEP).abs().max() == 0


def second_moment(kind: str, state: str) -> float:
    """The mean second moment after five gradients of 1 and 120 of 0, beside bfloat16 weights."""
    groups = model(torch.bfloat16)
    chosen = build(kind, groups, **{**SETTINGS[kind], **LONG.get(kind, {}), "lr": 1e-12, "state": state})
    for gradient in [1.0] * 5 + [0.0] * 120:
        chosen.begin_step()
        for member in groups.members:
            member.parameter.grad = torch.full_like(member.parameter, gradient)
        chosen.step()
    states = [s for p, s in chosen.state.items() if p.dim() > 1 and "v" in s]
    return torch.cat([s["v"].float().flatten() for s in states]).mean().item()


def keeps_second_moment(kind: str) -> bool:
    return kind not in ("sgd", "lion", "muon", "muonclip", "normuon", "adam-mini", "sophia", "came")


@pytest.mark.parametrize("kind", some(filter(keeps_second_moment, HAS_FORMATS), ("adamw", "galore", "soap")))
def test_second_moments_in_bfloat16_fall_as_exact_ones_do(kind):
    """Each step takes less from them than half of bfloat16's spacing: rounded to nearest they would never fall."""
    assert second_moment(kind, "bf16") == pytest.approx(second_moment(kind, "fp32"), rel=0.03)


@pytest.mark.parametrize("kind", sorted({*SETTINGS} - {"badam", "lisa"}))  # whose turns count all layers
def test_a_tensor_is_stepped_alike_whatever_others_the_optimizer_has(kind):
    """Ranks of a pipeline hold different layers: what is drawn for one depends on its name, and not on its place."""
    shapes = {"layers.0.up": (32, 64), "layers.1.down": (64, 32), "layers.2.up": (16, 48)}
    stored = {"state": "bf16"} if kind in HAS_FORMATS else {}

    def run(names):
        draws = {name: torch.Generator().manual_seed(number) for number, name in enumerate(shapes)}
        weights = [torch.randn(shapes[name], generator=draws[name]).bfloat16() for name in names]
        groups = replace(members(weights, names), seed=3)
        chosen = build(kind, groups, **{**SETTINGS[kind], "lr": 1e-2, **stored})
        for _ in range(5):
            chosen.begin_step()
            for member in groups.members:
                gradient = torch.randn(member.parameter.shape, generator=draws[member.name])
                member.parameter.grad = gradient.bfloat16()
            chosen.after_backward()
            chosen.step()
        return {member.name: member.parameter.detach() for member in groups.members}

    whole, part = run([*shapes]), run([*shapes][1:])
    for name, weight in part.items():
        assert torch.equal(weight, whole[name]), name

"""Every kind of the family with settings that fit tiny matrices, and a small model's worth of parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from whet.contracts.model import ParamRole
from whet.contracts.optimizer import Optimizer
from whet.optim.groups import NamedParameter, ParamGroups

LOW = {"rank": 4, "gap": 3}
SETTINGS: dict[str, dict[str, Any]] = {
    "adamw": {}, "sgd": {}, "lion": {}, "ademamix": {"horizon": 5}, "schedule-free": {}, "adam-mini": {},
    "adafactor": {}, "came": {}, "muon": {}, "normuon": {}, "muonclip": {}, "soap": {"every": 3}, "sophia": {},
    "galore": LOW, "fira": LOW, "q-galore": {**LOW, "rank": 16}, "apollo": LOW, "apollo-mini": {"gap": 3},
    "badam": {"every": 2}, "badam-ratio": {"every": 3, "ratio": 0.25}, "lisa": {"every": 2, "layers": 1},
}  # fmt: skip
SHAPES: dict[str, tuple[tuple[int, ...], ParamRole]] = {
    "embed.weight": ((70, 64), ParamRole.EMBEDDING),
    "layers.0.attn.q_proj.weight": ((64, 64), ParamRole.MATRIX),
    "layers.0.mlp.up.weight": ((96, 64), ParamRole.MATRIX),
    "layers.0.norm.weight": ((64,), ParamRole.NORM),
    "layers.1.attn.q_proj.weight": ((64, 64), ParamRole.MATRIX),
    "layers.1.mlp.down.weight": ((64, 95), ParamRole.MATRIX),
    "layers.1.bias": ((33,), ParamRole.BIAS),
    "experts.weight": ((3, 32, 64), ParamRole.EXPERT),
}


class Zoo(nn.Module):
    """Parameters of every role; odd row counts leave ranks with unequal shards."""

    def __init__(self) -> None:
        super().__init__()
        draw = torch.Generator().manual_seed(1)
        for name, (shape, _) in SHAPES.items():
            self.register_parameter(name.replace(".", "/"), nn.Parameter(torch.randn(shape, generator=draw) / 8))

    def forward(self, step: int) -> Tensor:
        """A loss whose gradient is a fixed pull and a noise that depends on the step."""
        draw = torch.Generator().manual_seed(100 + step)
        parts = []
        for parameter in self.parameters():
            target = torch.randn(parameter.shape, generator=draw)
            parts.append(((parameter - target) ** 2 * (1 + torch.arange(parameter.shape[-1]))).sum() / 100)
        return torch.stack(parts).sum()


def groups(module: nn.Module, **facts: Any) -> ParamGroups:
    """The zoo's parameters as the loop hands them over."""
    members = []
    for name, parameter in module.named_parameters():
        plain = name.replace("/", ".")
        layer = int(plain.split(".")[1]) if plain.startswith("layers.") else None
        heads = 16 if "q_proj" in plain else 0
        members.append(NamedParameter(plain, parameter, SHAPES[plain][1], 1.0, layer, heads))
    return ParamGroups(members, **facts)


def state_of(chosen: torch.optim.Optimizer) -> list[Tensor]:
    """Every state tensor but torch's own step counters."""
    return [v for s in chosen.state.values() for k, v in s.items() if isinstance(v, Tensor) and k != "step"]


def learn(module: nn.Module, chosen: Any, steps: range) -> None:
    """Steps as the executor makes them."""
    for step in steps:
        one_step(chosen, lambda number: module(number).backward(), step)


def one_step(chosen: Optimizer, gradients: Callable[[int], object], step: int, scale: float = 2.0) -> None:
    """The moments of a step, with what `gradients` leaves in the parameters; those of labels drawn are of 1000 on."""
    chosen.begin_step()
    chosen.before_last_backward()
    gradients(step)
    chosen.after_backward()
    chosen.step()
    if chosen.wants_curvature:
        chosen.zero_grad()
        gradients(1000 + step)
        chosen.curve(scale)
    chosen.zero_grad()

"""Small models whose weights are placed by hand over meshes of 2 and 4 ranks, in every way the family must step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor
from torch.distributed.tensor.placement_types import _StridedShard

from tests.optim.problem import build
from tests.optim.zoo import LOW, SETTINGS, SHAPES, one_step
from whet.contracts.model import ParamRole
from whet.contracts.optimizer import Watched
from whet.optim.ema import Averaged
from whet.optim.groups import NamedParameter, ParamGroups
from whet.parallel.world import World
from whet.train.checkpoints.checkpoint import Checkpoints
from whet.train.checkpoints.optimizer_state import NamedOptimizer
from whet.train.run.progress import Progress

STEPS, SAVED = 5, 2
Case = tuple[str, str]  # an optimizer, and what is special about its run

# Sizes that neither two nor four divide, and rows that not every one of four ranks has.
SMALL: dict[str, tuple[tuple[int, ...], ParamRole]] = {
    "embed.weight": ((13, 8), ParamRole.EMBEDDING),
    "layers.0.attn.q_proj.weight": ((16, 12), ParamRole.MATRIX),
    "layers.0.mlp.up.weight": ((10, 6), ParamRole.MATRIX),
    "layers.0.norm.weight": ((7,), ParamRole.NORM),
    "layers.1.attn.q_proj.weight": ((16, 12), ParamRole.MATRIX),
    "layers.1.mlp.down.weight": ((6, 11), ParamRole.MATRIX),
    "layers.1.bias": ((3,), ParamRole.BIAS),
    "experts.weight": ((5, 6, 8), ParamRole.EXPERT),
}
PRECISE = {"precision": "fp64"}
EXACT = {**SETTINGS, "q-galore": LOW, "muon": PRECISE, "normuon": PRECISE, "muonclip": PRECISE}


@dataclass(frozen=True)
class Scheme:
    """A mesh, and where each tensor lies on it by its name and number of dimensions (None: a plain tensor)."""

    mesh: Mapping[str, int]
    of: Callable[[str, int], Sequence[object] | None]


def _tensor(name: str, dims: int) -> Sequence[object]:
    return [Shard(0), Shard(1)] if dims > 1 else [Shard(0), Replicate()]


def _expert(name: str, dims: int) -> Sequence[object] | None:
    """Experts over `expert`, each cut over `shard`; a norm that is plain; everything else over `shard`."""
    if "norm" in name:
        return None
    return [Shard(1), Shard(0)] if dims == 3 else [Shard(0), Replicate()]


def _strided(name: str, dims: int) -> Sequence[object]:
    """As FSDP2 cuts what tensor parallelism has cut by rows before, and down projections by columns."""
    if "q_proj" in name:
        return [_StridedShard(0, split_factor=2), Shard(0)]
    return [Shard(1), Shard(0)] if "down" in name else [Replicate(), Replicate()]


SCHEMES: dict[str, Scheme] = {
    "rows-2": Scheme({"shard": 2}, lambda name, dims: [Shard(0)]),
    "columns-2": Scheme({"tensor": 2}, lambda name, dims: [Shard(dims - 1)]),
    "rows-4": Scheme({"shard": 4}, lambda name, dims: [Shard(0)]),
    "columns-4": Scheme({"tensor": 4}, lambda name, dims: [Shard(dims - 1)]),
    "hsdp": Scheme({"replicate": 2, "shard": 2}, lambda name, dims: [Replicate(), Shard(0)]),
    "tensor": Scheme({"shard": 2, "tensor": 2}, _tensor),
    "expert": Scheme({"shard": 2, "expert": 2}, _expert),
    "strided": Scheme({"shard": 2, "tensor": 2}, _strided),
}


def ranks_of(scheme: str) -> int:
    return int(torch.tensor(list(SCHEMES[scheme].mesh.values())).prod())


def start(scheme: str) -> World:
    sizes = SCHEMES[scheme].mesh
    return World.over(
        torch.device("cpu"), dist.init_device_mesh("cpu", tuple(sizes.values()), mesh_dim_names=tuple(sizes))
    )


def model(case: Case, world: World, scheme: str | None) -> nn.Module:
    """Weights drawn once, then placed: float64, but with state of fewer bits, and 8 bits need rows of some length."""
    shapes = SHAPES if case[1] == "8bit" else SMALL
    dtype = {"exact": torch.float64, "8bit": torch.float32, "bf16": torch.float32}.get(case[1], torch.bfloat16)
    module, draw = nn.Module(), torch.Generator().manual_seed(1)
    for name, (shape, _) in shapes.items():
        whole = (torch.randn(shape, generator=draw, dtype=torch.float64) / 8).to(dtype)
        places = SCHEMES[scheme].of(name, len(shape)) if scheme else None
        if places is not None:
            whole = distribute_tensor(whole, world.mesh, places, src_data_rank=None)
        module.register_parameter(name.replace(".", "/"), nn.Parameter(whole))
    return module


def members(module: nn.Module, case: Case) -> ParamGroups:
    shapes, found = SHAPES if case[1] == "8bit" else SMALL, []
    for name, parameter in module.named_parameters():
        plain = name.replace("/", ".")
        layer = int(plain.split(".")[1]) if plain.startswith("layers.") else None
        found.append(NamedParameter(plain, parameter, shapes[plain][1], 1.0, layer, 4 if "q_proj" in plain else 0))
    return ParamGroups(found, seed=5, rounding="kahan" if case[1] == "kahan" else "stochastic")


def gradients(module: nn.Module, step: int) -> None:
    """Set gradients by hand, each rank its part of the same: what is tested is the step, not the backward pass."""
    draw = torch.Generator().manual_seed(step)
    for parameter in module.parameters():
        whole = torch.randn(parameter.shape, generator=draw, dtype=torch.float64)
        if parameter.dim() > 1:
            whole = whole * torch.logspace(0, -2, parameter.shape[-1], dtype=torch.float64)
        whole = whole.to(parameter.dtype)
        if isinstance(parameter, DTensor):
            whole = distribute_tensor(whole, parameter.device_mesh, parameter.placements, src_data_rank=None)
        parameter.grad = whole


class Trial:
    """One case on one placement: its weights, its optimizer, and where its checkpoints lie."""

    def __init__(self, case: Case, world: World, scheme: str | None, folder: Path) -> None:
        self.module = model(case, world, scheme)
        groups = members(self.module, case)
        settings = {**(SETTINGS if case[1] == "8bit" else EXACT)[case[0]]}
        if case[1] in ("8bit", "bf16"):
            settings["state"] = case[1]
        self.optimizer = build(case[0], groups, **settings)
        self._watch(case, world)
        if case[1] == "ema":
            self.optimizer = Averaged(self.optimizer, 0.5)
        named = NamedOptimizer(self.optimizer, groups.names())
        self.place = folder / f"{case[0]}-{case[1]}-{scheme}"
        self.checkpoints = Checkpoints(self.place, self.module, named, {"progress": Progress()}, world, 2)

    def _watch(self, case: Case, world: World) -> None:
        """Attention logits past the threshold, of which each rank has seen those of other heads."""
        self.peaks = self.seen = torch.zeros(0)
        if case[0] != "muonclip":
            return
        peaks = torch.tensor([250.0, 20.0, 400.0, 120.0], dtype=torch.float64)
        if (seen := world.count("all")) > 1:
            peaks = torch.where(torch.arange(4) % seen == world.index("all"), peaks, 0.0)
        query, key = (p for name, p in self.module.named_parameters() if "q_proj" in name)
        self.peaks, self.seen = torch.zeros(4, dtype=torch.float64), peaks
        self.optimizer.attach([Watched(self.peaks, [query], [key], 4)])

    def run(self, steps: range) -> list[torch.Tensor]:
        """The weights after these steps, and those to evaluate with."""
        self.advance(steps)
        with self.optimizer.evaluation_weights():
            evaluated = self._whole()
        return self._whole() + evaluated

    def advance(self, steps: range) -> None:
        """Without gathering what comes of it."""
        for step in steps:
            one_step(self.optimizer, self._gradients, step, 3.0)

    def _whole(self) -> list[torch.Tensor]:
        found = [p.detach() for p in self.module.parameters()]
        return [(p.full_tensor() if isinstance(p, DTensor) else p).clone() for p in found]

    def _gradients(self, step: int) -> None:
        self.peaks.copy_(self.seen)
        gradients(self.module, step)

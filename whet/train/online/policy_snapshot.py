"""Answers with the weights of an earlier moment, while training goes on: each rollout has a model of its own.

Where ranks share the weights, each keeps its own part as it was at that moment, and no more. When the rollout's turn
comes the parts are put together, one weight after the other, over groups of their own: training goes on beside it. Our
decoder answers with a whole model for that while, so that no rank waits for another, or on a pipeline with the stages
that each rank has; an engine takes them one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from whet.contracts.rewards import Player, Trajectory
from whet.generate.eval_mode import reshard
from whet.generate.shadow_model import beside, shape_of
from whet.kernels.dense import dense
from whet.kernels.layout import whole_tensor
from whet.kernels.quantized import Quantized
from whet.parallel.pipeline.whole import in_turn
from whet.parallel.world import World
from whet.train.step.stage_module import stage_with


def snapshot(live: nn.Module, *, shares_frozen: bool) -> nn.Module:
    """The model as it is now: the same modules over copies of the weights, in evaluation mode.

    With `shares_frozen` those that are frozen for good are the same tensors: beside an adapter the base is in memory
    once.
    """
    kept = copied(live, shares_frozen=shares_frozen)
    return beside(live, {name: tensor.detach().clone() for name, tensor in kept.items()})


def copied(live: nn.Module, *, shares_frozen: bool) -> dict[str, Tensor]:
    """What `snapshot` makes copies of, by name."""
    kept: dict[str, Tensor] = dict(live.named_buffers())
    return kept | {name: p for name, p in live.named_parameters() if p.requires_grad or not shares_frozen}


@dataclass(frozen=True, slots=True)
class Shards:
    """What this rank held of the weights at a moment, and its buffers. All ranks of `world`, which are the run's in
    groups of their own, put the weights together: each in the same order."""

    world: World
    weights: Mapping[str, Tensor]
    buffers: Mapping[str, Tensor]

    @classmethod
    def of(cls, live: nn.Module, world: World, *, shares_frozen: bool) -> Shards:
        """Those of now. With `shares_frozen` what is frozen for good is the same memory."""
        reshard(live)
        weights = {
            name: _kept(parameter, world, is_same=shares_frozen and not parameter.requires_grad)
            for name, parameter in live.named_parameters()
        }
        return cls(world, weights, {name: buffer.detach().clone() for name, buffer in live.named_buffers()})

    def whole(self, names: Collection[str] | None = None) -> Iterator[tuple[str, Tensor]]:
        """Each weight of the whole model by its name, or of those of `names`, on every rank, one at a time."""
        kept = ((name, tensor) for name, tensor in self.weights.items() if names is None or name in names)
        return in_turn(((name, dense(whole_tensor(tensor))) for name, tensor in kept), self.world)

    def own(self) -> dict[str, Tensor]:
        """Buffers, and the weights of this rank's stages, whole: ranks that have the same stages put them together."""
        return {**self.buffers, **{name: whole_tensor(tensor) for name, tensor in self.weights.items()}}


def _kept(parameter: nn.Parameter, world: World, *, is_same: bool) -> Tensor:
    """A rank's part of a weight, copied unless `is_same`, among the ranks of a world; a quantized one never changes."""
    if isinstance(parameter, Quantized):
        return parameter
    if not isinstance(parameter, DTensor):
        return parameter.detach() if is_same else parameter.detach().clone()
    names = parameter.device_mesh.mesh_dim_names or ()
    known = (world.weights(*names), world.experts(*names))
    mesh = next(one for one in known if one is not None and one.mesh_dim_names == names)
    own = parameter.to_local().detach()
    shape: dict[str, Any] = {"shape": parameter.shape, "stride": parameter.stride()}
    return DTensor.from_local(own if is_same else own.clone(), mesh, parameter.placements, run_check=False, **shape)


@dataclass(frozen=True, slots=True)
class Copied:
    """Answers with copies (contract: `whet.contracts.rewards.Freezable`), by default of the weights of now.

    Each takes memory until its answers are there. `take` makes one, and `playing` a player that answers with it.
    """

    take: Callable[[], nn.Module]
    playing: Callable[[nn.Module], Player]

    def __call__(self, *given: Any, **named: Any) -> list[list[Trajectory]]:
        return self.frozen()(*given, **named)

    def frozen(self) -> Player:
        return self.playing(self.take())


@dataclass(frozen=True, slots=True)
class Parted:
    """Answers of a model whose weights ranks share (contract: `whet.contracts.rewards.Freezable`): `take` keeps this
    rank's shards of now, `made` puts a module together of them, and `playing` makes a player of it. With `are_alone`
    ranks then answer without each other."""

    take: Callable[[], Shards]
    made: Callable[[Shards], nn.Module]
    playing: Callable[[Any], Player]
    are_alone: bool = True

    def __call__(self, *given: Any, **named: Any) -> list[list[Trajectory]]:
        return self.frozen()(*given, **named)

    def frozen(self) -> Player:
        return _InTurn(self.take(), self.made, self.playing)


def whole_of(live: nn.Module, shards: Shards) -> nn.Module:
    """The whole model, on every rank."""
    return beside(shape_of(live), {**shards.buffers, **dict(shards.whole())})


def stage_of(shape: nn.Module, shards: Shards) -> nn.Module:
    """The model over the stages that ranks have, of which each holds its own."""
    return stage_with(shape, shards.own(), shards.world)


@dataclass(slots=True)
class _InTurn:
    """Puts its model together when it is first asked: all ranks at once. Asked again, a rank has it."""

    shards: Shards
    made: Callable[[Shards], nn.Module]
    playing: Callable[[Any], Player]
    _made: list[Player] = field(default_factory=list)

    def __call__(self, *given: Any, **named: Any) -> list[list[Trajectory]]:
        if not self._made:
            self._made.append(self.playing(self.made(self.shards)))
        return self._made[0](*given, **named)

"""Stages: a module of transformers that is cut into runs of layers, of which each rank of a pipeline holds its own.

The module keeps its shape and all its names. Where a part lies on another rank something stands that has no weights,
and while one stage runs, what belongs to the others is passed by. So the model's own forward is a stage's forward:
whatever it makes beside its layers (masks, rotary embeddings) every stage makes for itself.
"""

# T tokens  D model

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from whet.contracts.feature import ModelFeature
from whet.models.features.carried import features_of
from whet.models.forward.backbone import decoder_of, replaced, unwrapped
from whet.parallel.pipeline.carrier import Form

AT, HINT = "parallel.pipeline", "parallel.pipeline=1"


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a model is cut: the layers of each stage, its rank, and the names of its parameters. `tied`: first and last
    stage share a weight."""

    runs: Sequence[range]
    place: Sequence[int]
    schedule: str
    tied: bool
    names: Sequence[frozenset[str]]

    @property
    def last(self) -> int:
        return len(self.runs) - 1

    def holds(self, rank: int, stage: int) -> bool:
        return self.place[stage] == rank

    def own(self, rank: int) -> list[int]:
        return [stage for stage, holder in enumerate(self.place) if holder == rank]


@dataclass(frozen=True, slots=True, eq=False)
class Stages(ModelFeature):
    """What a module knows of being cut: the whole cut, this rank's place, and what lies between two stages. `entry` is
    that of the parts of the `first` stage which embeds tokens, by a `table`; `passed` stand for the `layers`, and
    `group` are the ranks of the pipeline, where there are any."""

    cut: Cut
    rank: int
    form: Form
    entry: str
    table: str
    first: Sequence[str]
    last: Sequence[str]
    layers: Sequence[str]
    passed: Sequence[PassThrough]
    group: dist.ProcessGroup | None = None

    def running(
        self, module: nn.Module, stage: int, states: Tensor | None, seam: Seam | None = None
    ) -> AbstractContextManager[None]:
        """Inside, a forward of the module is that of one of its stages, which goes on from what came in (T, D), or
        (B, T, D). A `seam` parts the last stage's layers from what follows them."""
        decoder: Any = decoder_of(unwrapped(module))
        holder = module.get_submodule(self.layers[0].rpartition(".")[0])._modules
        run, changes = self.cut.runs[stage], list[tuple[Any, str, nn.Module]]()
        for number in range(len(self.layers)):
            if number not in run:
                stand_in = self.passed[number]
                received = states if number == run.start - 1 else None
                part = stand_in if received is None else ReceivedStates(stand_in, received)
                changes.append((holder, str(number), part))
        if stage > 0:
            blank = BlankEmbedding(self.form)
            changes += [(decoder._modules, n, blank if n == self.entry else _PASS_THROUGH) for n in self.first]
        if stage < self.cut.last:
            changes += [(decoder._modules, name, _PASS_THROUGH) for name in self.last]
        elif seam is not None:
            name = str(len(self.layers) - 1)
            changes.append((holder, name, seam.behind(holder[name])))
        return replaced(changes)

    def weights(self, module: nn.Module, stage: int) -> list[nn.Parameter]:
        """The trained parameters of one of the rank's stages."""
        own = {id(parameter) for parameter in self._inside(module, stage)}
        return [p for p in module.parameters() if p.requires_grad and id(p) in own]

    def form_of(self, tokens: int) -> Form:
        """What lies between two stages of so many tokens."""
        return Form((tokens, *self.form.shape), self.form.dtype)

    def shared(self, module: nn.Module) -> list[nn.Parameter]:
        """Weights that first and last stage have in common, where these lie on two ranks: this rank's copies."""
        ends = (self.cut.place[0], self.cut.place[-1])
        if not self.cut.tied or ends[0] == ends[1] or self.rank not in ends:
            return []
        return [decoder_of(unwrapped(module)).get_submodule(self.table).weight]  # type: ignore[list-item]

    def gathered(self, value: Any) -> list[Any]:
        """The value of every rank of the pipeline, in their order, on each of them. Values are pickled."""
        assert self.group is not None
        box: list[Any] = [None] * self.group.size()
        dist.all_gather_object(box, value, group=self.group)
        return box

    def __deepcopy__(self, memo: object) -> Stages:
        return self  # a copy of a module is as much of the model

    def _inside(self, module: nn.Module, stage: int) -> Iterator[nn.Parameter]:
        """Parameters of a stage's layers, and of the parts of an end."""
        decoder: Any = decoder_of(unwrapped(module))
        for number in self.cut.runs[stage]:
            yield from module.get_submodule(self.layers[number]).parameters()
        for name in (*(self.first if stage == 0 else ()), *(self.last if stage == self.cut.last else ())):
            yield from decoder._modules[name].parameters()
        for owner, name in outside(module, decoder) if stage == self.cut.last else ():
            yield from owner._modules[name].parameters()  # type: ignore[union-attr]


def stages_of(module: nn.Module) -> Stages | None:
    """What a module knows of being cut; None for a whole one."""
    return next((one for one in features_of(module) if isinstance(one, Stages)), None)


def of_stages(module: nn.Module) -> Stages:
    """The same of a module that was cut."""
    found = stages_of(module)
    assert found is not None
    return found


class PassThrough(nn.Module):
    """Stands where a part is that another stage runs, with what others read of it: states pass through."""

    def __init__(self, part: nn.Module | None = None) -> None:
        super().__init__()
        vars(self).update(_facts(part))

    def forward(self, states: Tensor, *_: Any, **__: Any) -> Tensor:
        return states


def _facts(part: nn.Module | None) -> dict[str, Any]:
    """What others read of a part."""
    known, plain = {} if part is None else vars(part), (bool, int, float, str)
    return {name: value for name, value in known.items() if isinstance(value, plain) and not name.startswith("_")}


_PASS_THROUGH = PassThrough()


class ReceivedStates(PassThrough):
    """Stands where the last layer before a stage is, and gives what that stage was sent: a packed row (T, D), or rows
    (B, T, D)."""

    def __init__(self, layer: PassThrough, states: Tensor) -> None:
        super().__init__(layer)
        self._states = states

    def forward(self, *_: Any, **__: Any) -> Tensor:
        return self._states if self._states.dim() == 3 else self._states[None]


class Seam(nn.Module):
    """Stands where the last layer is, and parts the gradients of layers from those of all that follows: what they
    gave, and what goes on from it."""

    given: Tensor
    leaf: Tensor

    def behind(self, layer: Any) -> Seam:
        vars(self).update(_facts(layer) | {"layer": layer})  # which is no part of this
        return self

    def forward(self, states: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        found = vars(self)["layer"](states, *args, **kwargs)
        # torch (2.13) cuts what a stage gives from its past, which no view allows.
        self.given = (found if isinstance(found, Tensor) else found[0]).clone()
        self.leaf = self.given.detach().requires_grad_()
        return self.leaf if isinstance(found, Tensor) else (self.leaf, *found[1:])  # type: ignore[return-value]


class BlankEmbedding(PassThrough):
    """Stands where embeddings are that nobody will look at."""

    def __init__(self, form: Form) -> None:
        super().__init__()
        self._form = form

    def forward(self, states: Tensor | None = None, *_: Any, **named: Any) -> Tensor:
        ids: Tensor = named["input_ids"] if states is None else states
        return torch.zeros(*ids.shape, *self._form.shape, dtype=self._form.dtype, device=ids.device)


def outside(owner: nn.Module, decoder: nn.Module) -> Iterator[tuple[nn.Module, str]]:
    """The holders and names of parts with weights that lie beside the decoder."""
    for name, part in owner.named_children() if owner is not decoder else ():
        if any(one is decoder for one in part.modules()):
            yield from () if part is decoder else outside(part, decoder)
        elif any(True for _ in part.parameters()):
            yield owner, name

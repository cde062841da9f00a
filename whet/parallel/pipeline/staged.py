"""Staged models: a stage's forward of every model of a run, and at the last stage the models as objectives ask them."""

# T tokens  D model

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

from whet.base.errors import ModelError
from whet.contracts.batch import Batch
from whet.contracts.executor import POLICY
from whet.contracts.model import PLAIN, Model, Models, Prediction, Readout, Teacher
from whet.models.features.carried import share_of
from whet.models.forward.language import STATES
from whet.parallel.pipeline.carrier import Carrier, Form
from whet.parallel.pipeline.drive import Driver, States
from whet.parallel.pipeline.stages import AT, HINT, Seam, Stages, of_stages
from whet.parallel.shard import begin
from whet.parallel.world import World

_STATES = frozenset({STATES})
Said = TypeVar("Said")
# What goes around a forward pass: of a stage, and of a micro-batch by its number.
Around = Callable[[int, int], AbstractContextManager[Any]]


@dataclass
class Staged:
    """A model whose `module` is cut (contract: `whet.contracts.model.Teacher`): asked on the last stage's rank, it goes
    on from the `states` (T, D) that have arrived there, as often as it is asked, and through a `seam` if it has one."""

    module: nn.Module
    model: Model
    states: Tensor | None = None
    seam: Seam | None = None
    _weights: dict[int, Sequence[nn.Parameter]] = field(default_factory=dict)

    @property
    def stages(self) -> Stages:
        return of_stages(self.module)

    def form_of(self, batch: Batch) -> Form:
        """What lies between two stages: states of the tokens that this rank runs."""
        share = share_of(self.module, batch.text)
        return self.stages.form_of((batch.text if share is None else share.own(batch.text)).num_tokens)

    def weights(self, stage: int) -> Sequence[nn.Parameter]:
        """The trained parameters of a stage that lies here; they are looked up once."""
        if stage not in self._weights:
            self._weights[stage] = self.stages.weights(self.module, stage)
        return self._weights[stage]

    def passed(self, stage: int, batch: Batch, states_TD: Tensor | None) -> Tensor:
        """What a stage before the last one gives (T, D)."""
        with self.stages.running(self.module, stage, states_TD):
            given_TD = self.model.run(batch, _STATES)[STATES]
        if Form(tuple(given_TD.shape), given_TD.dtype) != (expected := self.form_of(batch)):
            raise ModelError(
                f"a stage gives {given_TD.dtype} numbers {tuple(given_TD.shape)}, and the next one expects "
                f"{expected.dtype} {expected.shape}, as embeddings have them", at=AT, hint=HINT,
            )  # fmt: skip
        return given_TD

    def run(self, batch: Batch, want: frozenset[str], readout: Readout = PLAIN) -> dict[str, Tensor]:
        with self.stages.running(self.module, self.stages.cut.last, self.states, self.seam):
            return self.model.run(batch, want, readout)

    def prediction(self, batch: Batch) -> Prediction:
        with self.stages.running(self.module, self.stages.cut.last, self.states):
            return cast(Teacher, self.model).prediction(batch)


@dataclass(frozen=True)
class Forwards:
    """The forward passes of a rank's stages: that of the trained model, and of those beside it along with it."""

    staged: Mapping[str, Staged]
    around: Around
    models: Models = field(init=False)

    def __post_init__(self) -> None:
        others = {name: one for name, one in self.staged.items() if name != POLICY}
        object.__setattr__(self, "models", Models(self.staged[POLICY], others))
        for one in self.staged.values():
            begin(one.module)

    @property
    def last(self) -> int:
        """The stage that objectives are called at."""
        return self.staged[POLICY].stages.cut.last

    def forms(self, batch: Batch) -> Mapping[str, Form]:
        return {name: one.form_of(batch) for name, one in self.staged.items()}

    def forward(self, stage: int, number: int, batch: Batch, states: States) -> States:
        with self.around(stage, number):
            return {name: one.passed(stage, batch, states.get(name)) for name, one in self.staged.items()}

    def arrive(self, states: States) -> None:
        """At the last stage: what its models go on from."""
        for name, one in self.staged.items():
            one.states = states[name]


@torch.no_grad()
def through(staged: Staged, batch: Batch, world: World, last: Callable[[], Said]) -> Said:
    """One forward of a whole model, from stage to stage: what `last` gives inside the last one, on every stage."""
    stages, group = staged.stages, world.group("stages")
    assert group is not None
    driver = Driver(stages.cut.place, stages.rank, Carrier(group, world.device))
    said: Said | None = None
    for _, states in driver.arrivals([batch], Forwards({POLICY: staged}, lambda stage, number: nullcontext())):
        if states is not None:
            with stages.running(staged.module, stages.cut.last, states[POLICY]):
                said = last()
    return world.told(said, "stages", stages.cut.place[-1])

"""The objective of a run, resolved once: its kind with what it declares, and the loss that was built of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from whet.base.catalogue import objective
from whet.base.facts import ObjectiveFacts
from whet.base.run import Run
from whet.contracts.objective import Traits, traits_of
from whet.contracts.reading import Reading


@dataclass(frozen=True)
class Chosen:
    """`loss` is what the kind built from its settings, before it knows how the run draws answers."""

    name: str
    facts: ObjectiveFacts
    loss: Any

    @property
    def traits(self) -> Traits:
        """What the loss says of itself."""
        return traits_of(self.loss)

    @property
    def reading(self) -> Reading | None:
        """How texts become samples, of an objective that reads no conversations."""
        return self.traits.reading


def facts_of(run: Run) -> ObjectiveFacts:
    """What the run's objective declares."""
    return objective.get(run.objective.kind).facts


def chosen_of(run: Run) -> Chosen:
    """Raises ConfigError for settings of the objective that do not go together."""
    return Chosen(run.objective.kind, facts_of(run), objective.get(run.objective.kind).build(**run.objective.values()))

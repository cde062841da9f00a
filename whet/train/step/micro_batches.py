"""Cut a step into micro-batches and deal them to the ranks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from whet.contracts.batch import Batch
from whet.contracts.steps import Step
from whet.data.order.collate import collate, dummy
from whet.data.order.pack import pack
from whet.parallel.world import World


@dataclass(slots=True)
class Dealer:
    """Packs the samples of a step into rows of at most `capacity` tokens (or samples).

    Every rank gets the same number of micro-batches, an idle one dummies, so that collectives match.
    The capacity falls when memory runs out, and is stored, because the order of sums depends on it.
    A group's shared beginning is computed once where the model `shares`. Unless it `splits`, a step that
    does not fit into memory cannot be cut further: its samples need each other (batch norm).
    """

    world: World
    capacity: int
    shares: bool = True
    splits: bool = True

    def __call__(self, step: Step) -> list[Batch]:
        rows = self.rows(step.lengths)
        mine = rows[self.world.index("data") :: self.world.count("data")]
        rounds = -(-len(rows) // self.world.count("data"))
        batches = [collate([step.fetch(i) for i in row], shared=self.shares) for row in mine]
        if len(batches) < rounds:
            shortest = min(range(len(step.lengths)), key=step.lengths.__getitem__)
            batches += [dummy(step.fetch(shortest), shared=self.shares)] * (rounds - len(batches))
        return batches

    def state_dict(self) -> dict[str, Any]:
        return {"capacity": self.capacity}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.capacity = state["capacity"]

    def rows(self, lengths: Sequence[int]) -> list[list[int]]:
        """Indices of the samples of each row, longest rows first, so that ranks in one round are even."""
        rows = pack(lengths, max(self.capacity, max(lengths)))
        return sorted(rows, key=lambda row: (-sum(lengths[i] for i in row), row))

"""Tools of ranks that are in the same conversations: each call is run once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from whet.generate.tools import Call, Observation, Tools
from whet.parallel.world import World


@dataclass(frozen=True, slots=True)
class DealtTools:
    """A toolbox of each rank on an axis, which all ask for the same calls: each runs some, and tells the others."""

    own: Tools
    world: World
    axis: str

    @property
    def schemas(self) -> list[Mapping[str, Any]]:
        return self.own.schemas

    def run(self, calls: Sequence[Call]) -> list[Observation]:
        """What each call gives, as `Toolbox.run` does."""
        count = self.world.count(self.axis)
        shares = self.world.gathered(self.own.run(calls[self.world.index(self.axis) :: count]), self.axis)
        return [shares[number % count][number // count] for number in range(len(calls))]

    def close(self) -> None:
        self.own.close()

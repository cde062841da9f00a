"""What `whet plan` and `whet fit` are asked, read from what was typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from whet.base.run import Run
    from whet.plan.hardware.cards import Card

USUAL_LENGTH = 2048


class Asked(NamedTuple):
    """What was typed, read: a run, its model's name and config, and how many of which card."""

    run: Run
    name: str
    config: dict[str, Any]
    card: Card
    gpus: int
    length: int | None
    mesh: list[str]
    measured: bool  # whether finished runs are asked

    def longest(self, context: int | None) -> int:
        return self.length or self.run.data.max_length or min(context or USUAL_LENGTH, USUAL_LENGTH)

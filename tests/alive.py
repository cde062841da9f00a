"""The most bytes that were alive at once."""

from __future__ import annotations

from whet.plan.tracing.live import Timeline


def most(timeline: Timeline) -> int:
    """Of all that a timeline tells."""
    held = highest = 0
    for kind, number in timeline.events:
        if kind != "at":
            held += timeline.pieces[number][0] * (1 if kind == "+" else -1)
            highest = max(highest, held)
    return highest

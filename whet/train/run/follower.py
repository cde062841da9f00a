"""The follower of a training: asked for at the door, started once the run records something."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from whet.base.errors import ConfigError
from whet.base.run import Run
from whet.track.follow.order import Order
from whet.track.follow.start import start
from whet.track.records import Notice


def ordered(run: Run) -> Order | None:
    """By whom the run is to be followed, or None. Raises ConfigError where one of them cannot be."""
    if not run.track.tee and not run.track.alerts.channels:
        return None
    if all(sink.kind != "log" for sink in run.track.sinks):
        raise ConfigError(
            "followers read the run's log, and `track.sinks` has none", hint="track.sinks=[log, terminal]"
        )
    order = Order.of(run.track.tee, run.track.alerts, run.plugins)
    if os.environ.get("RANK", "0") == "0":  # others need no secrets
        order.check()
    return order


def begin(order: Order | None, folder: Path, step: int, emit: Callable[[Notice], None]) -> None:
    """Start the follower; where there can be none, the run goes on without and says so."""
    if order is None:
        return
    try:
        start(folder, order)
    except OSError as error:
        emit(Notice(step, "warning", f"nobody follows this run: {error.strerror}"))

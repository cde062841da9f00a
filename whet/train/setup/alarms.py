"""What follows an alarm: the run stops, goes on, or goes back to a checkpoint of before and leaves out what made it."""

from __future__ import annotations

from whet.base.errors import WhetError
from whet.base.run import Run, Watchdog
from whet.parallel.world import World
from whet.train.loop import OnAlarm
from whet.train.run.folder import RunFolder
from whet.train.run.rollbacks import OUTCOME, decide, rollbacks


def on_alarm(run: Run, folder: RunFolder, world: World) -> OnAlarm | None:
    """The answer that `train.watchdog.action` asks for; None where training goes on. All ranks ask it at once."""
    settings = run.train.watchdog
    if settings.action == "stop":
        return lambda at, num_odd, alarm: ("failed", f"{alarm}; the last checkpoint is untouched")
    if settings.action != "rollback":
        return None

    def back(at: int, num_odd: int, alarm: str) -> tuple[str, str]:
        decided = _decided(settings, folder, at, num_odd, alarm) if world.is_writer else None
        outcome, reason = world.agreed(decided)
        return outcome, reason

    return back


def _decided(settings: Watchdog, folder: RunFolder, at: int, num_odd: int, alarm: str) -> tuple[str, str]:
    first = max(1, at - num_odd + 1 - settings.skip)
    try:
        if (past := len(rollbacks(folder.path))) >= settings.rollbacks:
            return "failed", f"{alarm}; the run has gone back {past} times already (train.watchdog.rollbacks)"
        found = decide(folder.path, folder.checkpoints, first, at, alarm)
    except (OSError, WhetError) as error:  # as long as others wait for what is decided
        return "failed", f"{alarm}; the run cannot go back: {getattr(error, 'message', error)}"
    if found is None:
        return "failed", f"{alarm}; no checkpoint of before step {first} is kept to go back to (train.keep)"
    return OUTCOME, found.words

"""Following a run as it is written: a round a second, until its logs can grow no more and all of them have arrived."""

from __future__ import annotations

import time
from pathlib import Path

from whet.base.errors import RunError
from whet.track.logs.logfile import STALE_S
from whet.track.push.client import Refused, Unreachable
from whet.track.push.sending import Push
from whet.track.reading.read import History
from whet.track.reading.store import LOGS

EVERY_S = 1.0
# Files are looked at less often: there may be many.
FILES_EVERY_S = 10.0
# How long a server that is not there is waited for once the run is over.
PATIENCE_S = 600.0
_LONGEST_PAUSE_S = 30.0


def follow(folder: Path, push: Push, patience_s: float = PATIENCE_S) -> None:
    """Push a run until it is over. Raises Unreachable or Refused once there is no more use in trying."""
    logs, pause_s, files_at, over_at = History(folder / LOGS), EVERY_S, -FILES_EVERY_S, None
    while True:
        logs.refresh()
        now = time.monotonic()
        is_over = _is_over(folder, logs)
        over_at = over_at or (now if is_over else None)
        with_files = is_over or now - files_at >= FILES_EVERY_S
        try:
            # While a log grows it is sent up to its last whole frame: what a full disk cuts off is taken back.
            push.round(None if is_over else {f"{LOGS}/{n}": o for n, o in logs.offsets.items()}, with_files=with_files)
        except RunError:  # no log yet
            if is_over:
                raise
        except (Unreachable, Refused, OSError) as error:
            is_hopeless = isinstance(error, Refused) and not error.is_passing and error.status != 409
            if is_hopeless or (over_at is not None and now - over_at > patience_s):
                raise
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        else:
            if is_over:
                return
            pause_s, files_at = EVERY_S, now if with_files else files_at
        time.sleep(pause_s)


def _is_over(folder: Path, logs: History) -> bool:
    """Whether nothing more is to come: all logs have ended or lost their writer, or nobody has written for long."""
    if not logs.writers:
        return not folder.is_dir()
    if logs.is_settled:
        return True
    newest = max((path.stat().st_mtime for path in (folder / LOGS).glob("*.tlog")), default=0.0)
    return logs.status != "running" and time.time() - newest > STALE_S

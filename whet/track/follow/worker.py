"""Worker: the process of one plug-in. It says on a pipe that it lives, and ends with its supervisor, or its work."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from whet.base.errors import RunError, WhetError, first_line
from whet.base.launcher import end_with_parent
from whet.base.slots import load_plugin
from whet.track.follow.delivery import Delivery
from whet.track.follow.order import Order, memory_of
from whet.track.follow.secrets import redacted

POLL_S = 0.5
# Exit codes: the work is done; it failed and may be tried again; no try will help.
DONE, FAILED, REFUSED = 0, 1, 3


class Pipe:
    """What the supervisor is told, a JSON object a line."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def beat(self, has_moved: bool) -> None:
        """Still here; and whether anything was handed on since the last time."""
        self._write({"beat": has_moved})

    def tell(self, level: str, text: str) -> None:
        """Something the run should hear."""
        self._write({"level": level, "text": redacted(text)})

    def _write(self, value: dict[str, object]) -> None:
        os.write(self._fd, json.dumps(value).encode() + b"\n")


def main(run: Path, name: str, digest: str, pipe: Pipe, *, sleep: Callable[[float], None] = time.sleep) -> int:
    """Follow a run for one plug-in of the order with a digest until both have ended. Returns the exit code."""
    try:
        order = Order.load(run)
        if order.digest != digest:
            raise RunError("who follows the run was changed meanwhile", hint=f"whet runs follow {run}")
        for path in order.plugins:
            load_plugin(Path(path))
        plugin = order.named(name).build()
    except WhetError as error:
        pipe.tell("warning", f"`{name}` cannot follow: {first_line(error)}")
        return REFUSED
    pipe.beat(False)
    delivery = Delivery(run, plugin, memory_of(run, name), pipe.tell, lambda: pipe.beat(False))
    while True:
        has_moved = delivery.pump()
        delivery.tick(time.time())
        pipe.beat(has_moved)
        if delivery.is_over:
            break
        if not has_moved:
            sleep(POLL_S)
    delivery.finish()
    while plugin.is_waiting:
        delivery.tick(time.time())
        pipe.beat(False)
        sleep(POLL_S)
    return DONE


if __name__ == "__main__":
    end_with_parent()
    folder, plugin_name, agreed, descriptor = sys.argv[1:]
    try:
        code = main(Path(folder), plugin_name, agreed, Pipe(int(descriptor)))
    except Exception as error:  # whatever its author forgot
        print(redacted(f"{type(error).__name__}: {error}"), file=sys.stderr, flush=True)
        code = FAILED
    sys.stdout.flush()
    os._exit(code)  # threads of a library may wait for ever

"""The pusher's process: `python -m whet.track.push FOLDER` follows a run; what it has to say stands in `push.log`."""

from __future__ import annotations

import fcntl
import hashlib
import os
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from whet.base.errors import WhetError
from whet.track.push.address import address_of
from whet.track.push.blocks import NOTES
from whet.track.push.client import Client, Refused, Unreachable
from whet.track.push.following import follow
from whet.track.push.sending import Push


def main(folder: Path) -> int:
    """Push one run to its end, unless another process of this machine does."""
    lock = _taken(folder)
    if lock is None:
        return 0
    with suppress(OSError):
        os.nice(10)  # training goes first

    def tell(text: str) -> None:
        with suppress(OSError), (folder / NOTES).open("a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")

    try:
        client = Client(address_of(None))
        push = Push(folder, client, tell)
        follow(folder, push)
    except (WhetError, Unreachable, Refused, OSError) as error:
        tell(f"not pushed: {error}; `whet runs push` does it later".replace("\n", "; "))
        return 1
    tell(f"pushed to {client.address} as `{push.name}`")
    for path, reason in push.left_out.items():
        tell(f"left out {path}: {reason}")
    return 0


def _taken(folder: Path) -> IO[bytes] | None:
    """A lock for the pusher of a folder, held as long as the file is open; None where another has it."""
    place = Path(tempfile.gettempdir(), f"whet-push-{os.getuid()}")
    place.mkdir(mode=0o700, exist_ok=True)
    file = open(  # noqa: SIM115 (it is held as long as the process lives)
        place / hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:32], "ab"
    )
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

"""A real training of a tiny model, to ask things of: `python web/tests/training.py ROOT NAME STEPS`.

It is launched, so that its page tells what it ended by.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from tests import tiny
from whet.cli.main import main
from whet.track import launch
from whet.track.logs.announced import VARIABLE


def train(root: str, name: str, steps: int) -> int:
    """Train under `root` until it is told to stop, or so many steps are done."""
    work = Path(tempfile.mkdtemp())
    track = {"folder": root, "sinks": ["log"], "environment": False, "hardware_every_s": 0}
    config = tiny.config(work, train={"steps": steps, "checkpoint_every": 10_000}, track=track)
    (work / "run.yaml").write_text(json.dumps(config))
    return main(["train", str(work / "run.yaml"), "--name", name])


if __name__ == "__main__":
    if VARIABLE in os.environ:
        sys.exit(train(sys.argv[1], sys.argv[2], int(sys.argv[3])))
    launch([sys.executable, *sys.argv])

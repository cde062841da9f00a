"""`python -m whet.track.follow RUN_FOLDER DIGEST`: follow a run as an order says, beside it and more humbly than it."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from whet.track.follow.supervisor import follow

# Of 19: what trains comes first.
_HUMILITY = 10

if __name__ == "__main__":
    with suppress(OSError):
        os.nice(_HUMILITY)
    follow(Path(sys.argv[1]), agreed=sys.argv[2])

"""Pages train the same tiny models again and again: each is probed and rehearsed once."""

from tests.probed import probed_once, rehearsed_once

__all__ = ["probed_once", "rehearsed_once"]

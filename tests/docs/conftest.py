"""Pages train the same tiny models again and again: each is probed once."""

from tests.probed import probed_once

__all__ = ["probed_once"]

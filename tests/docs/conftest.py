"""Pages train the same tiny models again and again: each is probed, rehearsed and answers once."""

from tests.probed import answered_once, probed_once, rehearsed_once

__all__ = ["answered_once", "probed_once", "rehearsed_once"]

"""Models of few architectures are loaded again and again: each is probed once."""

from tests.probed import probed_once

__all__ = ["probed_once"]

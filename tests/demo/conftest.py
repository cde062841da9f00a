"""The demo's tiny models are probed once."""

from tests.probed import probed_once

__all__ = ["probed_once"]

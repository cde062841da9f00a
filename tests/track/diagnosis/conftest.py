"""Probes and rehearsals of tiny models are made once."""

from tests.probed import probed_once, rehearsed_once

__all__ = ["probed_once", "rehearsed_once"]

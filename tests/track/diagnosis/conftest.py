"""Probes, rehearsals and answers of tiny models are made once."""

from tests.probed import answered_once, probed_once, rehearsed_once

__all__ = ["answered_once", "probed_once", "rehearsed_once"]

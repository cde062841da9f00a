"""Exports load many models of few architectures, whose probes are tested elsewhere."""

from tests.probed import probed_once

__all__ = ["probed_once"]

"""The optimizers' tests train tiny runs as those of the loop do."""

from tests.probed import answered_once, probed_once, rehearsed_once
from tests.train.conftest import trained

__all__ = ["answered_once", "probed_once", "rehearsed_once", "trained"]

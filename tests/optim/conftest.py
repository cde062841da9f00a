"""The optimizers' tests train tiny runs as those of the loop do."""

from tests.train.conftest import trained

__all__ = ["trained"]

"""How much an optimizer step has: what a config says, and where it is silent so many tokens or samples."""

from __future__ import annotations

from whet.base.run import Train

BATCH_TOKENS = 16_384
BATCH_SAMPLES = 128  # of a model without tokens


def step_tokens(train: Train, longest: int) -> int:
    """The most tokens of all ranks in a step, of samples that have up to `longest` of them."""
    return train.batch_samples * longest if train.batch_samples else train.batch_tokens or BATCH_TOKENS

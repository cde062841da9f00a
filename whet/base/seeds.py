"""Seeds derived from the run's seed and a place in it, and a fork of the default generators."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager


def derive(*parts: int | str) -> int:
    """A 63-bit seed that is a function of `parts` alone, such as (seed, step, micro-batch, rank)."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


@contextmanager
def apart(number: int) -> Iterator[None]:
    """Inside, draws are those of this number alone; what is drawn after it is the same for all numbers.

    For ranks that draw alike, but for what each of them has a part of: what decides is drawn from the default
    generator, once.
    """
    import torch

    with forked(int(torch.randint(2**62, ())), number):
        yield


@contextmanager
def forked(*parts: int | str) -> Iterator[None]:
    """Seed torch's default generators from `parts` inside the block and put them back after it.

    Everything random in a step goes through the default generators (dropout has no other way), so a
    step's noise depends on its place in the run and never on what else the process does.
    """
    import torch

    devices = [torch.cuda.current_device()] if torch.cuda.is_available() and torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices=devices):
        seed = derive(*parts)
        if torch.accelerator.is_available():
            torch.manual_seed(seed)
        else:
            # `torch.manual_seed` (2.13) keeps each call for the day that an accelerator comes, with the stack that it
            # came from as text, three times: a twelfth of a tiny run's time, and memory that grows with every step.
            torch.default_generator.manual_seed(seed)
        yield

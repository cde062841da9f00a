"""How much is computed at once, by kind of device: what is larger is cut into chunks.

A value, so that a plan can ask for the chunks of a card that is not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AtOnce:
    """`logits_bytes`: of a head's logits. `row_numbers`: elements of a chunk of rows that an optimizer steps.
    `matrix_numbers`: elements of matrices of one shape that a whole rule takes."""

    logits_bytes: int
    row_numbers: int
    matrix_numbers: int


# Logits: fewer, larger chunks keep the products efficient: below about 500 rows they lose 10 % and more (2-core CPU,
# D 384, V 32000), and on a GPU each chunk reads and writes the fp32 gradient of the head once.
# Rows: a CPU gains from temporaries that its second-level cache holds; a GPU from few large launches.
# Matrices: a CPU gains where they are tiny; larger ones it multiplies as fast singly, without a stack of copies.
ON: Mapping[str, AtOnce] = {
    "cpu": AtOnce(64 << 20, 1 << 18, 1 << 16),
    "cuda": AtOnce(1 << 30, 1 << 25, 1 << 24),
}
_INSTEAD: ContextVar[AtOnce | None] = ContextVar("whet_at_once", default=None)


def at_once(device: str) -> AtOnce:
    """That of a type of device, or what was asked for instead."""
    return _INSTEAD.get() or ON.get(device, ON["cuda"])


@contextmanager
def computed_by(chosen: AtOnce) -> Iterator[None]:
    """Inside, and in this thread alone, chunks have these sizes on whatever device."""
    token = _INSTEAD.set(chosen)
    try:
        yield
    finally:
        _INSTEAD.reset(token)

"""What whoever decides which sequences go on asks of a cache: parts of them in, logits out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from torch import Tensor


class Part(NamedTuple):
    """Tokens that a sequence goes on with: its key, how many it has before them, of how many of these, from the last
    one back, the logits of the next token are wanted, and the adapter that they are read with."""

    key: int
    start: int
    ids: Sequence[int]
    told: int = 1
    adapter: str | None = None

    @property
    def end(self) -> int:
        return self.start + len(self.ids)


class Beginning(NamedTuple):
    """A sequence that has not begun: its tokens, the adapter that they are read with, whether what is known of others
    with the same beginning is taken over, and how many tokens it may come to have."""

    ids: Sequence[int]
    adapter: str | None = None
    takes_over: bool = True
    longest: int = 1 << 30


class Sequences(Protocol):
    """Sequences in the making by key, for whoever decides which go on."""

    @property
    def is_shared(self) -> bool:
        """Whether parts run in one forward, and a long one may come in pieces."""
        ...

    def begin(self, key: int, beginning: Beginning) -> int:
        """Let a sequence begin, anew where nothing of it was run yet: how many of its first tokens are known already,
        and need not be run."""
        ...

    def run(self, parts: Sequence[Part]) -> list[Tensor]:
        """Logits (told, V) float32 of each part. What a sequence held from the part's start on is forgotten."""
        ...

    def leave(self, key: int, num_tokens: int) -> None:
        """End a sequence. Its first tokens, so many, may stay for others that begin alike, as long as there is room."""
        ...

    def fits(self, lengths: Mapping[int, int], more: Beginning | None = None) -> bool:
        """Whether there is room for these sequences, by key with so many tokens each, and for one more that begins."""
        ...

    def spare(self, lengths: Mapping[int, int]) -> int:
        """How many tokens more each of these sequences may have."""
        ...

    def clear(self) -> None:
        """Forget all sequences, and give their memory back."""
        ...


# A beginning that is known already is taken over from so many tokens on.
LEAST_SHARED = 8


def alike(ids: Sequence[int], others: Sequence[int], most: int) -> int:
    """How many tokens two texts have in common at the front, at most so many."""
    low, high = 0, min(len(ids), len(others), most)
    while low < high:  # slices are compared faster than tokens one by one
        middle = (low + high + 1) // 2
        if ids[low:middle] == others[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low

"""Which tokens of a row each rank of `context` has: every token lies on one rank, in equal shares, whatever the way."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from whet.base.errors import DataError
from whet.parallel.context import Context, least_tokens


@dataclass
class Group:
    """A group of so many ranks, of which none is there."""

    ranks: int

    def size(self):
        return self.ranks


def context(near: int, places: int) -> Context:
    """`near` ranks that share heads, in a ring of so many places."""
    return Context(Group(near * places), *(Group(n) if n > 1 else None for n in (near, places)))


@pytest.mark.parametrize(("near", "places", "by"), [(4, 1, "ulysses"), (1, 4, "ring"), (2, 3, "both"), (3, 2, "both")])
def test_every_token_lies_on_one_rank_and_places_see_alike(near, places, by):
    sharing, ranks = context(near, places), near * places
    for tokens in (least_tokens(by, ranks), 97, 240):
        runs = sharing._runs(tokens)
        held = [token for own in runs for run in own for token in range(tokens)[run]]
        assert sorted(held) == list(range(tokens))
        sizes = [sum(run.stop - run.start for run in own) for own in runs]
        assert max(sizes) - min(sizes) <= 2
    if places > 1:  # at 240 tokens all divides: each place's tokens see as much as those of any other
        seen = [sum(token + 1 for own in runs[at : at + near] for run in own for token in range(240)[run])
                for at in range(0, ranks, near)]  # fmt: skip
        assert len(set(seen)) == 1
    with pytest.raises(DataError, match=f"which takes {least_tokens(by, ranks)}"):
        sharing._runs(least_tokens(by, ranks) - 1)

"""Whose turn it is: block-coordinate training, where a few layers are trained at a time.

Whose turn it is follows from (seed, step) alone, so a resumed run goes on with the same block at the same place.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Literal

from whet.base.errors import ConfigError
from whet.base.seeds import derive
from whet.optim.groups import NamedParameter, ParamGroups

Order = Literal["random", "ascending", "descending"]


class Turns:
    """`chosen(turn)` are the layers trained in the turn-th turn, each `every` steps long.

    Parameters outside of the layers are trained always where `always` says so, else never.
    """

    def __init__(
        self, every: int, chosen: Callable[[int], frozenset[int]], always: Callable[[NamedParameter], bool]
    ) -> None:
        self.every, self._chosen, self._always = every, chosen, always
        self._last: tuple[int, frozenset[int]] = (-1, frozenset())

    def is_active(self, member: NamedParameter, clock: int) -> bool:
        """Whether `member` is trained in the step after `clock` steps."""
        turn = clock // self.every
        if self._last[0] != turn:
            self._last = (turn, self._chosen(turn))
        return self._always(member) if member.layer is None else member.layer in self._last[1]


def one_by_one(num_blocks: int, order: Order, seed: int) -> Callable[[int], frozenset[int]]:
    """One layer a turn; all have had theirs before any has it again (BAdam, Luo et al. 2024, algorithm 1)."""

    def chosen(turn: int) -> frozenset[int]:
        cycle, place = divmod(turn, num_blocks)
        blocks = list(range(num_blocks))
        if order == "random":
            random.Random(derive(seed, "turns", cycle)).shuffle(blocks)
        elif order == "descending":
            blocks.reverse()
        return frozenset({blocks[place]})

    return chosen


def sampled(num_blocks: int, count: int, seed: int) -> Callable[[int], frozenset[int]]:
    """`count` layers a turn, drawn anew (LISA, Pan et al. 2024, algorithm 1)."""
    return lambda turn: frozenset(random.Random(derive(seed, "lisa", turn)).sample(range(num_blocks), count))


def count_layers(groups: ParamGroups, kind: str) -> int:
    """How many repeated layers have trained parameters. Raises ConfigError where there are none to take turns."""
    found: Sequence[int] = sorted({m.layer for m in groups.members if m.layer is not None})
    if not found:
        raise ConfigError(
            f"`optimizer: {kind}` trains layers in turn, and this model repeats none", hint="optimizer: adamw"
        )
    return found[-1] + 1

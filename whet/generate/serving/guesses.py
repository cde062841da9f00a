"""Tokens that an answer may go on with, guessed from what stands in it and in its prompt already.

What is guessed is read along with the last token, and each guess is compared with the token that is then chosen: as
far as they agree, several tokens come of one step. Tokens are chosen as they would be without it, by the same draws, so
answers do not change, to rounding (prompt lookup: Saxena 2023; speculative decoding: Leviathan et al. 2023, whose
rejection sampling is not needed where a draw is a function of the distribution and a number).
"""

from __future__ import annotations

from collections.abc import Sequence

# What has come before is known again by so many tokens.
_GRAM = 3


class Guesses:
    """One text as it grows: behind its last tokens comes what came behind the same ones the last time.

    How many are guessed follows from how many were right. O(1) for each token, and as much memory as the text.
    """

    def __init__(self, ids: Sequence[int]) -> None:
        self._ids: list[int] = []
        self._behind: dict[tuple[int, ...], int] = {}
        self._length = 2
        for token in ids:
            self.add(token)

    def add(self, token: int) -> None:
        """The text has a token more."""
        if len(self._ids) >= _GRAM:  # not before: the last tokens must not find themselves
            self._behind[tuple(self._ids[-_GRAM:])] = len(self._ids)
        self._ids.append(token)

    def next(self, most: int) -> list[int]:
        """At most so many tokens that may come now; none where the last ones are new."""
        at = self._behind.get(tuple(self._ids[-_GRAM:]))
        if at is None or most < 1:
            return []
        return self._ids[at : at + min(most, self._length)]

    def heard(self, num_guessed: int, num_right: int) -> None:
        """How many of the last guesses were right."""
        if num_guessed:
            self._length = 2 * num_guessed if num_right == num_guessed else max(1, num_right)

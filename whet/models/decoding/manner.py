"""Manners of decoding: what rows of a model may share, so that each gets what the plain forward gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from whet.models.text import text_config

_TOGETHER = {"padded": "texts padded to one length", "equal": "texts of one length", "single": "one text at a time"}


@dataclass(frozen=True, slots=True)
class Manner:
    """How a model decodes.

    `cached`: what was computed of earlier tokens is kept; else every token is computed anew for each that follows.
    `rows` that go together may be `padded` to one length, or must be of `equal` length, or each stays `single`.
    `first` is the number of a row's first position. At more than `turn` tokens a rotary embedding takes other
    frequencies, which what was kept has not; with `turns_always` at each token beyond it. `grows`: our cache takes the
    place of the model's own where that keeps all keys and values. `notices` are sentences for the user. `refused` says
    why answers cannot be given at all, and `remedy` what helps.
    """

    cached: bool = True
    rows: Literal["padded", "equal", "single"] = "padded"
    first: int = 0
    turn: int | None = None
    turns_always: bool = False
    grows: bool = True
    notices: tuple[str, ...] = ()
    refused: str = ""
    remedy: str = ""

    @property
    def words(self) -> str:
        """In a few words, for a run's facts."""
        kept = "with a cache" if self.cached else "without a cache"
        return f"{kept}, {_TOGETHER[self.rows]}"

    def joins(self, one: int, other: int, room: int) -> bool:
        """Whether rows of `one` and `other` tokens may go together, when each gets at most `room` more."""
        if self.rows == "single":
            return False
        is_before = self.turn is None or max(one, other) + room <= self.turn
        return one == other or (self.rows == "padded" and is_before)


PLAIN = Manner(cached=False, rows="single")


def turn_of(config: Any) -> tuple[int | None, bool]:
    """The length at which a rotary embedding turns to other frequencies, and whether it goes on to turn beyond it."""
    text = text_config(config)
    rope = getattr(text, "rope_parameters", None)
    parts = [part for part in (rope, *rope.values()) if isinstance(part, dict)] if isinstance(rope, dict) else []
    kinds = {part.get("rope_type"): part for part in parts}
    for kind in ("dynamic", "longrope"):
        if kind in kinds:
            own = kinds[kind].get("original_max_position_embeddings")
            length = own or getattr(text, "original_max_position_embeddings", None)
            return length or getattr(text, "max_position_embeddings", None), kind == "dynamic"
    return None, False

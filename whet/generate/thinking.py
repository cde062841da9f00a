"""Telling a model's thinking, between `<think>` and `</think>`, from its answer while both stream."""

from __future__ import annotations

from collections.abc import Iterator

from whet.generate.detokenize import overlap

OPEN, CLOSE = "<think>", "</think>"


class ThinkingSplit:
    """Cuts text into parts that are thinking and parts that are not; the tags themselves are left out.

    `is_thinking` is where it starts: some templates open the thinking in the prompt.
    """

    def __init__(self, is_thinking: bool = False) -> None:
        self.is_thinking = is_thinking
        self._held = ""

    def push(self, text: str) -> Iterator[tuple[str, bool]]:
        """Parts of the text so far, each with whether it is thinking. What may be the start of a tag is held."""
        text = self._held + text
        while (place := text.find(self._tag)) >= 0:
            yield from self._part(text[:place])
            text = text[place + len(self._tag) :]
            self.is_thinking = not self.is_thinking
        keep = overlap(text, self._tag)
        self._held = text[len(text) - keep :]
        yield from self._part(text[: len(text) - keep])

    def flush(self) -> Iterator[tuple[str, bool]]:
        """What was held for a tag that did not come."""
        text, self._held = self._held, ""
        yield from self._part(text)

    @property
    def _tag(self) -> str:
        return CLOSE if self.is_thinking else OPEN

    def _part(self, text: str) -> Iterator[tuple[str, bool]]:
        if text:
            yield text, self.is_thinking

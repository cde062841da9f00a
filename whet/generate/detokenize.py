"""From tokens to text as they come: whole characters only, the spaces of the whole text, stop strings caught."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# Decoders put this where bytes are not, or not yet, a character.
_REPLACEMENT = "\ufffd"
# Tokens of the prompt that are decoded along, because some tokenizers drop the space of a text's first token.
_PROMPT_TAIL = 5


class Detokenizer:
    """The text that each further token adds. Special tokens add nothing.

    Bytes that are no character yet are held until one of the next tokens completes them. A window of a few tokens is
    decoded each time, so the cost of a token does not grow with the text.
    """

    def __init__(self, tokenizer: Any, prompt_ids: Sequence[int] = ()) -> None:
        self._tokenizer = tokenizer
        self._ids = list(prompt_ids[-_PROMPT_TAIL:])
        self._start, self._read = 0, len(self._ids)

    def push(self, token_id: int) -> str:
        """The text that is certain now and was not before."""
        self._ids.append(token_id)
        text = self._decode(self._ids[self._start :])
        return "" if text.endswith(_REPLACEMENT) else self._advance(text)

    def flush(self) -> str:
        """What was held, broken or not: no token will complete it."""
        return self._advance(self._decode(self._ids[self._start :]))

    def _advance(self, text: str) -> str:
        fresh = text[len(self._decode(self._ids[self._start : self._read])) :]
        if fresh:
            self._start, self._read = self._read, len(self._ids)
        return fresh

    def _decode(self, ids: list[int]) -> str:
        # Cleaning up spaces would change text that has been given out already.
        return self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)


class StopStrings:
    """Passes text on up to the first stop string, `found`; what may be the start of one is held."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""
        self.found: str | None = None

    def push(self, text: str) -> str:
        """Text that is before any stop string. After `found` nothing comes any more."""
        if self.found:
            return ""
        text = self._held + text
        # The one that is complete first, so that it does not matter how the text was cut.
        places = [(place + len(stop), place, stop) for stop in self._stops if (place := text.find(stop)) >= 0]
        if places:
            _, place, self.found = min(places)
            self._held = ""
            return text[:place]
        keep = max((overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def flush(self) -> str:
        """What was held for a stop string that did not come."""
        text, self._held = self._held, ""
        return text


def overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that is a start of `stop`."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if stop.startswith(text[-n:])), 0)

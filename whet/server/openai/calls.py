"""Calls of tools in answers: told from the text while it streams, and read when it is whole."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import Any

from whet.generate.detokenize import overlap
from whet.generate.serving.request import Handle
from whet.generate.tool_calls import Exchange
from whet.generate.tools import Call


class Hearing:
    """One answer that may call tools. Text is passed on until a call may have begun."""

    def __init__(self, exchange: Exchange, stops: frozenset[int], tokenizer: Any) -> None:
        self._exchange, self._stops, self._tokenizer = exchange, stops, tokenizer
        self._held, self._has_begun = "", not exchange.openings

    def push(self, text: str) -> str:
        """What is no part of a call, as far as that is certain."""
        self._held += text
        if self._has_begun:
            return ""
        openings = self._exchange.openings
        places = [place for opening in openings if (place := self._held.find(opening)) >= 0]
        keep = max(overlap(self._held, opening) for opening in openings)
        end = min(places) if places else len(self._held) - keep
        self._has_begun = bool(places)
        told, self._held = self._held[:end], self._held[end:]
        return told

    def end(self, handle: Handle) -> tuple[str, list[dict[str, Any]]]:
        """The rest of the text and the calls, when all has come. What looks like a call and is none is text."""
        _, calls = self.whole(handle)
        return ("", calls) if calls else (self._held, [])

    def whole(self, handle: Handle) -> tuple[str, list[dict[str, Any]]]:
        """The text without calls, and the calls, of an answer that has ended."""
        assert handle.completion is not None
        said = self._exchange.read(self._text(handle))
        if not said.calls or any(call.error for call in said.calls):
            return handle.completion.text, []
        return said.content, _written(said.calls)

    def _text(self, handle: Handle) -> str:
        """The answer with the special tokens that mark calls, without the one that ends it."""
        completion = handle.completion
        assert completion is not None
        if handle.request.settings.stop:  # where a text ended it, tokens do not say where
            return completion.text
        ids = completion.ids[:-1] if completion.ids[-1] in self._stops else completion.ids
        return self._tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)


def _written(calls: Sequence[Call]) -> list[dict[str, Any]]:
    return [
        {
            "id": f"call_{secrets.token_hex(12)}", "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(dict(call.arguments), ensure_ascii=False)},
        }
        for call in calls
    ]  # fmt: skip

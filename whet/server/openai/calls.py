"""Calls of tools in answers: told from the text while it streams, and read when it is whole."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from whet.generate.detokenize import overlap
from whet.generate.serving.request import Handle
from whet.generate.tool_calls import Exchange
from whet.generate.tools import Call

if TYPE_CHECKING:
    from whet.server.openai.asking import Asked


class Hearing:
    """One answer that may call tools. Text is passed on until a call may have begun."""

    def __init__(self, exchange: Exchange, stops: frozenset[int], tokenizer: Any, most: int | None = None) -> None:
        """At most so many calls are passed on."""
        self._exchange, self._stops, self._tokenizer, self._most = exchange, stops, tokenizer, most
        self._held, self._has_begun = "", not exchange.openings
        self._whole: tuple[str, list[dict[str, Any]]] | None = None

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
        """The text without calls, and the calls, of an answer that has ended: the same ones each time."""
        if self._whole is None:
            self._whole = self._read(handle)
        return self._whole

    def _read(self, handle: Handle) -> tuple[str, list[dict[str, Any]]]:
        assert handle.completion is not None
        said = self._exchange.read(self._text(handle))
        if not said.calls or any(call.error for call in said.calls):
            return handle.completion.text, []
        return said.content, _written(said.calls[: self._most])

    def _text(self, handle: Handle) -> str:
        """The answer with the special tokens that mark calls, without the one that ends it."""
        completion = handle.completion
        assert completion is not None
        if handle.request.settings.stop:  # where a text ended it, tokens do not say where
            return completion.text
        ids = completion.ids[:-1] if completion.ids[-1] in self._stops else completion.ids
        return self._tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)


def hearings(asked: Asked, stops: frozenset[int], tokenizer: Any) -> list[Hearing | None]:
    """What hears each answer to what was asked; None where it has no tools."""
    if asked.exchange is None:
        return [None] * asked.n
    return [Hearing(asked.exchange, stops, tokenizer, asked.most_calls) for _ in range(asked.n)]


def _written(calls: Sequence[Call]) -> list[dict[str, Any]]:
    return [
        {
            "id": f"call_{secrets.token_hex(12)}", "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(dict(call.arguments), ensure_ascii=False)},
        }
        for call in calls
    ]  # fmt: skip

"""Answers that are of a form for certain: at each token only those are let through that the form allows next.

The forms are compiled by llguidance (https://github.com/guidance-ai/llguidance, MIT).
"""

# V vocab

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from whet.base.errors import ModelError, missing_package

if TYPE_CHECKING:
    from whet.generate.serving.request import LogitsProcessor


class Grammars:
    """Forms for the answers of one model: its tokenizer, how many tokens it has logits for, and which end an answer.

    Raises WhetError where the package is not installed.
    """

    def __init__(self, tokenizer: Any, vocab: int, stops: frozenset[int]) -> None:
        try:
            import llguidance.hf
        except ImportError:
            raise missing_package("llguidance", "structured", "an answer of a given form") from None
        self._tokens = llguidance.hf.from_tokenizer(tokenizer, n_vocab=vocab)
        self._stops = torch.tensor(sorted(stops))

    def json(self, schema: Mapping[str, Any]) -> str:
        """The form of JSON that a schema allows, for `processor`. Raises ModelError for one that cannot be followed."""
        from llguidance import LLMatcher

        try:
            grammar = LLMatcher.grammar_from_json_schema(json.dumps(schema), defaults=_LIKE_PYTHONS)
        except ValueError as error:
            raise _refused(str(error)) from None
        return self._checked(grammar)

    def regex(self, pattern: str) -> str:
        """The form of all texts that an expression matches as a whole. Raises ModelError for one that is none."""
        from llguidance import LLMatcher

        return self._checked(LLMatcher.grammar_from_regex(pattern))

    def choice(self, texts: Sequence[str]) -> str:
        """One of these texts. Raises ModelError where there is an empty one."""
        if not all(texts):
            raise ModelError("an empty text is no choice", hint='choices such as ["yes", "no"]')
        return self.lark(f"start: {' | '.join(json.dumps(text) for text in texts)}\n")

    def lark(self, grammar: str) -> str:
        """A context-free grammar in Lark's notation, as llguidance reads it. Raises ModelError for one that is none."""
        from llguidance import LLMatcher

        return self._checked(LLMatcher.grammar_from_lark(grammar))

    def call(self, around: tuple[str, str], tools: Mapping[str, Mapping[str, Any] | None]) -> str:
        """The form of a call of one of these tools, by name with the schemas of their arguments. Raises ModelError."""

        calls = [_object({"name": {"const": name}, "arguments": given or _ANY}) for name, given in tools.items()]
        schema = json.dumps({"anyOf": calls, "x-guidance": _LIKE_PYTHONS})
        before, after = (json.dumps(text) for text in around)
        return self.lark(f"start: {before} call {after}\ncall: %json {schema}\n")

    def _checked(self, grammar: str) -> str:
        from llguidance import LLMatcher

        if said := LLMatcher.validate_grammar(grammar, self._tokens):
            raise _refused(said)
        return grammar

    def processor(self, grammar: str) -> LogitsProcessor:
        """What keeps one answer to a form."""
        from llguidance import LLMatcher

        return _Kept(LLMatcher(self._tokens, grammar, log_level=0), self._tokens.eos_token, self._stops)


# JSON as Python's `json` writes it. With any blanks allowed a small model may write nothing else.
_LIKE_PYTHONS: Any = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


_ANY = {"type": "object"}


def _object(members: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of an object with these members and no others."""
    return {"type": "object", "properties": members, "required": list(members), "additionalProperties": False}


def _refused(said: str) -> ModelError:
    first = said.strip().splitlines()[0][:300]
    return ModelError(f"the form cannot be followed: {first}", hint='a schema such as {"type": "object"}')


class _Kept:
    """The place of one answer in its form."""

    def __init__(self, matcher: Any, end: int, stops: Tensor) -> None:
        self._matcher, self._end, self._stops = matcher, end, stops
        self._num_read = 0

    def __call__(self, logits_V: Tensor, ids: Sequence[int]) -> Tensor:
        """The logits, those of tokens that may not come next at minus infinity."""
        if len(ids) > self._num_read:
            self._matcher.consume_tokens(list(ids[self._num_read :]))
            self._num_read = len(ids)
        stops = self._stops.to(logits_V.device)
        allowed_V = torch.zeros_like(logits_V, dtype=torch.bool)
        if self._matcher.is_stopped():  # complete, or too much for the parser: nothing but an end can come
            allowed_V[stops] = True
        else:
            bits = np.unpackbits(np.frombuffer(self._matcher.compute_bitmask(), np.uint8), bitorder="little")
            count = min(len(bits), len(allowed_V))
            allowed_V[:count] = torch.from_numpy(bits[:count]).to(allowed_V)
            allowed_V[stops] = bool(bits[self._end])
        return logits_V.masked_fill(~allowed_V, -torch.inf)

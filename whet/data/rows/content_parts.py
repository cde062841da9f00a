"""Content that comes in parts: OpenAI's and Anthropic's, and those of LLaMA-Factory's second version."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from whet.base.errors import DataError

_TEXTS = ("text", "input_text", "output_text", "refusal")
_THOUGHTS = ("reasoning", "thinking")
_CALLS = ("tool_call", "tool_calls", "tool_use", "function_call")
_RESULTS = ("tool_result", "tool_response", "function_response", "observation")
_MEDIA = ("image", "audio", "video", "file", "document")
_VALUES = ("text", "value", "content", "thinking", "reasoning", "refusal", "output")


@dataclass(slots=True)
class Parts:
    """What the parts of one message say: its text, its reasoning, tool calls, and results of tools by the call's id."""

    text: str = ""
    reasoning: str = ""
    calls: list[Any] = field(default_factory=list)
    results: list[tuple[str | None, str]] = field(default_factory=list)


def are_parts(content: Any) -> bool:
    """Whether a content is a list of parts, or of texts, rather than a tool's own answer."""
    return isinstance(content, Sequence) and not isinstance(content, str | bytes) and all(map(_is_part, content))


def read_parts(parts: Sequence[Any], number: int) -> Parts:
    """The parts of message `number`. Raises DataError for what no text holds, and for an order that would be lost."""
    read, stage = Parts(), 0
    for part in parts:
        kind = "text" if isinstance(part, str) else str(part.get("type") or "text")
        if kind in _THOUGHTS:
            read.reasoning += _text(part, number)
            later = 0
        elif kind in _TEXTS:
            read.text += part if isinstance(part, str) else _text(part, number)
            later = 1
        elif kind in _CALLS:
            read.calls += _calls(part, number)
            later = 2
        elif kind in _RESULTS:
            read.results.append((part.get("tool_use_id") or part.get("tool_call_id"), _result(part, number)))
            later = 0  # Anthropic's users hand in results, and then go on
        else:
            raise _unknown(kind, number)
        if later < stage:
            raise DataError(
                f"message {number} goes from {_CALLS[0] if stage > 1 else 'text'} to {kind}, which a chat template "
                "cannot write in that order",
                hint="a message of its own for what comes after a call",
            )
        stage = later
    return read


def _is_part(part: Any) -> bool:
    if isinstance(part, str):
        return True
    return isinstance(part, Mapping) and (isinstance(part.get("type"), str) or isinstance(part.get("text"), str))


def _text(part: Mapping[str, Any], number: int) -> str:
    value = next((part[name] for name in _VALUES if part.get(name) is not None), None)
    if not isinstance(value, str):
        raise DataError(f"a part of message {number} holds {type(value).__name__}, not a text", hint=_example("text"))
    return value


def _calls(part: Mapping[str, Any], number: int) -> list[Any]:
    value = part.get("value", part.get("tool_calls", part.get("function_call", part)))
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise DataError(f"a call in message {number} is not JSON: {value[:80]!r}", hint=_example("call")) from None
    values = value if isinstance(value, list) else [value]
    return [{**v, "arguments": v["input"]} if isinstance(v, Mapping) and "input" in v else v for v in values]


def _result(part: Mapping[str, Any], number: int) -> str:
    value = next((part[name] for name in _VALUES if part.get(name) is not None), "")
    if isinstance(value, str):
        return value
    return read_parts(value, number).text if are_parts(value) else json.dumps(value, ensure_ascii=False)


def _unknown(kind: str, number: int) -> DataError:
    if any(medium in kind for medium in _MEDIA):
        return DataError(
            f"message {number} has a part of type `{kind[:40]}`, and only texts are trained here",
            hint="rows without images, audio, video and files",
        )
    known = ", ".join((*_TEXTS, *_THOUGHTS, _CALLS[0], _RESULTS[0]))
    return DataError(f"message {number} has a part of type `{kind[:40]}`", hint=f"known types: {known}")


def _example(what: str) -> str:
    if what == "call":
        return '{"type": "tool_call", "value": "{\\"name\\": ..., \\"arguments\\": {...}}"}'
    return '{"type": "text", "text": "..."}'

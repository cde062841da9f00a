"""What an engine's answers tell: tokens used, how choices ended, the chat of a stream, and errors of any form."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from whet.server.openai.refused import LATER_S, Refused


class Events:
    """Server-sent events, cut from bytes as they come."""

    def __init__(self) -> None:
        self._rest = b""

    def push(self, part: bytes) -> Iterator[bytes]:
        """Those that are whole now, each with the empty line behind it."""
        self._rest += part.replace(b"\r\n", b"\n")
        while (place := self._rest.find(b"\n\n")) >= 0:
            event, self._rest = self._rest[: place + 2], self._rest[place + 2 :]
            yield event


def data_of(event: bytes) -> Any:
    """The JSON of an event; None of one that has none, `[DONE]` among them."""
    lines = [line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:")]
    try:
        return json.loads(b"\n".join(lines)) if lines else None
    except ValueError:
        return None


def tokens_of(body: Any) -> tuple[int, int]:
    """Tokens read and made, by the usage that an answer or an event tells, as any of the APIs has it."""
    if not isinstance(body, Mapping):
        return 0, 0
    nested = (body.get(name) for name in ("response", "message"))
    usage: Any = next((one["usage"] for one in (body, *nested) if isinstance(one, Mapping) and one.get("usage")), {})
    usage = usage if isinstance(usage, Mapping) else {}
    read = usage.get("prompt_tokens", usage.get("input_tokens")) or 0
    made = usage.get("completion_tokens", usage.get("output_tokens")) or 0
    total = usage.get("total_tokens") or 0
    return (read, made) if read or made else (total, 0)


def finishes_of(body: Any) -> list[str]:
    """How the choices of an answer or an event ended, as far as they did."""
    choices = body.get("choices") if isinstance(body, Mapping) else None
    reasons = [one.get("finish_reason") for one in choices or [] if isinstance(one, Mapping)]
    return [str(reason) for reason in reasons if reason]


def refusal_of_engine(engine: str, status: int, body: bytes) -> Refused:
    """An error of the engine's, in OpenAI's form. What it says of its own faults is not told."""
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    error = told.get("error", told) if isinstance(told, dict) else {}
    error = error if isinstance(error, dict) else {"message": error}
    said = error.get("message", error.get("detail"))
    said = said if isinstance(said, str) else json.dumps(said) if said else f"{engine} answered {status}"
    code, param = error.get("code"), error.get("param")
    code, param = (one if isinstance(one, str) else None for one in (code, param))
    if status in (404, 405):
        return Refused(f"{engine} refuses this: {said}", status=404, code="unsupported_by_engine")
    if status == 429:
        return Refused(said, status=429, code="rate_limit_exceeded", wait_s=LATER_S)
    if status == 503:
        return Refused(f"{engine} takes nothing now", status=503, code="overloaded", wait_s=LATER_S)
    if status in (501, 400, 413, 422):
        return Refused(said, status=413 if status == 413 else 400, code=code, param=param)
    return Refused(f"{engine} failed with {status}", status=500, code="internal_error")


def failure_of_event(engine: str, told: Any) -> Refused | None:
    """The failure that an event of a stream tells: the stream itself ends as one does that was whole."""
    error = told.get("error") if isinstance(told, dict) else None
    if not error:
        return None
    code = error.get("code") if isinstance(error, dict) else None
    status = code if isinstance(code, int) and 400 <= code < 600 else 500
    return refusal_of_engine(engine, status, json.dumps(told).encode())


class Spoken:
    """A chat as its chunks tell it, put together as the whole answer has it."""

    def __init__(self) -> None:
        self.head: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}

    def push(self, chunk: Any) -> None:
        """One more chunk."""
        if not isinstance(chunk, dict) or "choices" not in chunk:
            return
        if not self.head:
            self.head = {name: chunk.get(name) for name in ("id", "created", "model")}
        for one in chunk["choices"]:
            place = one.get("index", 0)
            kept = self._choices.setdefault(place, {"content": "", "calls": {}, "finish": None})
            delta = one.get("delta") or {}
            kept["content"] += delta.get("content") or ""
            kept["finish"] = one.get("finish_reason") or kept["finish"]
            for call in delta.get("tool_calls") or []:
                _add_call(kept["calls"], call)

    def whole(self) -> dict[str, Any]:
        """The completion."""
        choices = []
        for place, kept in sorted(self._choices.items()):
            calls = [kept["calls"][number] for number in sorted(kept["calls"])]
            message = {"role": "assistant", "content": kept["content"] or (None if calls else "")}
            message |= {"tool_calls": calls} if calls else {}
            choices.append({"index": place, "message": message, "logprobs": None, "finish_reason": kept["finish"]})
        return {**self.head, "object": "chat.completion", "choices": choices}


def _add_call(calls: dict[int, dict[str, Any]], part: Mapping[str, Any]) -> None:
    call = calls.setdefault(
        part.get("index", 0), {"id": None, "type": "function", "function": {"name": "", "arguments": ""}}
    )
    call["id"] = part.get("id") or call["id"]
    function = part.get("function") or {}
    call["function"]["name"] += function.get("name") or ""
    call["function"]["arguments"] += function.get("arguments") or ""

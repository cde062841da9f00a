"""What `/v1/responses` answers with: the response, its items, and the events by which it grows."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from whet.generate.serving.request import Handle
from whet.server.openai.responses_wire import Responses

Body = dict[str, Any]


def new_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(24)}"


def new_response(id: str, body: Responses, model: str) -> Body:
    """A response before its first token."""
    return {
        "id": id, "object": "response", "created_at": int(time.time()), "status": "in_progress", "error": None,
        "incomplete_details": None, "instructions": body.instructions, "max_output_tokens": body.max_output_tokens,
        "model": model, "output": [], "parallel_tool_calls": body.parallel_tool_calls is not False,
        "previous_response_id": body.previous_response_id, "reasoning": {"effort": None, "summary": None},
        "store": body.store is not False, "temperature": body.temperature, "top_p": body.top_p,
        "text": {"format": (body.text and body.text.format) or {"type": "text"}},
        "tool_choice": body.tool_choice or "auto", "tools": body.tools or [], "truncation": "disabled",
        "usage": None, "user": None, "metadata": body.metadata or {}, "background": False,
        "top_logprobs": body.top_logprobs or 0,
    }  # fmt: skip


def ended(response: Body, output: Sequence[Body], handle: Handle) -> Body:
    """A response whose answer has ended: whole, or cut for its length."""
    completion = handle.completion
    assert completion is not None
    is_cut = completion.finish == "length"
    num_prompt, num_generated = len(handle.request.ids), len(completion.tokens)
    usage = {
        "input_tokens": num_prompt,
        "input_tokens_details": {"cached_tokens": handle.num_cached, "cache_write_tokens": 0},
        "output_tokens": num_generated, "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": num_prompt + num_generated,
    }  # fmt: skip
    why = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}} if is_cut else {}
    return {**response, "status": "completed", **why, "output": list(output), "usage": usage}


def failed(response: Body, message: str, code: str) -> Body:
    """A response that the server failed at."""
    return {**response, "status": "failed", "error": {"code": code, "message": message}}


def text_part(text: str, logprobs: Sequence[Any] = ()) -> Body:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": list(logprobs)}


def message_item(id: str, status: str, parts: Sequence[Body]) -> Body:
    return {"id": id, "type": "message", "status": status, "role": "assistant", "content": list(parts)}


def call_item(call: Mapping[str, Any]) -> Body:
    """A call of a chat as an item."""
    function = call["function"]
    return {
        "id": new_id("fc"), "type": "function_call", "status": "completed", "call_id": call["id"],
        "name": function["name"], "arguments": function["arguments"],
    }  # fmt: skip


def call_events(item: Body, place: int) -> Iterator[Body]:
    """The events of a call, which comes when it is whole."""
    at = {"item_id": item["id"], "output_index": place}
    begun = {**item, "arguments": "", "status": "in_progress"}
    yield {"type": "response.output_item.added", "output_index": place, "item": begun}
    yield {"type": "response.function_call_arguments.delta", **at, "delta": item["arguments"]}
    done = {"arguments": item["arguments"], "name": item["name"]}
    yield {"type": "response.function_call_arguments.done", **at, **done}
    yield {"type": "response.output_item.done", "output_index": place, "item": item}


class Growing:
    """The message of a response as it grows: its events, and what it came to."""

    def __init__(self) -> None:
        self._id, self._texts, self._logprobs = new_id("msg"), list[str](), list[Any]()
        self._at = {"item_id": self._id, "output_index": 0, "content_index": 0}
        self._has_begun = False

    def push(self, text: str, logprobs: Sequence[Any] = ()) -> Iterator[Body]:
        """Events of more text."""
        if not self._has_begun:
            self._has_begun = True
            item = message_item(self._id, "in_progress", [])
            yield {"type": "response.output_item.added", "output_index": 0, "item": item}
            yield {"type": "response.content_part.added", **self._at, "part": text_part("")}
        self._texts.append(text)
        self._logprobs += logprobs
        yield {"type": "response.output_text.delta", **self._at, "delta": text, "logprobs": list(logprobs)}

    def end(self, status: str) -> Iterator[Body]:
        """The last events, where there was any text."""
        if not self._has_begun:
            return
        [item] = self.items(status)
        [part] = item["content"]
        told = {"text": part["text"], "logprobs": part["logprobs"]}
        yield {"type": "response.output_text.done", **self._at, **told}
        yield {"type": "response.content_part.done", **self._at, "part": part}
        yield {"type": "response.output_item.done", "output_index": 0, "item": item}

    def items(self, status: str) -> list[Body]:
        """The message, where there is one."""
        if not self._has_begun:
            return []
        return [message_item(self._id, status, [text_part("".join(self._texts), self._logprobs)])]

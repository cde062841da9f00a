"""Tool calls in what a model says, in the form that its chat template writes them; and what comes after a turn."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from whet.base.errors import ModelError
from whet.generate.tools import Call, Observation

Form = Literal["hermes", "mistral", "json"]
_MARK = "qzxmarkqzx"
_HERMES = re.compile(r"<tool_call>\s*(.*?)\s*(?:</tool_call>|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Said:
    """A turn of the model: its text without calls, and the calls."""

    content: str
    calls: tuple[Call, ...]

    def message(self) -> dict[str, Any]:
        """The turn as a message in OpenAI's form."""
        message: dict[str, Any] = {"role": "assistant", "content": self.content}
        if self.calls:
            message["tool_calls"] = [
                {"id": f"call{i:05d}", "type": "function", "function": {"name": c.name, "arguments": dict(c.arguments)}}
                for i, c in enumerate(self.calls)
            ]
        return message


class Exchange:
    """How one tokenizer's template writes tools, calls and their results.

    Raises ModelError where the template does not write calls in a form that is known: Hermes and Qwen
    (`<tool_call>`), Mistral (`[TOOL_CALLS]`), or bare JSON as Llama 3 has it.
    """

    def __init__(self, tokenizer: Any, schemas: Sequence[Mapping[str, Any]]) -> None:
        self._tokenizer, self._schemas = tokenizer, [dict(schema) for schema in schemas]
        written = self._render([self._asked(), _called()], prompt=False)
        place = written.find(_MARK)
        if place < 0:
            raise ModelError(
                "the chat template leaves out tool calls, so a model cannot learn to make them",
                hint="give a template that writes `tool_calls`",
            )
        self.form = _form(written)

    def prompt(self, messages: Sequence[Mapping[str, Any]]) -> list[int]:
        """Tokens of messages that the model is to answer, tools shown."""
        return self._tokenizer.encode(self._render(messages, prompt=True), add_special_tokens=False)

    def read(self, text: str) -> Said:
        """The calls in a turn, as the model wrote them. A broken one is a call with an error."""
        return _READERS[self.form](text)

    def after(self, observations: Sequence[Observation], ends: Collection[str]) -> list[int]:
        """Tokens between the end of a turn with calls, whose last token is one of `ends`, and the model's next turn.

        The template writes a conversation with these results; what it puts behind the turn's end is taken from there,
        so what the model wrote is never rendered or tokenised again.
        """
        results = [
            {"role": "tool", "name": _MARK, "tool_call_id": f"call{i:05d}", "content": observation.text}
            for i, observation in enumerate(observations)
        ]
        text = self._render([self._asked(), _called(), *results], prompt=True)
        first = self._render([self._asked(), _called()], prompt=False)
        # The call's own marks end here: behind them the template is the same with results and without.
        tail = text[_call_end(first) :]
        found = [(tail.find(end) + len(end), end) for end in ends if end in tail]
        if not found:
            raise ModelError(
                f"the chat template ends no turn that calls tools with any of {', '.join(map(repr, ends))}"
            )
        return self._tokenizer.encode(tail[min(found)[0] :], add_special_tokens=False)

    def _asked(self) -> dict[str, Any]:
        return {"role": "user", "content": "hello"}

    def _render(self, messages: Sequence[Mapping[str, Any]], *, prompt: bool) -> str:
        try:
            return self._tokenizer.apply_chat_template(
                [dict(m) for m in messages], tools=self._schemas or None, tokenize=False, add_generation_prompt=prompt
            )
        except Exception as error:  # a template raises what it likes, mostly jinja2's TemplateError
            raise ModelError(
                f"the chat template refuses a conversation with tools: {error}", hint="check the roles and their order"
            ) from None


def _called() -> dict[str, Any]:
    function = {"name": _MARK, "arguments": {_MARK: _MARK}}
    return {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "call00000", "type": "function", "function": function}],
    }


def _call_end(text: str) -> int:
    """Where the marked call's last mark ends."""
    return text.rfind(_MARK) + len(_MARK)


def _form(written: str) -> Form:
    if "<tool_call>" in written[: written.rfind(_MARK)]:
        return "hermes"
    return "mistral" if "[TOOL_CALLS]" in written else "json"


def _hermes(text: str) -> Said:
    calls = tuple(_call(match[1]) for match in _HERMES.finditer(text))
    return Said(_HERMES.sub("", text).strip(), calls)


def _mistral(text: str) -> Said:
    """`[TOOL_CALLS] [{...}]`, or `[TOOL_CALLS]name[ARGS]{...}` of newer ones."""
    content, *parts = text.split("[TOOL_CALLS]")
    calls: list[Call] = []
    for part in parts:
        name, args, arguments = part.partition("[ARGS]")
        if args:
            calls.append(_call(json.dumps({"name": name.strip()})[:-1] + f', "arguments": {arguments.strip()}}}'))
            continue
        try:
            listed = json.loads(part)
        except ValueError:
            calls.append(_call(part.strip()))
            continue
        entries = listed if isinstance(listed, list) else [listed]
        calls += [_call(json.dumps(entry)) for entry in entries]
    return Said(content.strip(), tuple(calls))


def _json(text: str) -> Said:
    """The whole turn is one object, or several with `;` or a new line between them. Other text calls nothing."""
    body = text.strip().removeprefix("<|python_tag|>").strip()
    if not body.startswith("{"):
        place = re.search(r"^\{\s*\"name\"", body, re.MULTILINE)
        if place is None:
            return Said(text.strip(), ())
        content, body = body[: place.start()].strip(), body[place.start() :]
    else:
        content = ""
    decoder, calls, at = json.JSONDecoder(), [], 0
    while at < len(body):
        try:
            value, end = decoder.raw_decode(body, at)
        except ValueError:
            calls.append(_call(body[at:]))
            break
        if not isinstance(value, dict) or "name" not in value:
            return Said(text.strip(), ())  # JSON that was asked for, not a call
        calls.append(_call(body[at:end]))
        at = end + len(body[end:]) - len(body[end:].lstrip(" \n;"))
    return Said(content, tuple(calls))


def _call(text: str) -> Call:
    try:
        value = json.loads(text)
    except ValueError as error:
        return Call("?", {}, f"the call is not JSON ({error}): {text[:80]}")
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return Call("?", {}, f"the call has no `name`: {text[:80]}")
    arguments = value.get("arguments", value.get("parameters", {}))
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            return Call(value["name"], {}, f"the arguments are not JSON: {arguments[:80]}")
    if not isinstance(arguments, dict):
        return Call(value["name"], {}, f"the arguments are not an object: {text[:80]}")
    return Call(value["name"], arguments)


_READERS: dict[str, Callable[[str], Said]] = {"hermes": _hermes, "mistral": _mistral, "json": _json}

"""Tool calls in what a model says, in the form that its chat template writes them; and what comes after a turn."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from whet.base.errors import ModelError
from whet.data.chat.speech import speech_of
from whet.generate.tools import Call, Observation

_MARK, _KEY, _VALUE = "qzxmarkqzx", "qzxkeyqzx", "qzxvalueqzx"
_FUNCTION = re.compile(r"<function=([^>\s]+)>(.*?)(?:</function>|\Z)", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=([^>\s]+)>\n?(.*?)\n?(?:</parameter>|\Z)", re.DOTALL)
_GLM = re.compile(r"<tool_call>\s*([\w.-]*)\s*(.*?)\s*(?:</tool_call>|\Z)", re.DOTALL)
_PAIR = re.compile(r"<arg_key>\s*(.*?)\s*</arg_key>\s*<arg_value>(.*?)(?:</arg_value>|\Z)\s*", re.DOTALL)
_HERMES = re.compile(r"<tool_call>\s*(.*?)\s*(?:</tool_call>|\Z)", re.DOTALL)

# What `json` raises for text that is none: a model may write brackets without end too.
_UNREAD = (ValueError, RecursionError)


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
    (`<tool_call>`), Mistral (`[TOOL_CALLS]`), bare JSON as Llama 3 has it, a list in Python's syntax, Qwen Coder's
    tags, GLM 4.5's pairs of `<arg_key>` and `<arg_value>`, or a name with JSON behind it between marks of the
    template's own.
    """

    def __init__(self, tokenizer: Any, schemas: Sequence[Mapping[str, Any]]) -> None:
        self._tokenizer, self._schemas = tokenizer, [dict(schema) for schema in schemas]
        self._speech = speech_of(tokenizer, with_tools=True)
        written = self._speech.whole([self._asked(), _called()], self._schemas) or ""
        if _VALUE not in written:
            raise ModelError(
                "the chat template leaves out tool calls, so a model cannot learn to make them",
                at="data.tools",
                hint="data.tools=hermes writes them as text",
            )
        self._read = _reader(written)

    @property
    def form(self) -> str:
        """The form of calls in a word."""
        return self._read.form

    @property
    def openings(self) -> tuple[str, ...]:
        """Texts of which one stands at the front of every call; none where that is not known, or is no text."""
        special = set(self._tokenizer.all_special_tokens)
        return () if special & set(self._read.openings) else self._read.openings

    @property
    def around(self) -> tuple[str, str] | None:
        """What stands before and behind a call's JSON; None for calls of another form, or between special tokens."""
        return self._read.around if self.openings else None

    def prompt(self, messages: Sequence[Mapping[str, Any]]) -> list[int]:
        """Tokens of messages that the model is to answer, tools shown."""
        return self._tokenizer.encode(self.prompt_text(messages), add_special_tokens=False)

    def prompt_text(self, messages: Sequence[Mapping[str, Any]]) -> str:
        """The same as text."""
        return self._speech.prompt([dict(message) for message in messages], self._schemas)

    def read(self, text: str) -> Said:
        """The calls in a turn, as the model wrote them. A broken one is a call with an error."""
        return self._read(text)

    def after(self, observations: Sequence[Observation], ends: Collection[str]) -> list[int]:
        """Tokens between the end of a turn with calls, whose last token is one of `ends`, and the model's next turn.

        The template writes a conversation with these results; what it puts behind the turn's end is taken from there,
        so what the model wrote is never rendered or tokenised again.
        """
        results = [
            {"role": "tool", "name": _MARK, "tool_call_id": f"call{i:05d}", "content": observation.text}
            for i, observation in enumerate(observations)
        ]
        text = self._speech.prompt([self._asked(), _called(), *results], self._schemas)
        # The call's own end comes behind its last word.
        tail = text[text.index(_VALUE) + len(_VALUE) :]
        found = [(tail.find(end) + len(end), end) for end in ends if end in tail]
        if not found:
            raise ModelError(
                f"the chat template ends no turn that calls tools with any of {', '.join(map(repr, ends))}",
                hint="data.tools=hermes writes calls as text, which end as every reply does",
            )
        return self._tokenizer.encode(tail[min(found)[0] :], add_special_tokens=False)

    def _asked(self) -> dict[str, Any]:
        return {"role": "user", "content": "hello"}


def _called() -> dict[str, Any]:
    function = {"name": _MARK, "arguments": {_KEY: _VALUE}}
    return {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "call00000", "type": "function", "function": function}],
    }


def _reader(written: str) -> Reader:
    """What reads calls in the form of a written one. Raises ModelError for a form that is not known."""
    place = written.index(_VALUE)
    before, call = written[:place], written[max(0, place - 200) : place]
    if re.search(rf"<tool_call>\s*\{{[^<]*{_KEY}[^<]*\Z", before):
        return Reader("hermes", _hermes, ("<tool_call>",), ("<tool_call>\n", "\n</tool_call>"))
    if "[TOOL_CALLS]" in before:
        return Reader("mistral", _mistral)
    if re.search(rf"\[{_MARK}\({_KEY}=", call):
        return Reader("pythonic", _pythonic)
    if re.search(rf"<function={_MARK}>\s*<parameter={_KEY}>", call):
        return Reader("tags", _tags, ("<tool_call>", "<function="))
    if re.search(rf"<tool_call>\s*{_MARK}\s*<arg_key>\s*{_KEY}\s*</arg_key>\s*<arg_value>", call):
        return Reader("glm", _glm, ("<tool_call>",))
    arguments = re.search(rf'\{{\s*"{_KEY}":\s*"{_VALUE}"\s*\}}', written)
    name = before.rfind(_MARK)
    if arguments and 0 <= name < arguments.start():
        bare = rf'(?:\A|[^\[\w])\{{\s*(?:"type"[^{{}}]*)?"name":\s*"{_MARK}",\s*"(?:arguments|parameters)":\s*\Z'
        if re.search(bare, written[: arguments.start()]):
            return Reader("json", _json)
        return Reader("marked", partial(_marked, _Marks.of(written, name, arguments.start())))
    raise ModelError(
        "the chat template writes tool calls in a form that is not known here, so none could be read",
        at="data.tools",
        hint="data.tools=hermes writes calls as text",
    )


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
        except _UNREAD:
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
        except _UNREAD:
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
    except _UNREAD as error:
        return Call("?", {}, f"the call is not JSON ({error}): {text[:80]}")
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return Call("?", {}, f"the call has no `name`: {text[:80]}")
    arguments = value.get("arguments", value.get("parameters", {}))
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except _UNREAD:
            return Call(value["name"], {}, f"the arguments are not JSON: {arguments[:80]}")
    if not isinstance(arguments, dict):
        return Call(value["name"], {}, f"the arguments are not an object: {text[:80]}")
    return Call(value["name"], arguments)


@dataclass(frozen=True, slots=True)
class _Marks:
    """What stands before the name in a written call, between it and its arguments, and before the first call."""

    before: str
    between: str
    opening: str

    @classmethod
    def of(cls, written: str, name: int, arguments: int) -> _Marks:
        before, between = written[:name], written[name + len(_MARK) : arguments]
        return cls(before[-12:], between, re.split(r"[\n>\]]", before.rstrip("\n>]"))[-1][-24:] or before[-12:])


def _marked(marks: _Marks, text: str) -> Said:
    """Calls whose name and arguments stand between marks of the template's own, as DeepSeek and Kimi have them."""
    between = re.sub(r"\d+", r"\\d+", re.escape(marks.between))
    last = re.escape(marks.before[-1:]) if marks.before else ""
    decoder, calls, first = json.JSONDecoder(), [], len(text)
    for match in re.finditer(rf"{last}([\w.-]+){between}", text):
        first = min(first, match.start())
        try:
            value, _ = decoder.raw_decode(text, match.end())
        except (ValueError, RecursionError) as error:
            calls.append(Call(match[1], {}, f"the arguments are not JSON ({error}): {text[match.end() :][:80]}"))
            continue
        name = match[1].removeprefix("functions.")
        if isinstance(value, dict):
            calls.append(Call(name, value))
        else:
            calls.append(Call(name, {}, f"the arguments are not an object: {text[match.end() :][:80]}"))
    content = text[:first] if calls else text
    return Said(content.partition(marks.opening)[0].strip() if calls else content.strip(), tuple(calls))


def _pythonic(text: str) -> Said:
    """`[name(argument=value), ...]`, the whole turn or its last part."""
    place = re.search(r"\[\s*[A-Za-z_][\w.]*\(", text)
    if place is None:
        return Said(text.strip(), ())
    body = text[place.start() :].strip()
    try:
        listed = ast.parse(body, mode="eval").body
        if not isinstance(listed, ast.List):
            raise ValueError("it is no list")
        calls = tuple(_python_call(node) for node in listed.elts)
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        return Said(text[: place.start()].strip(), (Call("?", {}, f"the call is not Python's ({error}): {body[:80]}"),))
    return Said(text[: place.start()].strip(), calls)


def _python_call(node: ast.expr) -> Call:
    if not isinstance(node, ast.Call) or node.args or any(word.arg is None for word in node.keywords):
        raise ValueError("it is no call with named arguments")
    return Call(ast.unparse(node.func), {str(word.arg): ast.literal_eval(word.value) for word in node.keywords})


def _tags(text: str) -> Said:
    """`<function=name>` with `<parameter=key>` inside; values that are JSON are read so."""
    calls = []
    for function in _FUNCTION.finditer(text):
        given = {found[1]: _value(found[2]) for found in _PARAMETER.finditer(function[2])}
        calls.append(Call(function[1], given))
    content = _FUNCTION.sub("", text).replace("<tool_call>", "").replace("</tool_call>", "")
    return Said(content.strip(), tuple(calls))


def _glm(text: str) -> Said:
    """`<tool_call>name` and pairs of `<arg_key>` and `<arg_value>`; values that are JSON are read so."""
    calls = []
    for name, body in _GLM.findall(text):
        if not name or (rest := _PAIR.sub("", body).strip()):
            said = f"the call has no name: {body[:80]}" if not name else f"this is no argument: {rest[:80]}"
            calls.append(Call(name or "?", {}, said))
            continue
        calls.append(Call(name, {key: _value(value) for key, value in _PAIR.findall(body)}))
    return Said(_GLM.sub("", text).strip(), tuple(calls))


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except _UNREAD:
        return text


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the calls in a turn. `form` is what the form of the calls is known as; each begins with one of `openings`,
    or, where there are none, anyhow. `around` stands before and behind the JSON of a call with `name` and `arguments`,
    where calls are such."""

    form: str
    read: Callable[[str], Said]
    openings: tuple[str, ...] = ()
    around: tuple[str, str] | None = None

    def __call__(self, text: str) -> Said:
        return self.read(text)

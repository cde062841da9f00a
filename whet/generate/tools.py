"""A user's Python functions as tools: schemas from signature and docstring, and calls of them that cannot hang."""

from __future__ import annotations

import difflib
import importlib
import inspect
import json
import re
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, Union, get_args, get_origin, get_type_hints

from whet.base.errors import ConfigError
from whet.base.user_code import load_users
from whet.base.workers import Workers

MAX_RESULT = 20_000  # characters of what a tool gives back
_TYPES: dict[Any, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    dict: "object",
    list: "array",
}


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that a model may call, with the schema that the template shows it (OpenAI's form)."""

    name: str
    function: Callable[..., Any]
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """What a model asks for. `error` says why it cannot be made, where that is known already."""

    name: str
    arguments: Mapping[str, Any]
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """What a call gave: text for the model. `reason` is why the tool itself failed (its error's type, `timeout`,
    `died`), where not the call was wrong."""

    text: str
    is_error: bool = False
    reason: str | None = None


class Tools(Protocol):
    """What runs calls of tools."""

    @property
    def schemas(self) -> list[Mapping[str, Any]]: ...

    def run(self, calls: Sequence[Call]) -> list[Observation]:
        """What each call gives, side by side. Mistakes of the model, errors and time-outs are observations too."""
        ...

    def close(self) -> None: ...


class Toolbox:
    """Tools, and the worker processes that run them. State between calls is theirs to keep outside the process."""

    def __init__(self, tools: Sequence[Tool], *, workers: int = 4, timeout_s: float = 30.0) -> None:
        self.tools = {tool.name: tool for tool in tools}
        self._timeout_s = timeout_s
        files = {tool.function.__module__: inspect.getsourcefile(tool.function) or "" for tool in tools}
        files = {name: file for name, file in files.items() if name.startswith("whet_tools_")}
        self._workers = Workers({tool.name: tool.function for tool in tools}, num=workers, files=files)

    @property
    def schemas(self) -> list[Mapping[str, Any]]:
        return [tool.schema for tool in self.tools.values()]

    def run(self, calls: Sequence[Call]) -> list[Observation]:
        """What each call gives, side by side. Mistakes of the model, errors and time-outs are observations too."""
        wrong = [call.error or self._mistake(call) for call in calls]
        futures = [
            None if mistake else self._workers.submit(call.name, (), self._timeout_s, keywords=dict(call.arguments))
            for call, mistake in zip(calls, wrong, strict=True)
        ]
        found = []
        for mistake, future in zip(wrong, futures, strict=True):
            if future is None:
                found.append(Observation(f"error: {mistake}", True))
                continue
            outcome = future.result()
            if outcome.reason is not None:
                message = re.sub(r" \([^()]*\.py:\d+\)$", "", outcome.message)
                found.append(Observation(f"error: {message}", True, outcome.reason))
            else:
                found.append(Observation(_text(outcome.value)))
        return found

    def close(self) -> None:
        self._workers.close()

    def _mistake(self, call: Call) -> str | None:
        """What is wrong with a call, in words that help a model to do better."""
        if call.name not in self.tools:
            return f"there is no tool `{call.name}`; there are: {', '.join(self.tools)}"
        parameters = self.tools[call.name].schema["function"]["parameters"]
        known = parameters["properties"]
        unknown = [name for name in call.arguments if name not in known]
        missing = [name for name in parameters["required"] if name not in call.arguments]
        if unknown:
            return f"`{call.name}` has no argument `{unknown[0]}`; it takes: {', '.join(known) or 'nothing'}"
        if missing:
            return f"`{call.name}` needs the argument `{missing[0]}`"
        for name, value in call.arguments.items():
            if not _fits(value, known[name]):
                return f"`{name}` of `{call.name}` is {json.dumps(value)[:80]}, not {_named(known[name])}"
        return None


def load_tools(names: Sequence[str]) -> list[Tool]:
    """The tools that `tools.py` (all its public functions), `tools.py:name` or `package.module:name` mean.

    Raises ConfigError where there is none of that name, or a function cannot be described to a model.
    """
    found: dict[str, Tool] = {}
    for given in names:
        for function in _functions(given):
            tool = Tool(function.__name__, function, schema_of(function))
            if tool.name in found and found[tool.name].function is not function:
                raise ConfigError(f"two tools are called `{tool.name}`", hint="rename one of them")
            found[tool.name] = tool
    if not found:
        raise ConfigError("there are no tools", hint="tools: [tools.py]")
    return list(found.values())


def schema_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The function in OpenAI's form: types from annotations, texts from the docstring. Raises ConfigError."""
    name = function.__name__
    about, texts = _documented(inspect.getdoc(function) or "")
    if not about:
        raise ConfigError(f"the tool `{name}` has no docstring", hint="say in a line what it does: the model reads it")
    hints = get_type_hints(function)
    properties: dict[str, Any] = {}
    required: list[str] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise ConfigError(
                f"the tool `{name}` takes `{parameter}`, which no schema can say", hint="name every argument"
            )
        if parameter.name not in hints:
            raise ConfigError(f"`{parameter.name}` of the tool `{name}` has no type", hint=f"{parameter.name}: str")
        properties[parameter.name] = _schema(hints[parameter.name], f"`{parameter.name}` of the tool `{name}`")
        if parameter.name in texts:
            properties[parameter.name]["description"] = texts[parameter.name]
        if parameter.default is parameter.empty:
            required.append(parameter.name)
    parameters = {"type": "object", "properties": properties, "required": required}
    return {"type": "function", "function": {"name": name, "description": about, "parameters": parameters}}


def _functions(given: str) -> list[Callable[..., Any]]:
    place, colon, name = given.rpartition(":") if ":" in given else (given, "", "")
    if place.endswith(".py"):
        path = Path(place).expanduser().resolve()
        if not path.is_file():
            raise ConfigError(f"there is no file {path} with tools", hint=f"ls {path.parent}")
        module = load_users("tools", path)
    elif colon:
        module = _imported(place)
    else:
        raise ConfigError(f"`{given}` names no tools", hint="tools.py, tools.py:search, or package.module:search")
    own = {
        key: value
        for key, value in vars(module).items()
        if inspect.isfunction(value) and not key.startswith("_") and value.__module__ == module.__name__
    }
    if not name:
        return list(own.values())
    if not callable(getattr(module, name, None)):
        near = difflib.get_close_matches(name, own, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"it has: {', '.join(own) or 'no functions'}"
        raise ConfigError(f"{place} has no function `{name}`", hint=hint)
    return [getattr(module, name)]


def _imported(package: str) -> types.ModuleType:
    try:
        return importlib.import_module(package)
    except (Exception, SystemExit) as error:  # of the user's module
        raise ConfigError(
            f"{package} cannot be imported: {type(error).__name__}: {error}",
            at=package, hint=f"mend it: python -c 'import {package}'",
        ) from error  # fmt: skip


_SECTION = re.compile(r"^(args|arguments|parameters|returns?|raises|examples?|notes?|yields)\s*:\s*$", re.IGNORECASE)
_ENTRY = re.compile(r"^\s*(\w+)\s*(?:\([^)]*\))?\s*:\s*(.+)$")


def _documented(text: str) -> tuple[str, dict[str, str]]:
    """What a docstring says first, and of each argument: lines `name: text`, below `Args:` or not."""
    first, _, rest = text.partition("\n\n")
    if any(_SECTION.match(line) for line in first.splitlines()):
        first, rest = "", text
    texts: dict[str, str] = {}
    last: str | None = None
    is_about_arguments = True
    for line in rest.splitlines():
        if section := _SECTION.match(line.strip()):
            is_about_arguments, last = section[1].lower() in ("args", "arguments", "parameters"), None
        elif is_about_arguments and (entry := _ENTRY.match(line)):
            last = entry[1]
            texts[last] = entry[2].strip()
        elif last is not None and line.startswith(" ") and line.strip():
            texts[last] += " " + line.strip()
        else:
            last = None
    return " ".join(first.split()), texts


def _schema(hint: Any, what: str) -> dict[str, Any]:
    """The JSON Schema of a type. Raises ConfigError for one that a model could not write down."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        kept = [_schema(part, what) for part in inner if part is not type(None)]
        return {**kept[0], "nullable": True} if len(kept) == 1 else {"anyOf": kept}
    if origin is Literal:
        return {"type": _TYPES[type(inner[0])], "enum": list(inner)}
    if origin in (list, tuple, set, Sequence) or hint in (list, tuple):
        return {"type": "array", **({"items": _schema(inner[0], what)} if inner else {})}
    if origin in (dict, Mapping) or hint is dict:
        return {"type": "object", **({"additionalProperties": _schema(inner[1], what)} if inner else {})}
    if hint in _TYPES:
        return {"type": _TYPES[hint]}
    if hint is Any:
        return {}
    raise ConfigError(
        f"{what} has the type {hint}, which JSON cannot say", hint="str, int, float, bool, list, dict, Literal"
    )


def _fits(value: Any, schema: Mapping[str, Any]) -> bool:
    if value is None:
        return bool(schema.get("nullable")) or not schema
    if "anyOf" in schema:
        return any(_fits(value, option) for option in schema["anyOf"])
    if "enum" in schema and value not in schema["enum"]:
        return False
    takes: dict[str, Any] = {
        "string": str, "integer": int, "number": int | float, "boolean": bool, "object": dict, "array": list,
    }  # fmt: skip
    kind = schema.get("type")
    if kind in ("integer", "number") and isinstance(value, bool):
        return False
    return kind is None or isinstance(value, takes[kind])


def _named(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return f"one of {', '.join(map(json.dumps, schema['enum']))}"
    return schema.get("type") or " or ".join(option.get("type", "anything") for option in schema.get("anyOf", ()))


def _text(value: Any) -> str:
    """What a tool gave back as the model reads it."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= MAX_RESULT else text[:MAX_RESULT] + f" ... ({len(text):,} characters)"

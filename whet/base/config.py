"""Load a run's config: YAML and command-line overrides in, a frozen Run with the provenance of every value out."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from whet.base.errors import ConfigError
from whet.base.run import Run
from whet.base.schema import Settings
from whet.base.settings import Choice
from whet.base.slots import load_plugin
from whet.base.unions import meant, nearest
from whet.base.yaml import dump_value, parse, parse_value

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A validated run and where each given value came from; a path that is missing has its default."""

    run: Run
    origins: Mapping[KeyPath, str]

    def to_yaml(self) -> str:
        """The whole resolved config as YAML, each value followed by its provenance as a comment."""
        return "".join(_lines(self.run.model_dump(mode="json"), (), self.origins))


def load(path: Path | None, overrides: Sequence[str] = (), extra: Mapping[KeyPath, Any] | None = None) -> Loaded:
    """Read the YAML at `path` (or nothing), lay `extra` and `section.key=value` overrides over it, and validate.

    Raises ConfigError that lists every mistake with its place and, where one is near, the name that was meant.
    """
    data, origins = _read(path)
    for keys, value in [*(extra or {}).items(), *map(_split_override, overrides)]:
        _put(data, keys, value)
        origins |= dict.fromkeys([keys, *_paths(value, keys)], "command line")
    return _validate(data, origins, base=path.parent if path else Path())


def from_mapping(data: Mapping[str, Any]) -> Loaded:
    """Validate a config that a program made."""
    return _validate(dict(data), dict.fromkeys(_paths(data, ()), "program"), base=Path())


def _validate(data: dict[str, Any], origins: dict[KeyPath, str], base: Path) -> Loaded:
    plugins = data.get("plugins") or []
    if isinstance(plugins, str | list) and plugins:
        named = [plugins] if isinstance(plugins, str) else plugins
        data["plugins"] = [str((base / str(plugin)).resolve()) for plugin in named]
        for plugin in data["plugins"]:
            load_plugin(Path(plugin))
    try:
        run = Run.model_validate(data)
    except ValidationError as error:
        raise _explain(_flatten(error.errors(), (), Run), origins) from None
    meant = {keys: _place(keys, origins) for keys in _shorthands(data, run.model_dump(), ())}
    return Loaded(run, {**meant, **origins})


def _read(path: Path | None) -> tuple[dict[str, Any], dict[KeyPath, str]]:
    if path is None:
        return {}, {}
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        near = difflib.get_close_matches(path.name, [other.name for other in path.parent.glob("*.y*ml")], n=1)
        hint = f"did you mean `{path.with_name(near[0])}`?" if near else "whet train --model MODEL --data FILE"
        raise ConfigError(f"cannot read the config {path}: {error.strerror}", hint=hint) from None
    except UnicodeDecodeError:
        raise ConfigError(f"the config {path} is not UTF-8 text", hint=f"iconv -f LATIN1 -t UTF-8 {path}") from None
    data, lines = parse(text, str(path))
    if not isinstance(data, dict):
        raise ConfigError("a config is a mapping of sections", at=f"{path}:1", hint="start with `model: ...`")
    return data, {keys: f"{path}:{line}" for keys, line in lines.items()}


def _split_override(text: str) -> tuple[KeyPath, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ConfigError(
            f"`{text}` is not an override", at="command line", hint="write section.key=value, such as train.steps=100"
        )
    return tuple(int(part) if part.isdigit() else part for part in name.split(".")), parse_value(value)


def _put(data: Any, keys: KeyPath, value: Any) -> None:
    """Set one value, turning a shorthand on the way (`optimizer: lion`) into its mapping."""
    whole = _dotted(keys)
    for key, after in zip(keys[:-1], keys[1:], strict=True):
        _check_index(data, key, whole)
        current = data[int(key)] if isinstance(data, list) else data.get(key)
        if isinstance(current, str | list) and isinstance(after, str):
            current = _expand(key, current)
        if isinstance(after, int) and not isinstance(current, list):
            current = []
        if not isinstance(current, dict | list):
            current = {}
        data[key] = current
        data = current
    _check_index(data, keys[-1], whole)
    data[keys[-1]] = value


def _check_index(data: Any, key: str | int, whole: str) -> None:
    if isinstance(data, list) and not (isinstance(key, int) and key < len(data)):
        raise ConfigError(
            f"`{whole}` names an entry that is not there: the list has {len(data)}",
            at="command line",
            hint="count from 0, or give the whole list",
        )


def _expand(section: str | int, value: Any) -> dict[str, Any]:
    from whet.base.catalogue import SLOTS

    if section == "data":
        return {"train": value if isinstance(value, list) else [value]}
    if section == "rewards":
        return {"functions": value if isinstance(value, list) else [value]}
    slot = SLOTS.get("model_source" if section == "model" else str(section))
    if slot is not None and slot.shorthand and value not in slot.names():
        return {slot.shorthand: value}
    return {"kind": value}


@dataclass(frozen=True, slots=True)
class _Mistake:
    keys: KeyPath
    text: str
    hint: str | None


def _flatten(errors: Iterable[Any], prefix: KeyPath, model: type[BaseModel]) -> list[_Mistake]:
    """Pydantic's errors as mistakes, with those of nested kinds brought to the surface."""
    found: list[_Mistake] = []
    for error in nearest(errors, model):
        keys, context = (*prefix, *error["loc"]), error.get("ctx", {})
        if error["type"] == "nested":
            found += _flatten(context["errors"], keys, context["model"])
        elif error["type"] == "extra_forbidden":
            near = _near(str(keys[-1]), _names(model, error["loc"][:-1]))
            found.append(_Mistake(keys, f"unknown key `{_dotted(keys)}`", near))
        elif error["type"] == "missing":
            found.append(_Mistake(keys, f"`{_dotted(keys)}` is missing", _example(model, keys, error["loc"])))
        else:
            message = error["msg"].removeprefix("Value error, ")
            message = message[:1].lower() + message[1:]
            seen = "" if error["type"].startswith("choice") else f" (it is {_short(error.get('input'))})"
            hint = context.get("hint") or meant(error) or _example(model, keys, error["loc"])
            keys = (*keys, "kind") if error["type"] == "choice_kind" and isinstance(error["input"], Mapping) else keys
            found.append(_Mistake(keys, f"`{_dotted(keys)}`: {message}{seen}", hint))
    return found


def _explain(mistakes: list[_Mistake], origins: Mapping[KeyPath, str]) -> ConfigError:
    first, rest = mistakes[0], mistakes[1:]
    more = "".join(f"\n       {m.text}{_place(m.keys, origins, ' at ')}" for m in rest)
    return ConfigError(first.text + more, at=_place(first.keys, origins) or None, hint=first.hint)


def _paths(value: Any, keys: KeyPath) -> Iterable[KeyPath]:
    """The path of every value inside a nested one."""
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*keys, key)
        yield from _paths(inner, (*keys, key))


def _shorthands(given: Mapping[str, Any], resolved: Mapping[str, Any], keys: KeyPath) -> Iterable[KeyPath]:
    """The paths of what shorthands stand for: of `model: m` it is `model.path`."""
    for key, value in given.items():
        whole = resolved.get(key)
        if isinstance(whole, dict) and isinstance(value, Mapping):
            yield from _shorthands(value, whole, (*keys, key))
        elif isinstance(whole, dict):
            yield from ((*keys, key, part) for part in _expand(key, value))


def _place(keys: KeyPath, origins: Mapping[KeyPath, str], before: str = "") -> str:
    while keys:
        if keys in origins:
            return before + origins[keys]
        keys = keys[:-1]
    return ""


def _names(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    inner = _descend(model, loc)
    return list(inner.model_fields) if inner else []


def _example(model: type[BaseModel], keys: KeyPath, loc: Sequence[str | int]) -> str | None:
    """A setting as one may type it, with its default or an example, and what it is."""
    inner = _descend(model, loc[:-1]) if loc else None
    field = inner.model_fields.get(str(loc[-1])) if inner else None
    if field is None:
        return None
    value = field.examples[0] if field.examples else field.get_default()
    if value is None or value is PydanticUndefined:
        value = _example_of_type(field)
    if isinstance(value, Settings):
        name, value = next(iter(value.model_dump().items()))
        keys = (*keys, name)
    value = sorted(value) if isinstance(value, frozenset) else list(value) if isinstance(value, tuple) else value
    return f"{'.'.join(map(str, keys))}={dump_value(value)}  ({field.description})"


def _example_of_type(field: FieldInfo) -> Any:
    from whet.base.catalogue import SLOTS

    for mark in field.metadata:
        if isinstance(mark, Choice):
            return mark.default or SLOTS[mark.slot].default or SLOTS[mark.slot].names()[0]
    types = _types(field.annotation)
    return 100 if int in types else 1.0 if float in types else "TEXT"


def _descend(model: type[BaseModel] | None, loc: Sequence[str | int]) -> type[BaseModel] | None:
    for key in loc:
        if isinstance(key, int) or model is None:
            continue
        field = model.model_fields.get(key)
        if field is None:
            continue  # the name of a union's branch, not a key
        model = next((t for t in _types(field.annotation) if isinstance(t, type) and issubclass(t, Settings)), None)
    return model


def _types(annotation: Any) -> list[Any]:
    inner = getattr(annotation, "__args__", ())
    return [annotation, *(t for a in inner for t in _types(a))]


def _near(name: str, names: list[str]) -> str | None:
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean `{near[0]}`?" if near else f"known keys: {', '.join(names)}" if names else None


def _dotted(keys: KeyPath) -> str:
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text


def _short(value: Any) -> str:
    text = dump_value(value) if isinstance(value, str | int | float | bool | list | dict | type(None)) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _lines(value: Any, keys: KeyPath, origins: Mapping[KeyPath, str]) -> Iterable[str]:
    indent = "  " * len(keys)
    for name, inner in value.items():
        path = (*keys, name)
        if isinstance(inner, dict) and inner:
            yield f"{indent}{name}:\n"
            yield from _lines(inner, path, origins)
        else:
            yield f"{indent}{name}: {dump_value(inner)}  # {origins.get(path, 'default')}\n"

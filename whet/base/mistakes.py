"""Mistakes in settings in our words: what pydantic found, where it stands, and something that can be typed instead."""

from __future__ import annotations

import re
import shlex
import types
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from whet.base.elsewhere import named_now
from whet.base.errors import ConfigError
from whet.base.nearest import nearest as nearest_name
from whet.base.schema import Settings
from whet.base.settings import Choice
from whet.base.unions import meant, nearest
from whet.base.yaml import dump_value, parse_value

KeyPath = tuple[str | int, ...]

# What pydantic (2.11 to 2.13) calls a type that is needed -> our words. Other messages of its are used as they are.
_TYPES = {
    "string_type": "needs a text",
    "string_unicode": "is no text that can be encoded",
    "string_sub_type": "needs a text",
    "int_type": "needs a whole number",
    "int_parsing": "needs a whole number",
    "int_parsing_size": "is too large a number",
    "int_from_float": "needs a whole number",
    "float_type": "needs a number",
    "float_parsing": "needs a number",
    "finite_number": "needs a finite number",
    "bool_type": "needs true or false",
    "bool_parsing": "needs true or false",
    "list_type": "needs a list",
    "tuple_type": "needs a list",
    "set_type": "needs a list",
    "frozen_set_type": "needs a list",
    "set_item_not_hashable": "needs a list of plain values",
    "iterable_type": "needs a list",
    "dict_type": "needs a mapping",
    "mapping_type": "needs a mapping",
    "model_type": "needs a mapping of its settings",
    "model_attributes_type": "needs a mapping of its settings",
    "recursion_loop": "contains itself",
    "recursion_depth_exceeded": "is nested too deeply",
    "none_required": "needs to be null",
    "too_long": "has too many entries",
    "too_short": "has too few entries",
    "predicate_failed": "is none of the values that it takes",
}
_MOST_TOLD = 20
# What a shell would take for its own.
_OF_SHELLS = re.compile(r"""[\s{}<>&|;$`*?()'"\\!~]""")
# How the docstrings of kinds name a value that a setting may have.
_EXAMPLE = re.compile(r"\bsuch as `?(\{.*\}|\[.*\]|[^\s,;`]+)")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One setting that cannot be used."""

    keys: KeyPath
    text: str
    hint: str | None
    order: int = 1


def explained(errors: Iterable[Any], model: type[BaseModel], origins: Mapping[KeyPath, str]) -> ConfigError:
    """Pydantic's `errors` of a `model` as one error: every mistake with its place, and a hint to the first.

    Unknown keys come first and missing ones last: what is missing may stand under a wrong name.
    """
    found = sorted(_flatten(errors, (), model, model), key=lambda one: one.order)
    first, rest = found[0], found[1:_MOST_TOLD]
    more = "".join(f"\n       {m.text}{place(m.keys, origins, ' at ')}" for m in rest)
    more += f"\n       and {len(found) - _MOST_TOLD:,} more" if len(found) > _MOST_TOLD else ""
    at = place(first.keys, origins)
    hint = first.hint or "whet schema, or docs/reference/config.md, says what a config holds"
    return ConfigError(first.text + more, at=at or None, hint=hint)


def example(model: type[BaseModel], keys: KeyPath, loc: Sequence[str | int]) -> str | None:
    """A setting as one may type it, with its default or an example, and what it is."""
    field, annotation = _find(model, loc)
    if annotation is None:
        return None
    about = f"  ({field.description})" if field is not None and field.description else ""
    value = _value_of(field) if field is not None else _value_of_type(annotation)
    if isinstance(value, Settings):
        values = value.model_dump().items()
        name, value = next((item for item in values if item[1] is not None), next(iter(values)))
        keys = (*keys, name)
    if loc and isinstance(loc[-1], int) and isinstance(value, dict) and set(value) == {"path"}:
        value = value["path"]  # the shorthand of a source
    value = sorted(value) if isinstance(value, frozenset) else list(value) if isinstance(value, tuple) else value
    typed = f"{_key(keys)}={dump_value(value)}"
    return f"{shlex.quote(typed) if _OF_SHELLS.search(typed) else typed}{about}"


def place(keys: KeyPath, origins: Mapping[KeyPath, str], before: str = "") -> str:
    """Where a setting was given, or what it stands in; else where the first of its parts was."""
    outer = keys
    while outer:
        if outer in origins:
            return before + origins[outer]
        outer = outer[:-1]
    given = (one for inner, one in origins.items() if keys and inner[: len(keys)] == keys)
    return next((before + one for one in given), "")


def dotted(keys: KeyPath) -> str:
    """`data.train[0].path`, cut where it is endless."""
    text = ""
    for key in keys[:16]:
        part = str(key) if len(str(key)) <= 80 else f"{str(key)[:77]}..."
        text += f"[{part}]" if isinstance(key, int) else f".{part}" if text else part
    return text


def short(value: Any) -> str:
    """A value in one line of at most 60 letters."""
    if isinstance(value, int) and abs(value) >= 10**60:
        return f"a whole number of {value.bit_length():,} bits"
    if isinstance(value, str) and len(value) > 200:
        value = value[:100]
    if isinstance(value, list | tuple | dict | set | frozenset) and len(value) > 50:
        return f"a {type(value).__name__} of {len(value):,}"
    try:
        is_plain = isinstance(value, str | int | float | bool | list | dict | type(None))
        text = dump_value(value) if is_plain else repr(value)
    except Exception:  # what YAML has no word for
        text = f"a {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."


def _flatten(errors: Iterable[Any], prefix: KeyPath, model: type[BaseModel], whole: type[BaseModel]) -> list[Mistake]:
    """Pydantic's errors as mistakes, with those of nested kinds brought to the surface. `whole` is the whole config."""
    found: list[Mistake] = []
    for error in nearest(errors, model):
        keys, context = (*prefix, *error["loc"]), error.get("ctx", {})
        if error["type"] == "nested":
            found += _flatten(context["errors"], keys, context["model"], whole)
        elif error["type"] == "extra_forbidden":
            hint = _unknown(keys, error.get("input"), _names(model, error["loc"][:-1]), whole)
            found.append(Mistake(keys, f"unknown key `{dotted(keys)}`", hint, order=0))
        elif error["type"] == "invalid_key":
            text = f"the key `{short(keys[-1])}` of `{dotted(keys[:-1]) or 'the config'}` is no text"
            found.append(Mistake(keys, text, f'put quotes around it: "{short(keys[-1])}": ...'))
        elif error["type"] == "missing":
            hint = example(model, keys, error["loc"])
            found.append(Mistake(keys, f"`{dotted(keys)}` is missing", hint, order=2))
        else:
            found.append(_wrong(error, keys, model))
    return found


def _wrong(error: Mapping[str, Any], keys: KeyPath, model: type[BaseModel]) -> Mistake:
    context, given = error.get("ctx", {}), error.get("input")
    if error["type"] in _TYPES:
        said = f" {_TYPES[error['type']]}"
    else:
        message = error["msg"].removeprefix("Value error, ")
        said = f": {message[:1].lower()}{message[1:]}"
    seen = "" if error["type"].startswith("choice") else f" (it is {short(given)})"
    hint = context.get("hint") or meant(error) or example(model, keys, error["loc"])
    if error["type"] == "string_type" and isinstance(given, bool | int | float):
        hint = (
            f'put quotes around it: {_key(keys)}=\'"{short(given)}"\' on the command line, "{short(given)}" in a file'
        )
    keys = (*keys, "kind") if error["type"] == "choice_kind" and isinstance(given, Mapping) else keys
    return Mistake(keys, f"`{dotted(keys)}`{said}{seen}", hint)


def _names(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    _, annotation = _find(model, loc)
    inner = model if not loc else _settings_in(annotation)
    return list(inner.model_fields) if inner else []


def _find(model: type[BaseModel], loc: Sequence[str | int]) -> tuple[FieldInfo | None, Any]:
    """The field at a place, and its type; of an entry in a list or mapping only the type. (None, None) if unknown."""
    field: FieldInfo | None = None
    annotation: Any = model
    for key in loc:
        inner = _settings_in(annotation)
        entry = _entry_of(annotation)
        if inner is not None and isinstance(key, str) and key in inner.model_fields:
            field, annotation = inner.model_fields[key], inner.model_fields[key].annotation
        elif entry is not None and (isinstance(key, int) or inner is None):
            field, annotation = None, entry
        elif isinstance(key, str) and annotation is not None and inner is not None:
            return None, None
        # else: the name of a union's branch, not a key
    return field, annotation


def _settings_in(annotation: Any) -> type[BaseModel] | None:
    """The section that a type is, itself or as a part of a union."""
    plain = annotation.__args__ if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    return next((part for part in plain if isinstance(part, type) and issubclass(part, BaseModel)), None)


def _entry_of(annotation: Any) -> Any:
    """The type of what a list or a mapping holds."""
    parts = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    for part in parts:
        if get_origin(part) in (list, tuple, frozenset, set, Sequence):
            return get_args(part)[0]
        if get_origin(part) in (dict, Mapping):
            return get_args(part)[1]
    return None


def _value_of(field: FieldInfo) -> Any:
    value = field.examples[0] if field.examples else field.get_default()
    if value is not None and value is not PydanticUndefined and value not in ([], {}, (), frozenset()):
        return value
    if (said := _EXAMPLE.search(field.description or "")) is not None:
        with suppress(ConfigError):
            value = parse_value(said[1])
            return [value] if _entry_of(field.annotation) is not None and not isinstance(value, list | dict) else value
    chosen = next((mark for mark in field.metadata if isinstance(mark, Choice)), None)
    return _within(_value_of_type(field.annotation), field.metadata) if chosen is None else _kind_of(chosen)


def _kind_of(choice: Choice) -> str:
    from whet.base.catalogue import SLOTS

    slot = SLOTS[choice.slot]
    return choice.default or slot.default or slot.names()[0]


def _value_of_type(annotation: Any) -> Any:
    """Something that a setting of this type may be."""
    chosen = next((mark for mark in getattr(annotation, "__metadata__", ()) if isinstance(mark, Choice)), None)
    if chosen is not None:
        return _kind_of(chosen)
    marks = getattr(annotation, "__metadata__", ())
    if marks:
        return _within(_value_of_type(get_args(annotation)[0]), marks)
    section = _settings_in(annotation)
    if section is not None:
        needed = [name for name, field in section.model_fields.items() if field.is_required()]
        name = needed[0] if needed else next(iter(section.model_fields))
        return {name: _value_of(section.model_fields[name])}
    for part in _types(annotation):
        if get_origin(part) is Literal:
            return get_args(part)[0]
        if get_origin(part) in (list, tuple, frozenset):
            return [_value_of_type(get_args(part)[0])]
        if get_origin(part) is dict:
            return {"KEY": _value_of_type(get_args(part)[1])}
        if part in (bool, int, float, str):
            return {bool: True, int: 100, float: 1.0, str: "TEXT"}[part]
    return "TEXT"


def _within(value: Any, marks: Iterable[Any]) -> Any:
    """The value, or one between its bounds."""
    least = next(
        (bound for mark in marks for bound in (getattr(mark, "ge", None), getattr(mark, "gt", None)) if bound), 0
    )
    most = next(
        (b for mark in marks for b in (getattr(mark, "le", None), getattr(mark, "lt", None)) if b is not None), None
    )
    if isinstance(value, bool) or not isinstance(value, int | float) or most is None or least < value < most:
        return value
    return (least + most) // 2 if isinstance(value, int) else (least + most) / 2


def _types(annotation: Any) -> list[Any]:
    inner = getattr(annotation, "__args__", ())
    return [annotation, *(t for a in inner for t in _types(a))]


def _of_others(keys: KeyPath, whole: type[BaseModel]) -> str:
    """Which other kinds have a setting: `tuner.rank` beside `tuner: full`."""
    from whet.base.catalogue import SLOTS

    chosen = next(mark for mark in whole.model_fields[str(keys[0])].metadata if isinstance(mark, Choice))
    slot = SLOTS[chosen.slot]
    kinds = [kind for kind in slot.names() if keys[1] in slot.get(kind).settings.model_fields]
    return f"{keys[0]}.kind={kinds[0]}" + (f", or another that has it: {', '.join(kinds[1:])}" if kinds[1:] else "")


def _unknown(keys: KeyPath, value: Any, names: list[str], whole: type[BaseModel]) -> str | None:
    """What was meant by a key: another name of a setting, one of the same section, or one that stands elsewhere."""
    name = str(keys[-1])[:80]
    if (hint := named_now(keys, value)) is not None:
        return hint
    near, there = nearest_name(name, names), inside(whole).get(name)
    if there == ".".join(map(str, keys)):
        return _of_others(keys, whole)
    if there and (len(keys) == 1 or near is None):
        return f"did you mean `{there}`?"
    if near is None and len(keys) == 1 and (like := nearest_name(name, inside(whole))):
        near = inside(whole)[like]
    return f"did you mean `{near}`?" if near else f"known keys: {', '.join(names)}" if names else None


@cache
def inside(model: type[BaseModel]) -> Mapping[str, str]:
    """By name the settings inside of sections, as `section.name`: those of the usual kind of a slot before others."""
    from whet.base.catalogue import SLOTS

    found: dict[str, str] = {}
    plain = {n: field for n, field in model.model_fields.items() if _settings_in(field.annotation) is not None}
    for section, field in {**plain, **model.model_fields}.items():
        chosen = next((mark for mark in field.metadata if isinstance(mark, Choice)), None)
        inner = _settings_in(field.annotation)
        sections = [inner] if inner is not None else []
        if chosen is not None:
            slot = SLOTS[chosen.slot]
            names = slot.names()
            for kind in [name for name in names if name == slot.default] + names:
                with suppress(ConfigError):  # a package of somebody else that cannot be loaded
                    sections.append(slot.get(kind).settings)
        for name in (name for settings in sections for name in settings.model_fields if name != "kind"):
            found.setdefault(name, f"{section}.{name}")
    return found


def _key(keys: KeyPath) -> str:
    return ".".join(str(key)[:80] for key in keys[:16])

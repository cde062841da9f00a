"""The choice of a kind: what a name, a shorthand or a mapping means where a setting takes a kind of a slot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError, core_schema

from whet.base.catalogue import SLOTS
from whet.base.errors import ConfigError
from whet.base.schema import Settings


def choice_core_schema(slot_name: str, default: str | None) -> Any:
    """Pydantic's core schema of a setting that takes a kind."""
    return core_schema.no_info_plain_validator_function(
        lambda value: _resolve(slot_name, default, value),
        serialization=core_schema.plain_serializer_function_ser_schema(lambda settings: settings.model_dump()),
    )


def _resolve(slot_name: str, default: str | None, value: Any) -> Settings:
    """The settings of the kind that `value` (a name, a shorthand, a mapping or nothing) chooses."""
    slot = SLOTS[slot_name]
    if isinstance(value, Settings):
        return value
    if isinstance(value, str):
        value = {"kind": value} if value in slot.names() or not slot.shorthand else {slot.shorthand: value}
    if value is None:
        value = {}
    if not isinstance(value, Mapping):
        raise PydanticCustomError(
            "choice", "needs a name of `whet slots {slot}`, or a mapping with `kind`", {"slot": slot.name}
        )
    name = value.get("kind", default or slot.default)
    if name is None:
        raise PydanticCustomError("choice", "needs a `kind`: one of {names}", {"names": ", ".join(slot.names())})
    try:
        kind = slot.get(name if isinstance(name, str) else _short(name))
    except ConfigError as error:
        raise PydanticCustomError("choice_kind", "{message}", {"message": error.message, "hint": error.hint}) from None
    try:
        return kind.settings.model_validate({**value, "kind": kind.name})
    except ValidationError as error:
        raise PydanticCustomError(
            "nested", "nested errors", {"errors": error.errors(), "model": kind.settings}
        ) from None


def _short(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

"""From signatures to schemas: the pydantic models of settings, and the choice of a kind."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic_core import PydanticCustomError

from whet.base.errors import ConfigError

if TYPE_CHECKING:
    from whet.base.settings import Choice
    from whet.base.slots import Kind


class Settings(BaseModel):
    """Base of every section and kind: frozen, unknown keys forbidden."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    def values(self) -> dict[str, Any]:
        """The settings without the tag, ready to be passed to the kind's builder."""
        return {name: getattr(self, name) for name in type(self).model_fields if name != "kind"}


def settings_model(kind: Kind) -> type[Settings]:
    """The pydantic model of a builder's keyword-only parameters, tagged with `kind`."""
    docs = setting_docs(kind.build)
    fields: dict[str, Any] = {"kind": (Literal[kind.name], kind.name)}
    for parameter in inspect.signature(kind.build).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            default = ... if parameter.default is parameter.empty else parameter.default
            annotation = _evaluate(parameter.annotation, kind.build)
            fields[parameter.name] = (annotation, Field(default, description=docs.get(parameter.name)))
    name = f"{kind.slot}.{kind.name}"
    return create_model(name, __base__=Settings, __doc__=kind.doc, **fields)


def setting_docs(build: Callable[..., Any]) -> dict[str, str]:
    """Docstring lines of the form `name: what it is`, for the builder's parameters."""
    names = inspect.signature(build).parameters
    found = {}
    for line in (inspect.getdoc(build) or "").splitlines():
        match = re.match(r"\s*(\w+): (.+)", line)
        if match and match[1] in names:
            found[match[1]] = match[2].strip()
    return found


def resolve_choice(choice: Choice, value: Any) -> Settings:
    """The settings of the kind that `value` (a name, a shorthand, a mapping or nothing) chooses."""
    from whet.base.catalogue import SLOTS

    slot = SLOTS[choice.slot]
    default = choice.default or slot.default
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
    name = value.get("kind", default)
    if name is None:
        raise PydanticCustomError("choice", "needs a `kind`: one of {names}", {"names": ", ".join(slot.names())})
    try:
        kind = slot.get(name if isinstance(name, str) else short(name))
    except ConfigError as error:
        raise PydanticCustomError("choice_kind", "{message}", {"message": error.message, "hint": error.hint}) from None
    try:
        return kind.settings.model_validate({**value, "kind": kind.name})
    except ValidationError as error:
        raise PydanticCustomError(
            "nested", "nested errors", {"errors": error.errors(), "model": kind.settings}
        ) from None


def text_core_schema(handler: Any, check: Callable[[str], str]) -> Any:
    """A text that `check` gives back, perhaps changed, or refuses by a ConfigError."""
    from pydantic_core import core_schema

    def checked(value: str) -> str:
        try:
            return check(value)
        except ConfigError as error:
            context = {"message": error.message, "hint": error.hint}
            raise PydanticCustomError("text", "{message}", context) from None

    return core_schema.no_info_after_validator_function(checked, handler(str))


def choice_core_schema(choice: Choice) -> Any:
    """Pydantic's core schema of a setting that takes a kind."""
    from pydantic_core import core_schema

    return core_schema.no_info_plain_validator_function(
        lambda value: resolve_choice(choice, value),
        serialization=core_schema.plain_serializer_function_ser_schema(lambda settings: settings.model_dump()),
    )


def short(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _evaluate(annotation: Any, build: Callable[..., Any]) -> Any:
    """Resolve one annotation alone: those of positional parameters may name types that are not imported."""
    if annotation is inspect.Parameter.empty:
        return Any
    return eval(annotation, build.__globals__) if isinstance(annotation, str) else annotation

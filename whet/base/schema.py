"""From signatures to schemas: the pydantic models of settings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic_core import PydanticCustomError, PydanticKnownError

from whet.base.errors import ConfigError


def _number(code: Any, value: Any) -> Any:
    if isinstance(value, bool):
        raise PydanticKnownError(code)
    return value


def _without_truths(schema: Any, model: type) -> Any:
    """The schema of a model, whose numbers are no truths: pydantic takes `true` for 1. Those within have their own."""
    if isinstance(schema, list | tuple):
        return type(schema)(_without_truths(one, model) for one in schema)
    if not isinstance(schema, dict) or (schema.get("type") == "model" and schema["cls"] is not model):
        return schema
    inner = {key: value if key == "metadata" else _without_truths(value, model) for key, value in schema.items()}
    if inner.get("type") not in ("int", "float"):
        return inner
    from pydantic_core import core_schema

    return core_schema.no_info_before_validator_function(partial(_number, f"{inner['type']}_type"), inner)


class Settings(BaseModel):
    """Base of every section and kind: frozen, unknown keys forbidden."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return _without_truths(handler(source), cls)

    def values(self) -> dict[str, Any]:
        """The settings without the tag, ready to be passed to the kind's builder."""
        return {name: getattr(self, name) for name in type(self).model_fields if name != "kind"}


def settings_model(build: Callable[..., Any], *, name: str, kind: str, doc: str) -> type[Settings]:
    """The pydantic model of the keyword-only parameters of a `kind`'s builder, with a tag."""
    docs = setting_docs(build)
    fields: dict[str, Any] = {"kind": (Literal[kind], kind)}
    for parameter in inspect.signature(build).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            default = ... if parameter.default is parameter.empty else parameter.default
            annotation = _evaluate(parameter.annotation, build)
            fields[parameter.name] = (annotation, Field(default, description=docs.get(parameter.name)))
    return create_model(name, __base__=Settings, __doc__=doc, **fields)


def setting_docs(build: Callable[..., Any]) -> dict[str, str]:
    """Docstring lines of the form `name: what it is`, for the builder's parameters."""
    names = inspect.signature(build).parameters
    found = {}
    for line in (inspect.getdoc(build) or "").splitlines():
        match = re.match(r"\s*(\w+): (.+)", line)
        if match and match[1] in names:
            found[match[1]] = match[2].strip()
    return found


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


def _evaluate(annotation: Any, build: Callable[..., Any]) -> Any:
    """Resolve one annotation alone: those of positional parameters may name types that are not imported."""
    if annotation is inspect.Parameter.empty:
        return Any
    return eval(annotation, build.__globals__) if isinstance(annotation, str) else annotation

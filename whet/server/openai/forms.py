"""The form that an answer is to have, from what a request says: JSON, a schema, a pattern, a choice, a grammar."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from whet.base.errors import ModelError
from whet.server.openai.refused import Refused
from whet.server.openai.service import Service, readable
from whet.server.openai.wire import Chat, Structured


def form_of(service: Service, body: Chat) -> str | None:
    """The form that a chat's answer is to have; None for any text. Raises Refused for one that cannot be promised."""
    asked = _response_format(service, body.response_format)
    other = structured_form(service, body.structured_outputs)
    if asked is not None and other is not None:
        said = "an answer has one form: `response_format` or `structured_outputs`"
        raise Refused(said, param="structured_outputs", code="invalid_value")
    return other if asked is None else asked


def structured_form(service: Service, given: Structured | None) -> str | None:
    """The form that `structured_outputs` says. Raises Refused where it says none, or two."""
    place = "structured_outputs"
    said = given.model_dump(exclude_none=True) if given is not None else {}
    if given is None or not said:
        return None
    if len(said) > 1:
        raise Refused(f"an answer has one form: {' or '.join(said)}", param=place, code="invalid_value")
    [(kind, value)] = said.items()
    if kind == "json_schema":
        schema = _schema(value, f"{place}.json")
        return _made(lambda: service.grammars.json(schema), f"{place}.json")
    make = {"regex": service.grammars.regex, "choice": service.grammars.choice, "grammar": service.grammars.lark}[kind]
    return _made(lambda: make(value), f"{place}.{kind}")


def _response_format(service: Service, given: Mapping[str, Any] | None) -> str | None:
    kind, place = (given or {}).get("type", "text"), "response_format"
    if given is None or kind == "text":
        return None
    if kind == "json_object":
        return service.grammars.json({"type": "object"})
    if kind != "json_schema":
        raise Refused(f"there is no form `{kind}`: text, json_object or json_schema", param=place, code="invalid_value")
    named, at = given.get("json_schema"), f"{place}.json_schema.schema"
    schema = named.get("schema") if isinstance(named, dict) else None
    if not isinstance(schema, dict):
        raise Refused(f"`{at}` is missing", param=at, code="missing_required_parameter")
    return _made(lambda: service.grammars.json(schema), at)


def _schema(given: dict[str, Any] | str, place: str) -> dict[str, Any]:
    try:
        schema = json.loads(given) if isinstance(given, str) else given
    except (ValueError, RecursionError):
        schema = None
    if not isinstance(schema, dict):
        raise Refused(f"`{place}` is no schema", param=place, code="invalid_value")
    return schema


def _made(make: Callable[[], str], place: str) -> str:
    try:
        with readable(place):
            return make()
    except ModelError as error:
        raise Refused(error.message, param=place, code="invalid_value") from None
    except RecursionError:
        raise Refused(f"`{place}` is too deep", param=place, code="invalid_value") from None

"""What MLflow's clients ask: fields of a JSON body or of a query, checked, and answers in the forms of its API."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import Depends, Request

from whet.server.errors import invalid
from whet.server.mlflow.door import Door

# The limits of MLflow's own server (mlflow.utils.validation).
MAX_KEY, MAX_PARAM, MAX_TAG = 250, 6000, 8000


class Asked:
    """The fields of one request, by name."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = fields

    def text(self, name: str, default: str | None = None) -> str:
        """A text; a number is taken as its text. Raises Refusal where it is missing and has no default."""
        value = self.fields.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or (default is None and not value):
            raise invalid(f"Missing value for required parameter '{name}'")
        return value

    def optional(self, name: str) -> str | None:
        """A text, or None where it is missing or empty."""
        return self.text(name, "") or None

    def whole(self, name: str, default: int | None = None) -> int:
        """A whole number of 64 bits, which protobuf's JSON may have as a text."""
        value = self.fields.get(name)
        if value is None and default is not None:
            return default
        try:
            number = int(value) if isinstance(value, int | str) and len(str(value)) < 25 else int(float(value))  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            raise invalid(f"Invalid value {ascii(value)[:80]} for parameter '{name}': a whole number") from None
        if not -(1 << 63) <= number < 1 << 63:
            raise invalid(f"Invalid value for parameter '{name}': it has more than 64 bits")
        return number

    def number(self, name: str) -> float:
        """A number; NaN and infinities may be texts."""
        value = self.fields.get(name)
        try:
            if isinstance(value, bool) or value is None:
                raise ValueError
            return float(value)
        except (TypeError, ValueError, OverflowError):
            raise invalid(f"Invalid value {ascii(value)[:80]} for parameter '{name}': a number") from None

    def listed(self, name: str) -> list[Asked]:
        """A list of objects; none where it is missing."""
        found = self.fields.get(name) or []
        if not isinstance(found, Sequence) or not all(isinstance(one, Mapping) for one in found):
            raise invalid(f"Invalid value for parameter '{name}': a list of objects")
        return [Asked(one) for one in found]

    def object(self, name: str) -> Asked:
        """An object; an empty one where it is missing."""
        found = self.fields.get(name) or {}
        if not isinstance(found, Mapping):
            raise invalid(f"Invalid value for parameter '{name}': an object")
        return Asked(found)

    def texts(self, name: str) -> list[str]:
        """A list of texts; one text is a list of one."""
        found = self.fields.get(name) or []
        found = [found] if isinstance(found, str | int) else found
        if not isinstance(found, Sequence) or not all(isinstance(one, str | int) for one in found):
            raise invalid(f"Invalid value for parameter '{name}': a list of texts")
        return [str(one) for one in found]

    def run_id(self) -> str:
        """The run that is meant; `run_uuid` is its old name."""
        return self.optional("run_id") or self.text("run_uuid")

    def key(self, name: str = "key") -> str:
        """A name of a metric, param or tag."""
        value = self.text(name)
        if len(value) > MAX_KEY or not value.isprintable():
            raise invalid(f"Invalid {name} {ascii(value)[:80]}: at most {MAX_KEY} printable letters")
        return value

    def value(self, most: int, name: str = "value") -> str:
        """The value of a param or tag."""
        value = self.text(name, "")
        if len(value) > most:
            raise invalid(f"The value has {len(value)} letters, which is more than {most}")
        return value


async def asked_of(request: Request) -> Asked:
    """The fields of a request: of its body, else of its query."""
    if request.method == "GET":
        query = request.query_params
        return Asked({name: v[0] if len(v := query.getlist(name)) == 1 else v for name in query})
    body = await request.body()
    try:
        fields = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        raise invalid("the body is no JSON") from None
    if not isinstance(fields, dict):
        raise invalid("the body is no JSON object")
    return Asked(fields)


def door_of(request: Request) -> Door:
    """The door of the app that a request came to."""
    return request.app.state.door


Asking = Annotated[Asked, Depends(asked_of)]
TheDoor = Annotated[Door, Depends(door_of)]

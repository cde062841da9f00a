"""Mistakes in a value that may be of several types: only those of the type that it comes nearest to."""

from __future__ import annotations

import difflib
import re
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

from whet.base.schema import Settings


def nearest(errors: Iterable[Any], model: type[BaseModel]) -> list[dict[str, Any]]:
    """Pydantic's errors without those of types that were hardly meant, and without the types' names in their places.

    Of `int | Literal["auto"]` pydantic tells what is wrong with the value as either. It is meant as the type whose
    error lies deepest in it, else as one whose type it has.
    """
    errors = list(errors)
    by_value: dict[tuple[str | int, ...], list[Any]] = {}
    for error in errors:
        at = _branch(model, error["loc"])
        if at is not None:
            by_value.setdefault(error["loc"][:at], []).append(error)
    found: list[dict[str, Any]] = []
    for error in errors:
        at = _branch(model, error["loc"])
        if at is None:
            found.append(error)
            continue
        best = max(by_value[error["loc"][:at]], key=_depth)
        if error["loc"][at] == best["loc"][at]:
            inner = tuple(key for key in error["loc"][at + 1 :] if key != "[key]")
            found.append({**error, "loc": error["loc"][:at] + inner})
    return found


def meant(error: Mapping[str, Any]) -> str | None:
    """A hint with the allowed word that is nearest to the one that was given."""
    words = re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected", "")))
    near = difflib.get_close_matches(str(error.get("input")), words, n=1)
    return f"did you mean `{near[0]}`?" if near else None


def _branch(model: type[BaseModel] | None, loc: Sequence[str | int]) -> int | None:
    """Where in the place of an error the name of a type stands, if it does."""
    for at, key in enumerate(loc):
        if isinstance(key, int):
            continue
        field = model.model_fields.get(key) if model is not None else None
        if field is None:
            return None
        if _is_union(field.annotation):
            return at + 1 if at + 1 < len(loc) else None
        model = next((t for t in (field.annotation, *get_args(field.annotation)) if _is_settings(t)), None)
    return None


def _is_union(annotation: Any) -> bool:
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
    return get_origin(annotation) in (Union, types.UnionType) and len(kinds) > 1


def _is_settings(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Settings)


def _depth(error: Mapping[str, Any]) -> tuple[int, int]:
    """How far validation came, and whether the value has the type, or might have been one of its words."""
    is_other = error["type"].endswith(("_type", "_parsing"))
    is_word = error["type"] == "literal_error"
    fits = 0 if is_other else int(isinstance(error.get("input"), str)) if is_word else 2
    return len(error["loc"]), fits

"""Whether a text is JSON that a schema allows."""

from __future__ import annotations

import json
import math
import re
from functools import partial
from typing import Any

from whet.base.catalogue import reward
from whet.base.errors import ConfigError, missing_package
from whet.base.regular import opened
from whet.base.settings import Place
from whet.contracts.rewards import Reward
from whet.rewards.answer import Each, Row, after_thinking, column

_MAX_DEPTH = 64
_FENCE = re.compile(r"\s*```(?:json)?[ \t]*\n(.*?)\n?\s*```\s*", re.DOTALL)


@reward("json-schema")
def json_schema(*, file: Place | None = None, fences: bool = True, valid_json: float = 0.0) -> Reward:
    """1 where the completion is JSON that a schema allows; `valid_json` where it is other JSON; else 0.

    file: the schema's JSON file; by default each row's column `schema`
    fences: a Markdown fence around the JSON is taken off
    valid_json: score of JSON that the schema refuses
    """
    try:
        import jsonschema  # noqa: F401
    except ImportError:
        raise missing_package("jsonschema", "rewards", "the reward `json-schema`") from None
    return Each(partial(_allowed, _load(file) if file else None, fences, valid_json))


def _load(path: str) -> Any:
    from jsonschema import SchemaError, validators

    try:
        with opened(path, encoding="utf-8") as stream:
            schema = json.load(stream)
        validators.validator_for(schema).check_schema(schema)
    except OSError as error:
        raise ConfigError(f"the schema {path} cannot be read: {error.strerror}", hint="give a JSON file") from None
    except ValueError as error:
        raise ConfigError(f"the schema {path} is not JSON: {error}", hint=f"python -m json.tool {path}") from None
    except SchemaError as error:
        raise ConfigError(f"{path} is no JSON Schema: {error.message}", hint="https://json-schema.org") from None
    return schema


def _allowed(schema: Any, fences: bool, valid_json: float, completion: str, row: Row) -> float:
    from referencing import Registry

    if schema is None:
        schema = column(row, "schema")
        schema = json.loads(schema) if isinstance(schema, str) else schema
    text = after_thinking(completion)
    fenced = _FENCE.fullmatch(text) if fences else None
    try:
        value = json.loads(
            fenced[1] if fenced else text, object_pairs_hook=_once, parse_constant=_refuse, parse_float=_finite
        )
    except (ValueError, RecursionError):
        return 0.0
    if _is_deep(value):
        return 0.0
    try:
        # Its own registry: no schema of a row may make anybody ask the network.
        return 1.0 if _validator(schema)(schema, registry=Registry()).is_valid(value) else valid_json
    except RecursionError:
        raise ValueError("the schema refers to itself without end") from None
    except Exception as error:  # references that lead nowhere, patterns that are none
        raise ValueError(f"the schema cannot be followed: {type(error).__name__}: {str(error)[:200]}") from None


def _validator(schema: Any) -> Any:
    """What checks by a schema of this draft. Raises ValueError for what is no schema."""
    from jsonschema import validators

    if not isinstance(schema, dict | bool):
        raise ValueError(f"the schema is a {type(schema).__name__}, neither an object nor a truth")
    return validators.validator_for(schema, default=validators.Draft202012Validator)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object. The same name twice is not something that readers agree about."""
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


def _is_deep(value: Any) -> bool:
    """Whether it is nested more deeply than anything that is meant: a schema is followed at each level."""
    level = [value]
    for _ in range(_MAX_DEPTH):
        inner = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        level = [item for items in inner for item in items]
    return bool(level)


def _finite(number: str) -> float:
    """A number that there is. 1e999 is infinite when it is read, and no reader takes it back."""
    if math.isinf(value := float(number)):
        raise ValueError(f"{number[:20]} is too large")
    return value


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")

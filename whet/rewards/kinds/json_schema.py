"""Whether a text is JSON that a schema allows."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import Any

from whet.base.catalogue import reward
from whet.base.errors import ConfigError, missing_package
from whet.base.settings import Place
from whet.contracts.rewards import Reward
from whet.rewards.answer import Each, Row, after_thinking, column

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
        with open(path, encoding="utf-8") as stream:
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
    from jsonschema import validators

    if schema is None:
        schema = column(row, "schema")
        schema = json.loads(schema) if isinstance(schema, str) else schema
    text = after_thinking(completion)
    fenced = _FENCE.fullmatch(text) if fences else None
    try:
        value = json.loads(fenced[1] if fenced else text, object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return 0.0
    validator = validators.validator_for(schema)
    return 1.0 if validator(schema).is_valid(value) else valid_json


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object. The same name twice is not something that readers agree about."""
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")

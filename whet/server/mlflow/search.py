"""MLflow's search language: `metrics.loss < 1 and params.kind = 'muon' and tags.stage LIKE 'pro%'`, and its order.

    filter     condition and condition and ...
    condition  name sign value | name [not] like|ilike 'pattern' | name [not] in ('a', 'b') | name is [not] null
    name       [metrics. | params. | tags. | attributes. | datasets.] key, odd keys in backticks or double quotes

Parsed, never evaluated (the language of `mlflow.utils.search_utils`, which also has no `or`).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from whet.server.errors import invalid

_TOKEN = re.compile(
    r"\s*(?:(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))"
    r"|(?P<text>'(?:[^'\\]|\\.)*')"
    r"|(?P<name>(?:[^\W\d][\w]*\.)?(?:`[^`]+`|\"[^\"]+\")|[^\W\d][\w./:-]*)"
    r"|(?P<sign>!=|<=|>=|=|<|>|\(|\)|,))"
)
_ENTITIES = {
    **dict.fromkeys(("metric", "metrics"), "metric"), **dict.fromkeys(("tag", "tags"), "tag"),
    **dict.fromkeys(("parameter", "parameters", "param", "params"), "param"),
    **dict.fromkeys(("attribute", "attributes", "attr", "run"), "attribute"),
    **dict.fromkeys(("dataset", "datasets"), "dataset"),
}  # fmt: skip
_NUMERIC = {
    "start_time", "end_time", "creation_time", "last_update_time", "last_updated_time", "created",
    "creation_timestamp", "last_updated_timestamp", "version_number",
}  # fmt: skip
_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_OLD = {
    "run name": "run_name",
    "Run name": "run_name",
    "run id": "run_id",
    "created": "start_time",
    "Created": "start_time",
}

# The values of a name: of one with several (datasets) each, of one without none.
Row = Callable[[str, str], Sequence[Any]]
Test = Callable[[Row], bool]


def parse(text: str, attributes: Sequence[str]) -> Test:
    """Whether a row is taken. Raises Refusal for what is no filter, or names an attribute that there is not."""
    words = _words(text)
    tests: list[Test] = []
    while words:
        tests.append(_condition(words, attributes, text))
        if (
            words
            and not _is_word(words.pop(0), "and")
            or tests
            and not words
            and text.rstrip().lower().endswith(" and")
        ):
            raise _wrong(text)
    return lambda row: all(test(row) for test in tests)


def order(clauses: Sequence[str], attributes: Sequence[str]) -> list[tuple[str, str, bool]]:
    """Entity, key and whether it descends of each clause, such as `metrics.loss DESC`. Raises Refusal."""
    found = []
    for clause in clauses:
        words = _words(clause)
        if not words or words[0][0] != "name" or len(words) > 2:
            raise invalid(f"Invalid order_by clause '{clause[:100]}'")
        way = words[1][1].lower() if len(words) == 2 else "asc"
        if way not in ("asc", "desc"):
            raise invalid(f"Invalid ordering key in order_by clause '{clause[:100]}'")
        found.append((*_name(words[0][1], attributes), way == "desc"))
    return found


def parts_of(name: str, attributes: Sequence[str]) -> tuple[str, str]:
    """Entity and key of a name such as `metrics.loss`. Raises Refusal."""
    words = _words(name)
    if len(words) != 1 or words[0][0] != "name":
        raise invalid(f"Invalid field name '{name[:100]}'")
    return _name(words[0][1], attributes)


def _words(text: str) -> list[tuple[str, str]]:
    found, place = [], 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None:
            raise _wrong(text)
        found.append((str(match.lastgroup), match[str(match.lastgroup)]))
        place = match.end()
    return found


def _condition(words: list[tuple[str, str]], attributes: Sequence[str], text: str) -> Test:
    kind, word = _next(words, text)
    if kind != "name":
        raise _wrong(text)
    entity, key = _name(word, attributes)
    sign = _next(words, text)[1].lower()
    if sign == "is":
        is_null = not (words and _is_word(words[0], "not") and words.pop(0))
        if not _is_word(_next(words, text), "null") or entity not in ("param", "tag"):
            raise _wrong(text)
        return lambda row: (not row(entity, key)) == is_null
    is_not = sign == "not"
    if is_not:
        sign = _next(words, text)[1].lower()
    test = _test(sign, entity, key, words, text)
    if is_not and sign not in ("in", "like", "ilike"):
        raise _wrong(text)
    return lambda row: any(test(value) != is_not for value in row(entity, key))


def _test(sign: str, entity: str, key: str, words: list[tuple[str, str]], text: str) -> Callable[[Any], bool]:
    """What the value of a name is asked."""
    is_number = entity == "metric" or (entity == "attribute" and key in _NUMERIC)
    if sign == "in" and not is_number:
        known = _list(words, text)
        return lambda value: value in known
    kind, word = _next(words, text)
    if sign in ("like", "ilike") and kind == "text" and not is_number:
        pattern = re.compile(_pattern(_unquoted(word)), re.DOTALL | (re.IGNORECASE if sign == "ilike" else 0))
        return lambda value: pattern.fullmatch(value) is not None
    if sign not in _COMPARED or (not is_number and sign not in ("=", "!=")):
        raise invalid(f"Invalid comparator '{sign}' for {entity} '{key}' in '{text[:200]}'")
    if is_number != (kind == "number"):
        wanted = "a number" if is_number else "a text in quotes"
        raise invalid(f"Expected {wanted} for {entity} '{key}' in '{text[:200]}', found {word[:50]}")
    compare, wanted_value = _COMPARED[sign], float(word) if is_number else _unquoted(word)
    return lambda value: compare(value, wanted_value)


def _list(words: list[tuple[str, str]], text: str) -> list[str]:
    if _next(words, text)[1] != "(":
        raise _wrong(text)
    found = []
    while True:
        kind, word = _next(words, text)
        if kind != "text":
            raise _wrong(text)
        found.append(_unquoted(word))
        sign = _next(words, text)[1]
        if sign == ")":
            return found
        if sign != ",":
            raise _wrong(text)


def _name(word: str, attributes: Sequence[str]) -> tuple[str, str]:
    """Entity and key; a name without an entity is an attribute."""
    first, dot, rest = word.partition(".")
    if word[0] in '`"':
        entity, key = "attribute", word
    elif dot and first.lower() in _ENTITIES:
        entity, key = _ENTITIES[first.lower()], rest
    elif dot:
        raise invalid(f"Invalid entity type '{first[:50]}'. Valid values are {sorted(set(_ENTITIES.values()))}")
    else:
        entity, key = "attribute", word
    key = key[1:-1] if key[:1] in ("`", '"') and len(key) > 1 else key
    key = _OLD.get(key, key) if entity == "attribute" else key
    if entity == "attribute" and key not in attributes:
        raise invalid(f"Invalid attribute key '{key[:80]}'. Valid keys are {list(attributes)}")
    return entity, key


def _pattern(like: str) -> str:
    """A pattern of SQL's LIKE as a regular expression; runs of `%` are one, or matching could take for ever."""
    like = re.sub("%+", "%", like)
    if like.count("%") > 10:
        raise invalid("a pattern may have ten `%`")
    return "".join(".*" if letter == "%" else "." if letter == "_" else re.escape(letter) for letter in like)


def _unquoted(word: str) -> str:
    return re.sub(r"\\(.)", r"\1", word[1:-1])


def _next(words: list[tuple[str, str]], text: str) -> tuple[str, str]:
    if not words:
        raise _wrong(text)
    return words.pop(0)


def _is_word(word: tuple[str, str], wanted: str) -> bool:
    return word[0] == "name" and word[1].lower() == wanted


def _wrong(text: str) -> Exception:
    return invalid(f"Invalid clause(s) in filter string: '{text[:200]}'")


def values_of(row: Mapping[str, Mapping[str, Any]]) -> Row:
    """A row whose entities are mappings; a value that is a list is several."""

    def find(entity: str, key: str) -> Sequence[Any]:
        value = row.get(entity, {}).get(key)
        return value if isinstance(value, list) else () if value is None else (value,)

    return find

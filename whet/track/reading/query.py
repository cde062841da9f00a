"""Which runs: `loss < 2 and optimizer.kind == "muon" and tag == "best"`, parsed and never evaluated as code.

    expression  term or term or ...
    term        factor and factor and ...
    factor      not factor | ( expression ) | value [ == != < <= > >= value ] | value in ( value, ... )
    value       number | "text" | true | false | none | nan | inf | name | `any name`

A name is a field of the listing (`status`, `step`, `duration_s`), a metric by its last value, or a place in the config.
`tag` is each of the tags. What a run does not have is `none`, which is neither smaller nor larger than anything.
"""

from __future__ import annotations

import difflib
import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from whet.base.errors import ConfigError

Row = Mapping[str, Any]
Test = Callable[[Row], Any]

_TOKEN = re.compile(
    r"\s*(?:(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))"
    r"|(?P<text>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
    r"|`(?P<quoted>[^`]+)`|(?P<name>[^\W\d][\w./-]*)|(?P<sign>==|!=|<=|>=|<|>|\(|\)|,))"
)
_WORDS = {"true": True, "false": False, "none": None, "null": None, "nan": math.nan, "inf": math.inf}
_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
# So deep may parentheses and `not` be nested.
_MAX_DEPTH = 50


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed filter: whether it takes a row, and the names it asks for."""

    text: str
    takes: Callable[[Row], bool]
    names: tuple[str, ...]

    def select(self, rows: Iterable[Row]) -> list[Row]:
        """The rows that it takes. Raises ConfigError for a name that no row has, with the nearest that one has."""
        rows = list(rows)
        check_names(self.names, rows, self.text)
        return [row for row in rows if self.takes(row)]


def parse(text: str) -> Query:
    """A filter from its text; an empty one takes everything. Raises ConfigError with the place of what is wrong."""
    if not text.strip():
        return Query(text, lambda row: True, ())
    parser = _Parser(text)
    test = parser.expression(0)
    parser.end()
    return Query(text, lambda row: bool(test(row)), tuple(dict.fromkeys(parser.names)))


def parts(text: str) -> list[Query]:
    """The conditions that `and` joins at the outermost, each a filter of its own; all as one where `or` joins them."""
    parse(text)
    depth, start, found = 0, 0, []
    for kind, word, place in _tokens(text):
        depth += (kind == "sign") * ((word == "(") - (word == ")"))
        if kind == "name" and depth == 0 and word == "or":
            return [parse(text.strip())]
        if kind == "name" and depth == 0 and word == "and":
            found.append(text[start:place])
            start = place + len(word)
    return [parse(part.strip()) for part in (*found, text[start:]) if part.strip()]


def bounds(text: str) -> dict[str, str]:
    """Names that a condition of the outermost `and` compares with a number, and whether `high` or `low` is wanted."""
    found = {}
    for part in parts(text):
        kinds, words = [kind for kind, _, _ in _tokens(part.text)], [word for _, word, _ in _tokens(part.text)]
        if len(words) != 3 or words[1] not in _COMPARED or "number" not in kinds:
            continue
        place = 0 if kinds[2] == "number" else 2
        if kinds[place] in ("name", "quoted"):
            found[words[place]] = "high" if (words[1][0] == ">") == (place == 0) else "low"
    return found


def check_names(names: Sequence[str], rows: Sequence[Row], at: str) -> None:
    """Raise ConfigError for a name that none of the rows has."""
    known = sorted({name for row in rows for name in row})
    for name in names:
        if rows and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"one of {', '.join(known[:12])}"
            if any(row.get("name") == name for row in rows):
                hint = f'a run is called so: whet show {name}, or the filter name == "{name}"'
            raise ConfigError(f"no run has `{name}`", at=at, hint=hint)


class _Parser:
    """Recursive descent over the tokens of a filter."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.names: list[str] = []
        self.tokens = _tokens(text)
        self.place = 0

    def expression(self, depth: int) -> Test:
        return self._joined("or", self._term, any, depth)

    def end(self) -> None:
        if self.place < len(self.tokens):
            raise self._wrong("`and`, `or` or the end")

    def _term(self, depth: int) -> Test:
        return self._joined("and", self._factor, all, depth)

    def _joined(
        self, word: str, part: Callable[[int], Test], over: Callable[[Iterable[Any]], bool], depth: int
    ) -> Test:
        tests = [part(depth)]
        while self._take("name", word):
            tests.append(part(depth))
        if len(tests) == 2:
            one, two = tests
            return (lambda row: one(row) or two(row)) if over is any else (lambda row: one(row) and two(row))
        return tests[0] if len(tests) == 1 else lambda row: over(test(row) for test in tests)

    def _factor(self, depth: int) -> Test:
        if depth > _MAX_DEPTH:
            raise ConfigError("the filter is nested too deeply", at=self.text[:60], hint="fewer parentheses")
        if self._take("name", "not"):
            inner = self._factor(depth + 1)
            return lambda row: not inner(row)
        if self._take("sign", "("):
            inner = self.expression(depth + 1)
            self._expect("sign", ")")
            return inner
        left = self._value()
        for sign in ("==", "!=", *_COMPARED):
            if self._take("sign", sign):
                return _comparison(sign, left, self._value())
        if self._take("name", "in"):
            self._expect("sign", "(")
            options = [self._value()]
            while self._take("sign", ","):
                options.append(self._value())
            self._expect("sign", ")")
            tests = [_comparison("==", left, option) for option in options]
            return lambda row: any(test(row) for test in tests)
        return left

    def _value(self) -> Test:
        kind, word, _ = self.tokens[self.place] if self.place < len(self.tokens) else ("", "", 0)
        value: Any
        if kind == "number":
            value = float(word)
        elif kind == "text":
            value = re.sub(r"\\(.)", r"\1", word[1:-1])
        elif kind == "name" and word in _WORDS:
            value = _WORDS[word]
        elif kind == "quoted" or (kind == "name" and word not in ("and", "or", "not", "in")):
            self.place += 1
            self.names.append(word)
            return lambda row: row.get(word)
        else:
            raise self._wrong("a name, a number or a text")
        self.place += 1
        return lambda row: value

    def _take(self, kind: str, word: str) -> bool:
        if self.place < len(self.tokens) and self.tokens[self.place][:2] == (kind, word):
            self.place += 1
            return True
        return False

    def _expect(self, kind: str, word: str) -> None:
        if not self._take(kind, word):
            raise self._wrong(f"`{word}`")

    def _wrong(self, wanted: str) -> ConfigError:
        rest = self.text[self.tokens[self.place][2] :].strip() if self.place < len(self.tokens) else ""
        found = f"`{rest[:30]}`" if rest else "the end"
        return ConfigError(
            f"the filter has {found} where {wanted} is expected", at=self.text, hint='loss < 2 and tag == "best"'
        )


def _tokens(text: str) -> list[tuple[str, str, int]]:
    """Kind, word and place of each token."""
    found, place = [], 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None:
            rest = text[place:].strip()
            hint = 'texts are in quotes, odd names in backticks: `my metric` < 2 and status == "done"'
            if rest.startswith(("=", "&", "|", "!")):
                hint = f"equality is `==`, and words join: {_respelt(text)}"
            raise ConfigError(f"the filter has `{rest[:30]}`, which is no word of it", at=text, hint=hint)
        kind = str(match.lastgroup)
        found.append((kind, match[kind], match.start(kind)))
        place = match.end()
    return found


def _respelt(text: str) -> str:
    """A filter in the words of another language, in ours."""
    text = re.sub(r"\s*&&?\s*", " and ", re.sub(r"\s*\|\|?\s*", " or ", text))
    return re.sub(r"!(?!=)\s*", "not ", re.sub(r"\s*(?<![=!<>])=(?!=)\s*", " == ", text)).strip()


def _comparison(sign: str, left: Test, right: Test) -> Test:
    """A comparison of two values; of several (tags) one that holds is enough, and for `!=` all must."""
    if sign == "!=":
        same = _comparison("==", left, right)
        return lambda row: not same(row)
    compare = _equal if sign == "==" else _ordered(_COMPARED[sign])

    def holds(row: Row) -> bool:
        a, b = left(row), right(row)
        if isinstance(a, (list, tuple)) or isinstance(b, (list, tuple)):
            return any(compare(x, y) for x in _several(a) for y in _several(b))
        return compare(a, b)  # most are single, and a filter may go over 100,000 rows

    return holds


def _several(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else (value,)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b):
        return True
    return a == b and (isinstance(a, bool) == isinstance(b, bool))


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Numbers with numbers and texts with texts; nothing else has an order."""

    def holds(a: Any, b: Any) -> bool:
        if isinstance(a, bool) or isinstance(b, bool):
            return False
        if isinstance(a, (int, float)) and isinstance(b, (int, float)):
            return compare(a, b)
        return isinstance(a, str) and isinstance(b, str) and compare(a, b)

    return holds

"""An answer as it is written, to what it means: a quantity, a tuple or interval, a set, an equation, or just words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from whet.rewards.math.expression import MAX_LENGTH, Node, NotMath, parse
from whet.rewards.math.value import same_number

MAX_ITEMS = 64

_REPLACED = {
    "−": "-", "–": "-", "×": "*", "·": "*", "÷": "/", "π": "\\pi ", "∞": "\\infty ", "√": "\\sqrt ", "≤": "\\le ",
    "≥": "\\ge ", "°": "^\\circ ", "±": "\\pm ", "∪": "\\cup ", "∈": "\\in ", "²": "^2", "³": "^3", "½": "\\frac{1}{2}",
    "¼": "\\frac{1}{4}", "¾": "\\frac{3}{4}", "θ": "\\theta ", "α": "\\alpha ", "**": "^", "\\%": "%", "\\$": "$",
    "\\{": "\x01", "\\}": "\x02", "\\lbrace": "\x01", "\\rbrace": "\x02", "\\lvert": "|", "\\rvert": "|",
    "\\mid": "|", "\\ne ": "\\neq ", "\\cfrac": "\\frac", "\\dfrac": "\\frac", "\\tfrac": "\\frac",
}  # fmt: skip
_SIZES = re.compile(r"\\(?:left|right|[bB]igg?[lrm]?|displaystyle|limits)(?![A-Za-z])")
_SPACES = re.compile(r"\\(?:[ ;:>]|quad|qquad|hspace\{[^{}]*\}|phantom\{[^{}]*\})|~")
_TEXT = re.compile(r"\\(?:text|mathrm|textbf|textit|mathbf|mbox|hbox|operatorname|rm|mathit)\*?\s*\{([^{}]*)\}")
_MATRIX = re.compile(r"\\begin\{([bpvBV]?matrix|array)\}(?:\{[lcr|]*\})?(.*)\\end\{\1\}", re.DOTALL)
_RELATION = re.compile(r"\\(leq?|geq?|lt|gt|approx|in|equiv)(?![A-Za-z])|(<=|>=|<|>|=)")
_SIGNS = {"leq": "<=", "le": "<=", "geq": ">=", "ge": ">=", "lt": "<", "gt": ">", "approx": "=", "equiv": "="}
_THOUSANDS = re.compile(r"(?<![\d.,(\[\x01])(\d{1,3}(?:,\d{3})+)(?![\d,])")
_MIXED = re.compile(r"(?<![\d.^_/*+)}])(\d+) +(\d+)/(\d+)(?![\d.])")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number or expression, perhaps a percentage, perhaps with a unit (words in one spelling)."""

    node: Node
    is_percent: bool = False
    unit: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Group:
    """In order, between brackets: a tuple, an interval."""

    opener: str
    closer: str
    items: tuple[Answer, ...]

    @property
    def brackets(self) -> tuple[str, str]:
        return self.opener, self.closer


@dataclass(frozen=True, slots=True)
class Many:
    """In any order: a set, a list of solutions, a union."""

    items: tuple[Answer, ...]
    is_bare: bool = False


@dataclass(frozen=True, slots=True)
class Equation:
    """Both sides. `name` is the left one, where it only names the value."""

    left: Node
    right: Answer
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Words:
    text: str


Answer = Quantity | Group | Many | Equation | Words


def read(text: str) -> Answer:
    """What an answer means. Whatever is not understood is words."""
    if len(text) > MAX_LENGTH:
        return Words(text)
    cleaned = clean(text)
    try:
        return _read(cleaned, 0) if cleaned else Words("")
    except (NotMath, RecursionError):
        return Words(text)


def clean(text: str) -> str:
    """The text in the spelling that the reading knows: no sizes, no LaTeX spaces, text commands as their words."""
    text = text.replace("\\\\", "\x03").replace("\\!", "").replace("\\,", " ").replace("{,}", ",")
    text = _SPACES.sub(" ", _SIZES.sub("", text))
    for old, new in _REPLACED.items():
        text = text.replace(old, new)
    text = re.sub(r"\\[()\[\]]", "", text)
    while (shorter := _TEXT.sub(r" \1 ", text)) != text:
        text = shorter
    text = re.sub(r"(?<=\d) (?=\d{3}(?!\d))", "", text) if re.fullmatch(r"\D*\d{1,3}( \d{3})+\D*", text) else text
    text = _THOUSANDS.sub(lambda match: match[1].replace(",", ""), text)
    text = _MIXED.sub(r"(\1+\2/\3)", text)
    return re.sub(r"\s+", " ", text).strip(" .,;:\n").removesuffix("\\").strip()


def _read(text: str, depth: int) -> Answer:
    if depth > 8:
        raise NotMath("nested too deeply")
    if matrix := _MATRIX.fullmatch(text):
        rows = [row.split("&") for row in matrix[2].split("\x03") if row.strip()]
        return Group("[[", "]]", tuple(_group("[", "]", row, depth) for row in rows[:MAX_ITEMS]))
    if text in ("\\emptyset", "\\varnothing"):
        return Many(())
    if len(parts := _split(text, r"\\cup(?![A-Za-z])| U (?=[(\[])")) > 1:
        return Many(_all(parts, depth))
    if len(parts := _split(text, r",| and | or ")) > 1:
        return Many(_all(parts, depth), is_bare=True)
    if text[0] == "\x01" and text[-1] == "\x02":
        return Many(_all(_split(text[1:-1], ","), depth)) if text[1:-1].strip() else Many(())
    if text[0] in "([" and text[-1] in ")]" and _closes_at_end(text) and len(parts := _split(text[1:-1], ",")) > 1:
        return _group(text[0], text[-1], parts, depth)
    if "\\pm" in text:
        return Many((_read(text.replace("\\pm", "+"), depth + 1), _read(text.replace("\\pm", "-"), depth + 1)))
    if _RELATION.search(text):
        return _related(text, depth)
    return _quantity(text.strip("$ "))


def _group(opener: str, closer: str, parts: list[str], depth: int) -> Group:
    return Group(opener, closer, _all(parts, depth))


def _all(parts: list[str], depth: int) -> tuple[Answer, ...]:
    if len(parts) > MAX_ITEMS:
        raise NotMath("too many items")
    return tuple(_read(part.strip(" $"), depth + 1) if part.strip(" $") else Words("") for part in parts)


def _split(text: str, separator: str) -> list[str]:
    """The parts between separators that stand in no brackets."""
    parts, start = [], 0
    for match in re.finditer(separator, text):
        if match.start() >= start and _depth(text[: match.start()]) == 0:
            parts.append(text[start : match.start()])
            start = match.end()
    parts = [*parts, text[start:]]
    return parts if len(parts) == 1 else [part for part in parts if part.strip()]


def _depth(text: str) -> int:
    """Brackets that are open at the end; half-open intervals close with either kind."""
    return sum((letter in "([{\x01") - (letter in ")]}\x02") for letter in text)


def _closes_at_end(text: str) -> bool:
    return all(_depth(text[:at]) > 0 for at in range(1, len(text)))


def _related(text: str, depth: int) -> Answer:
    """Equations with their sides, inequalities of one variable as intervals."""
    signs, parts, start = [], [], 0
    for match in _RELATION.finditer(text):
        signs.append(_SIGNS.get(match[1] or "", match[1] or match[2]))
        parts.append(text[start : match.start()].strip(" $"))
        start = match.end()
    parts.append(text[start:].strip(" $"))
    if not all(parts):
        raise NotMath("a relation without a side")
    if signs == ["in"]:
        return _read(parts[1], depth + 1)
    if set(signs) == {"="}:
        return _equation(parts, depth)
    return _interval(parts, signs)


def _equation(parts: list[str], depth: int) -> Answer:
    *before, last = parts
    right = _read(last, depth + 1)
    named = re.fullmatch(r"\\?[A-Za-z]+(?: [A-Za-z]+)*(?:_\{?\w+\}?)?'?(?: ?\(\\?[a-z]+(?:, ?[a-z])*\))?", before[0])
    if named and len(before) == 1:
        return Equation(Node("name", (before[0],)), right, before[0])
    left = parse(before[0])
    if not left.variables and isinstance(right, Quantity):  # a computation: it is its result, if it is right
        if all(same_number(parse(part), right.node) for part in before):
            return right
        raise NotMath("a computation that is wrong")
    return Equation(left, right)


def _interval(parts: list[str], signs: list[str]) -> Group:
    """`x > 3` as (3, oo), `1 < x <= 5` as (1, 5]."""
    nodes = [parse(part) for part in parts]
    infinite = Node("constant", ("infty",))
    lowest: Node = Node("-", (Node("number", (Fraction(0),)), infinite))
    if signs[0] in (">", ">="):
        nodes.reverse()
        signs = [sign.replace(">", "<") for sign in reversed(signs)]
    if any(sign not in ("<", "<=") for sign in signs):
        raise NotMath("relations in both directions")
    if len(nodes) == 2 and nodes[0].kind == "name":
        ends, brackets = (lowest, nodes[1]), ("(", ")" if signs[0] == "<" else "]")
    elif len(nodes) == 2 and nodes[1].kind == "name":
        ends, brackets = (nodes[0], infinite), ("(" if signs[0] == "<" else "[", ")")
    elif len(nodes) == 3 and nodes[1].kind == "name":
        ends, brackets = (nodes[0], nodes[2]), ("(" if signs[0] == "<" else "[", ")" if signs[1] == "<" else "]")
    else:
        raise NotMath("an inequality of more than a variable")
    return Group(*brackets, tuple(Quantity(end) for end in ends))


_UNIT = re.compile(
    # Each letter can be read in one way only: a run of letters within a run would take for ever where nothing fits.
    r"(.*[\d)}%!])\s*(?<![A-Za-z\\])((?:[A-Za-z]{2}|(?<= )[A-Za-z])"
    r"(?:(?:[ /.*A-Za-z]|\^\{?-?\d\}?)*(?:[A-Za-z]|\^\{?-?\d\}?))?)"
)
_DEGREES = re.compile(r"(.*?)\^\s*\{?\s*\\circ\s*\}?\s*([CF]?)")
_CURRENCY = {"$": "dollar", "€": "euro", "£": "pound", "¥": "yen"}


def _quantity(text: str) -> Quantity:
    unit: set[str] = set()
    for sign, word in _CURRENCY.items():
        if sign in text:
            text, unit = text.replace(sign, ""), unit | {word}
    if degrees := _DEGREES.fullmatch(text):
        text, unit = degrees[1], unit | {"degree"}
    is_percent = text.rstrip().endswith("%")
    text = text.rstrip().removesuffix("%").strip()
    found = _UNIT.fullmatch(text)
    if found is None or not _is_unit(found[2]):
        try:
            return Quantity(parse(text), is_percent, frozenset(unit))
        except NotMath:
            if found is None:
                raise
    value, words = found[1].strip(), set(_unit_words(found[2]))
    if "percent" in words:
        is_percent, words = True, words - {"percent"}
    return Quantity(parse(value.removesuffix("%")), is_percent or value.endswith("%"), frozenset(unit | words))


# Two letters that would pass for a product.
_SHORT = frozenset("cm mm km kg mg ml mi ft in lb lbs oz hr hrs kw mw hz pm am".split())


def _is_unit(text: str) -> bool:
    first = re.match(r"[A-Za-z]+", text)
    return first is not None and first[0].lower() in _SHORT


_SPELLINGS = {
    "centimeter": "cm", "millimeter": "mm", "kilometer": "km", "meter": "m", "metre": "m", "mile": "mi",
    "inche": "inch", "in": "inch", "feet": "foot", "ft": "foot", "gram": "g", "kilogram": "kg", "pound": "lb",
    "liter": "l", "litre": "l", "hr": "hour", "h": "hour", "minute": "min", "second": "s", "sec": "s",
    "deg": "degree", "usd": "dollar", "sq": "square", "squared": "square", "cubed": "cubic", "people": "person",
    "children": "child",
}  # fmt: skip
_EMPTY = frozenset("per of the a an each in total".split())


def _unit_words(text: str) -> Iterator[str]:
    """A unit's words in the singular and one spelling; `cm^2` and `square cm` alike."""
    text = re.sub(r"\bmph\b", "miles per hour", text)
    for word, power in re.findall(r"([A-Za-z]+)(?:\^\{?(-?\d)\}?)?", text):
        word = word.lower()
        word = word[:-1] if word.endswith("s") and len(word) > 3 and not word.endswith("ss") else word
        word = _SPELLINGS.get(word, word)
        if power in ("2", "3"):
            yield "square" if power == "2" else "cubic"
        if word not in _EMPTY or word == "inch":
            yield word

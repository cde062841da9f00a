"""LaTeX or plain arithmetic to a tree of our own, and the tree to a number. Nothing is ever evaluated as code."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

MAX_LENGTH, MAX_DEPTH, MAX_BITS = 600, 40, 100_000
DIGITS = 40  # of numbers that are not fractions

FUNCTIONS = frozenset("sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh ln log exp sqrt".split())
_GREEK = frozenset("alpha beta gamma delta theta lambda mu phi omega rho sigma tau epsilon".split())
_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?(?:[eE][+-]?\d+(?![\d.]))?|\.\d+)|\\([A-Za-z]+)|([A-Za-z]+)|(\S))")
_CLOSERS = {"(": ")", "[": "]", "{": "}"}


class NotMath(ValueError):
    """The text is no expression, or one too large to compute."""


@dataclass(frozen=True, slots=True)
class Node:
    """An operation (`+`, `/`, `sin`, ...) on nodes; `number` holds a Fraction and `name` a variable."""

    kind: str
    parts: tuple[Any, ...]

    @property
    def variables(self) -> frozenset[str]:
        if self.kind == "name":
            return frozenset(self.parts)
        inner = [part.variables for part in self.parts if isinstance(part, Node)]
        return frozenset().union(*inner)


def parse(text: str) -> Node:
    """The tree of an expression. Raises NotMath."""
    if len(text) > MAX_LENGTH:
        raise NotMath("too long")
    parser = _Parser(_tokens(text))
    node = parser.sum(0)
    if parser.peek():
        raise NotMath(f"unexpected {parser.peek()!r}")
    return node


def _tokens(text: str) -> list[str]:
    """Numbers, letters, `\\commands` and signs. A word that is no function's name is not mathematics."""
    found: list[str] = []
    for number, command, word, sign in _TOKEN.findall(text):
        if word and (word in FUNCTIONS or word in ("pi", "infty")):
            found.append("\\" + word)
        elif word and len(word) > 2:
            raise NotMath(f"the word {word!r}")
        elif word:
            found += list(word)
        else:
            found.append("\\" + command if command else number or sign)
    return [token for token in found if token]


class _Parser:
    """Recursive descent, with products that are only written side by side."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens, self._at = tokens, 0

    def peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def take(self, expected: str | None = None) -> str:
        token = self.peek()
        if not token or (expected is not None and token != expected):
            raise NotMath(f"expected {expected or 'more'}, found {token!r}")
        self._at += 1
        return token

    def sum(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise NotMath("nested too deeply")
        node = self._product(depth)
        while self.peek() in ("+", "-"):
            node = Node(self.take(), (node, self._product(depth)))
        return node

    def _product(self, depth: int) -> Node:
        node, starts_with_integer = self._signed(depth), False
        starts_with_integer = node.kind == "number" and node.parts[0].denominator == 1
        while token := self.peek():
            if token in ("*", "\\cdot", "\\times"):
                self.take()
                node = Node("*", (node, self._signed(depth)))
            elif token in ("/", "\\div", ":"):
                self.take()
                node = Node("/", (node, self._signed(depth)))
            elif self._starts_factor(token):
                factor = self._power(depth)
                mixed = starts_with_integer and token == "\\frac" and _is_proper(factor)
                node = Node("+" if mixed else "*", (node, factor))
            else:
                break
            starts_with_integer = False
        return node

    def _starts_factor(self, token: str) -> bool:
        return token[0].isalnum() or token in ("(", "[", "{") or (token[0] == "\\" and token[1:].isalpha())

    def _signed(self, depth: int) -> Node:
        if self.peek() == "-":
            self.take()
            inner = self._product_of_sign(depth + 1)
            return Node("-", (Node("number", (Fraction(0),)), inner))
        if self.peek() == "+":
            self.take()
            return self._signed(depth + 1)
        return self._power(depth)

    def _product_of_sign(self, depth: int) -> Node:
        """What a minus stands before: a mixed number is wholly behind it."""
        if depth > MAX_DEPTH:
            raise NotMath("nested too deeply")
        node = self._signed(depth)
        if node.kind == "number" and node.parts[0].denominator == 1 and self.peek() == "\\frac":
            factor = self._power(depth)
            node = Node("+" if _is_proper(factor) else "*", (node, factor))
        return node

    def _power(self, depth: int) -> Node:
        node = self._atom(depth + 1)
        while self.peek() == "!":
            self.take()
            node = Node("!", (node,))
        if self.peek() == "^":
            self.take()
            if self.peek() == "\\circ":
                self.take()
                return Node("degrees", (node,))
            if self._tokens[self._at : self._at + 3] == ["{", "\\circ", "}"]:
                self._at += 3
                return Node("degrees", (node,))
            node = Node("^", (node, self._argument(depth)))
            while self.peek() == "!":
                self.take()
                node = Node("!", (node,))
        return node

    def _argument(self, depth: int) -> Node:
        """What `^` or a LaTeX command applies to: a group, or one sign; of a number its first digit alone in LaTeX."""
        if self.peek() == "{":
            return self._group("{", depth)
        if self.peek() in ("-", "+"):
            return self._signed(depth + 1)
        return self._power(depth + 1)

    def _braced(self, depth: int) -> Node:
        """The argument of `\\frac` and `\\sqrt`: of `12` without braces only the 1."""
        token = self.peek()
        if token.isdecimal() and len(token) > 1:
            self._tokens[self._at : self._at + 1] = [token[0], token[1:]]
        return self._group("{", depth) if token == "{" else self._atom(depth + 1)

    def _group(self, opener: str, depth: int) -> Node:
        self.take(opener)
        node = self.sum(depth + 1)
        self.take(_CLOSERS[opener])
        return node

    def _atom(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise NotMath("nested too deeply")
        token = self.peek()
        if token in _CLOSERS:
            return self._group(token, depth)
        if token == "|":
            self.take()
            node = self.sum(depth + 1)
            self.take("|")
            return Node("abs", (node,))
        self.take()
        if token[0].isdecimal() or token[0] == ".":
            return Node("number", (_fraction(token),))
        if token.isalpha() and len(token) == 1:
            return self._named(token)
        if token.startswith("\\"):
            return self._command(token[1:], depth)
        raise NotMath(f"unexpected {token!r}")

    def _named(self, name: str) -> Node:
        if name in ("e", "i"):
            return Node("constant", (name,))
        if self.peek() == "_":
            self.take()
            name += "_" + (self.take() if self.peek() != "{" else self._subscript())
        return Node("name", (name,))

    def _subscript(self) -> str:
        self.take("{")
        text = ""
        while self.peek() != "}":
            text += self.take()
        self.take("}")
        return text

    def _command(self, name: str, depth: int) -> Node:
        if name in ("pi", "infty"):
            return Node("constant", (name,))
        if name in _GREEK:
            return self._named("\\" + name)
        if name == "frac":
            return Node("/", (self._braced(depth), self._braced(depth)))
        if name in ("binom", "dbinom", "tbinom"):
            return Node("binom", (self._braced(depth), self._braced(depth)))
        if name == "sqrt":
            degree = self._group("[", depth) if self.peek() == "[" else Node("number", (Fraction(2),))
            return Node("root", (self._braced(depth), degree))
        if name in FUNCTIONS:
            return self._function(name, depth)
        raise NotMath(f"the command \\{name}")

    def _function(self, name: str, depth: int) -> Node:
        base = power = None
        if name == "log" and self.peek() == "_":
            self.take()
            base = self._braced(depth)
        if self.peek() == "^":
            self.take()
            power = self._argument(depth)
        inner = self._group("(", depth) if self.peek() == "(" else self._run(depth)
        node = Node("log", (inner, base)) if base else Node(name, (inner,))
        return Node("^", (node, power)) if power else node

    def _run(self, depth: int) -> Node:
        """The argument of a function without parentheses: factors side by side, as in `sin 2x`."""
        if depth > MAX_DEPTH:
            raise NotMath("nested too deeply")
        node = self._signed(depth + 1)
        while (token := self.peek()) and self._starts_factor(token) and token[1:] not in FUNCTIONS:
            node = Node("*", (node, self._power(depth)))
        return node


def _is_proper(node: Node) -> bool:
    """Whether the node is a fraction of two whole numbers below 1, the second half of a mixed number."""
    if node.kind != "/" or any(part.kind != "number" for part in node.parts):
        return False
    above, below = (part.parts[0] for part in node.parts)
    return above.denominator == below.denominator == 1 and 0 < above < below


def _fraction(token: str) -> Fraction:
    mantissa, _, exponent = token.lower().partition("e")
    if exponent and abs(int(exponent)) > 5_000:
        raise NotMath("too large")
    try:
        return Fraction(mantissa) * (Fraction(10) ** int(exponent) if exponent else 1)
    except ValueError:  # a point alone
        raise NotMath(f"the number {token!r}") from None


def evaluate(node: Node, point: Mapping[str, Fraction]) -> Any:
    """The number at a point: a Fraction where it is one for certain, else a complex one of 40 digits.

    Raises NotMath where it is undefined or too large.
    """
    import mpmath

    with mpmath.workdps(DIGITS):
        try:
            return _value(node, point)
        except (ZeroDivisionError, OverflowError, ValueError, MemoryError, mpmath.libmp.ComplexResult) as error:
            raise NotMath(f"undefined: {error}") from None


def _value(node: Node, point: Mapping[str, Fraction]) -> Any:
    import mpmath

    kind = node.kind
    if kind == "number":
        return node.parts[0]
    if kind == "name":
        return point[node.parts[0]]
    if kind == "constant":
        return {"pi": +mpmath.pi, "e": +mpmath.e, "i": mpmath.mpc(0, 1), "infty": mpmath.inf}[node.parts[0]]
    values = [_value(part, point) for part in node.parts]
    if kind in _ARITHMETIC:
        return _ARITHMETIC[kind](*_alike(values))
    if kind in _SPECIAL:
        return _SPECIAL[kind](*values)
    return _transcendental(kind, values)


def _alike(values: list[Any]) -> list[Any]:
    return values if all(isinstance(value, Fraction) for value in values) else [real(value) for value in values]


def real(value: Any) -> Any:
    """A number as one of mpmath's; fractions are divided at its precision."""
    import mpmath

    return mpmath.mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else value


def _divide(left: Any, right: Any) -> Any:
    if right == 0:
        raise NotMath("division by zero")
    return _bounded(left / right)


def _bounded(value: Any) -> Any:
    if isinstance(value, Fraction) and value.numerator.bit_length() + value.denominator.bit_length() > MAX_BITS:
        raise NotMath("too large")
    return value


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda left, right: _bounded(left + right),
    "-": lambda left, right: _bounded(left - right),
    "*": lambda left, right: _bounded(left * right),
    "/": _divide,
}


def _power(base: Any, exponent: Any) -> Any:
    import mpmath

    whole = isinstance(exponent, Fraction) and exponent.denominator == 1
    if whole and isinstance(base, Fraction):
        bits = base.numerator.bit_length() + base.denominator.bit_length()
        if bits * abs(exponent.numerator) <= MAX_BITS:
            if base == 0 and exponent < 0:
                raise NotMath("division by zero")
            return base**exponent.numerator
    base, exponent = real(base), real(exponent)
    if base == 0:
        return base if exponent == 0 or mpmath.re(exponent) > 0 else _undefined()
    if abs(exponent * mpmath.log(base)) > MAX_BITS:
        raise NotMath("too large")
    return mpmath.power(base, exponent)


def _undefined() -> Any:
    raise NotMath("undefined")


def _root(inner: Any, degree: Any) -> Any:
    import mpmath

    if not isinstance(degree, Fraction) or degree.denominator != 1 or not 1 <= degree <= 64:
        raise NotMath("a root of no whole degree")
    n, inner = degree.numerator, real(inner)
    if n % 2 and not mpmath.im(inner) and mpmath.re(inner) < 0:
        return -mpmath.root(-inner, n)
    return mpmath.root(inner, n)


def _factorial(inner: Any) -> Any:
    import math

    if not isinstance(inner, Fraction) or inner.denominator != 1 or not 0 <= inner <= 2_000:
        raise NotMath("a factorial of no small whole number")
    return Fraction(math.factorial(inner.numerator))


def _binomial(above: Any, below: Any) -> Any:
    import math

    if any(not isinstance(v, Fraction) or v.denominator != 1 or not 0 <= v <= 2_000 for v in (above, below)):
        raise NotMath("a binomial of no small whole numbers")
    return Fraction(math.comb(above.numerator, below.numerator))


_SPECIAL: dict[str, Callable[..., Any]] = {
    "^": _power,
    "root": _root,
    "!": _factorial,
    "binom": _binomial,
    "abs": abs,
}


def _transcendental(kind: str, values: list[Any]) -> Any:
    """Angles are radians; `log` without a base is of base 10, as in school."""
    import mpmath

    inner, *base = [real(value) for value in values]
    if kind == "degrees":
        return inner * mpmath.pi / 180
    if kind == "log":
        return mpmath.log(inner) / mpmath.log(base[0] if base else 10)
    if abs(inner) > MAX_BITS:
        raise NotMath("too large")
    names = {"ln": "log", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "sqrt": "sqrt"}
    return getattr(mpmath, names.get(kind, kind))(inner)

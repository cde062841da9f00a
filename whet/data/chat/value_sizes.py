"""How large a template's value is once it is written out, compared or hashed.

`[x, x]` of `[x, x]`, sixty times, takes a few kilobytes and is a text of 2^60 letters. What writes, compares and hashes
lists is C in one piece, which no watch can stop: so they are measured first, in Python and up to a limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import wraps
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.filters import make_attrgetter
from jinja2.utils import Namespace, pass_environment

ITEMS = 2**20  # of a list, and of all lists inside of it
TEXT_LENGTH = 2**25  # characters, of one text that a template makes, and of all that it writes
# What looks at no item's insides. Every other filter may write its arguments out, or compare what is in them.
SHALLOW = {
    "length", "count", "first", "last", "list", "reverse", "batch", "slice", "items", "attr", "default", "d",
    "select", "selectattr", "reject", "rejectattr", "map", "random", "safe",
}  # fmt: skip
COMPARING = {
    "eq", "==", "equalto", "ne", "!=", "lt", "<", "lessthan", "le", "<=", "gt", ">", "greaterthan", "ge", ">=", "in",
}  # fmt: skip
_MEASURED = "whet measured"
_VIEWS: tuple[type, ...] = (type({}.items()), type({}.keys()), type({}.values()))
_CONTAINERS = (list, tuple, dict, set, frozenset, Namespace, *_VIEWS)
SCALARS = frozenset((str, int, float, bool, type(None)))


class TooMuch(jinja2.TemplateError):
    """A template asks for more than any chat needs."""


def measured(value: Any) -> Any:
    """The value itself. Raises TooMuch where all that it holds, each as often as it is met, is too much."""
    if type(value) in SCALARS or not isinstance(value, _CONTAINERS):
        return value
    waiting: list[Any] = [value]
    items = length = 0
    while waiting:
        one = waiting.pop()
        kind = type(one)
        if kind is str:
            length += len(one)
        elif kind is list or isinstance(one, _CONTAINERS):
            inner = one if kind is list or kind is tuple else _inside(one)
            items += len(inner)
            waiting += inner
        if items > ITEMS or length > TEXT_LENGTH:
            raise TooMuch(f"a value would be written with more than {ITEMS:,} items or {TEXT_LENGTH:,} characters")
    return value


def taken(value: Any) -> Any:
    """The same for what a filter is given: items that are still to come are called for."""
    if type(value) in SCALARS:
        return value
    return measured(list(value) if isinstance(value, Iterator) else value)


def _inside(value: Any) -> list[Any]:
    if isinstance(value, Namespace):
        value = object.__getattribute__(value, "_Namespace__attrs")
    return [*value.keys(), *value.values()] if isinstance(value, Mapping) else list(value)


def measure(node: nodes.Expr) -> nodes.Expr:
    """The expression, measured, unless it is written out in the template."""
    if isinstance(node, nodes.Const | nodes.TemplateData) or _is_flat(node):
        return node
    return nodes.Filter(node, _MEASURED, [], [], None, None).set_lineno(node.lineno)  # type: ignore[return-value]


def _is_flat(node: nodes.Expr) -> bool:
    return isinstance(node, nodes.List | nodes.Tuple) and all(isinstance(item, nodes.Const) for item in node.items)


def measured_comparison(node: nodes.Compare) -> nodes.Compare:
    """`a == b` compares no more than one of them holds; `a in b` hashes `a` and compares all of `b`."""
    if isinstance(node.expr, nodes.Const) and len(node.ops) == 1:
        return node
    for operand in node.ops:
        operand.expr = measure(operand.expr)
    if any(operand.op in ("in", "notin") for operand in node.ops):
        node.expr = measure(node.expr)
    return node


def install(env: Any) -> None:
    """Measure what is written out, what is compared, and what filters are given."""
    env.finalize = measured
    env.filters["sum"] = _sum
    for applied, names in ((env.filters, set(env.filters) - SHALLOW), (env.tests, COMPARING)):
        for name in names:
            applied[name] = _over(applied[name])
    env.filters[_MEASURED] = measured


def _over(apply: Any) -> Any:
    @wraps(apply)  # keeps the marks by which jinja2 knows that it wants its environment
    def checked(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            kwargs = {name: taken(value) for name, value in kwargs.items()}
        return apply(*[value if type(value) in SCALARS else taken(value) for value in args], **kwargs)

    return checked


@pass_environment
def _sum(env: Any, items: Iterable[Any], attribute: Any = None, start: Any = 0) -> Any:
    """`sum`, which for lists would copy what it has at each of them."""
    items = list(items if attribute is None else map(make_attrgetter(env, attribute), items))
    if not any(isinstance(item, _CONTAINERS) for item in items):
        return sum(items, start)
    if len(items) * sum(len(item) for item in items) > ITEMS:
        raise TooMuch("a sum of so many lists")
    return sum(items, start)

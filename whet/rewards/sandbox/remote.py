"""Objects of the code as tests see them: everything that is done with one is done in the other process.

One thing is not: judging. What is expected never goes there through an operator. A value of the tests is compared
with what the object holds as plain data, read across and compared here; two objects are the same where the code says
so and both are of one class and hold the same. Whatever else would let the code decide is refused.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

from whet.rewards.sandbox.names import BINARY

Ask = Callable[..., Any]
MAX_DEPTH = 50
# Methods of texts, numbers and sets that say yes or no: of an object that only looks like one, they say what it likes.
_JUDGING = frozenset(
    name
    for kind in (str, bytes, float, set)
    for name in dir(kind)
    if name.startswith(("is", "startswith", "endswith")) and not name.startswith("__")
)


class Remote:
    """An object of the code's. Where the tests made it by calling a class, its operators are what they test."""

    __slots__ = ("_whet_ask", "_whet_class", "_whet_made", "_whet_number", "_whet_seen")
    _whet_ask: Ask
    _whet_number: int
    _whet_class: int
    _whet_made: bool  # the tests made it by calling a class
    _whet_seen: bool  # it came of an operator with a value of the tests, which the code has seen

    def __getattr__(self, name: str) -> Any:
        if name in _JUDGING and not _get(self, "_whet_made"):
            has, plain = _plain(self)
            if not has:
                raise AttributeError(f"`{name}` of what the code returned is the code's own word")
            return getattr(plain, name)
        return _ask(self, "getattr", name)

    def __setattr__(self, name: str, value: Any) -> None:
        _ask(self, "setattr", name, value)

    def __delattr__(self, name: str) -> None:
        _ask(self, "delattr", name)

    def __iter__(self) -> Iterator[Any]:
        return _ask(self, "iter")

    def __next__(self) -> Any:
        return _ask(self, "next")

    def __getitem__(self, key: Any) -> Any:
        return _ask(self, "getitem", key)

    def __setitem__(self, key: Any, value: Any) -> None:
        _ask(self, "setitem", key, value)

    def __delitem__(self, key: Any) -> None:
        _ask(self, "delitem", key)

    def __contains__(self, item: Any) -> bool:
        has, plain = _plain(self)
        if has:
            return item in plain
        if _get(self, "_whet_made"):
            return bool(_ask(self, "contains", item))
        return any(one is item or one == item for one in iter(self))

    def __eq__(self, other: object) -> bool:
        if is_remote(other):
            return _is_same(self, other, 0)
        has, plain = _plain(self)
        return plain == other if has else NotImplemented

    def __ne__(self, other: object) -> bool:
        found = self.__eq__(other)
        return found if found is NotImplemented else not found

    def __hash__(self) -> int:
        return hash(_ask(self, "hash"))

    def __str__(self) -> str:
        return _ask(self, "str")

    def __repr__(self) -> str:
        return _ask(self, "repr")

    def __format__(self, spec: str) -> str:
        return _ask(self, "format", spec)

    def __bytes__(self) -> bytes:
        return _ask(self, "bytes")

    def __dir__(self) -> Any:
        return _ask(self, "dir")

    def __reversed__(self) -> Any:
        return _ask(self, "reversed")

    def __round__(self, digits: int | None = None) -> Any:
        return _number(self, "round") if digits is None else _number(self, "round", digits)

    def __enter__(self) -> Any:
        return _ask(self, "enter")

    def __exit__(self, kind: Any, error: Any, trace: Any) -> Any:
        return _ask(self, "exit", error)


class Called(Remote):
    """A function, or an object that can be called."""

    __slots__ = ()

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return _ask(self, "call", arguments, named)


class Class(Remote):
    """A class of the code's."""

    __slots__ = ("_whet_name",)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        found = _ask(self, "call", arguments, named)
        # A function under test may be a class too, whose instances would answer for its result.
        if is_remote(found) and _get(self, "_whet_name").lstrip("_")[:1].isupper():
            object.__setattr__(found, "_whet_made", True)
        return found

    def __instancecheck__(self, one: object) -> bool:
        return is_remote(one) and _get(self, "_whet_ask")("isinstance", one, self) is True

    def __subclasscheck__(self, one: object) -> bool:
        return is_remote(one) and _get(self, "_whet_ask")("issubclass", one, self) is True


class Awaited(Remote):
    """A coroutine: it runs over there, to its end, when it is awaited."""

    __slots__ = ()

    def __await__(self) -> Any:
        return _ask(self, "await")
        yield

    def __next__(self) -> Any:
        raise StopIteration(_ask(self, "await"))

    def send(self, value: Any) -> Any:
        raise StopIteration(_ask(self, "await"))

    def throw(self, *error: Any) -> Any:
        raise error[0]

    def close(self) -> None:
        """It has not begun."""


_KINDS: dict[str, type[Remote]] = {"object": Remote, "call": Called, "class": Class, "awaited": Awaited}


class Remotes:
    """Makes them, with a type for each class of the code's, so that `type(a) is type(b)` and names are right."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._types: dict[tuple[str, int], type[Remote]] = {}
        self._made: dict[int, Remote] = {}

    def __call__(self, number: int, kind: str, of_class: int, name: str) -> Remote:
        """The object with this number, the same each time."""
        if number in self._made:
            return self._made[number]
        if type(number) is not int or type(of_class) is not int or type(name) is not str:
            raise ValueError("no object")
        base = _KINDS[kind]
        if kind != "class":
            base = self._types.setdefault((kind, of_class), type(name, (base,), {"__slots__": ()}))
        made = object.__new__(base)
        values = {"ask": self._ask, "number": number, "class": of_class, "made": False, "seen": False}
        values |= {"name": name} if kind == "class" else {}
        for key, value in values.items():
            object.__setattr__(made, "_whet_" + key, value)
        self._made[number] = made
        return made


def is_remote(one: object) -> bool:
    return issubclass(type(one), Remote)


def number_of(one: Remote) -> int:
    return _get(one, "_whet_number")


def _get(one: Any, name: str) -> Any:
    return object.__getattribute__(one, name)


def _ask(one: Remote, name: str, *arguments: Any) -> Any:
    return _get(one, "_whet_ask")(name, one, *arguments)


def _plain(one: Remote) -> tuple[bool, Any]:
    """Whether it is a number, a text, a list, ... of a class of the code's, and what it holds as such."""
    has, plain = _ask(one, "plain")
    return has is True and not is_remote(plain), plain


def _is_same(one: Any, other: Any, depth: int) -> bool:
    """Whether two objects of the code are one, or of one class, equal by its word, and hold the same."""
    if number_of(one) == number_of(other):
        return True
    if depth > MAX_DEPTH or _ask(one, "eq", other) is not True:
        return False
    (class_a, plain_a, fields_a), (class_b, plain_b, fields_b) = _ask(one, "state"), _ask(other, "state")
    holds = plain_a[0] is True or bool(fields_a)
    return holds and class_a == class_b and _is_alike((plain_a, fields_a), (plain_b, fields_b), depth + 1)


def _is_alike(one: Any, other: Any, depth: int) -> bool:
    """Plain data that may hold objects of the code's."""
    if is_remote(one) and is_remote(other):
        return _is_same(one, other, depth)
    if type(one) is not type(other) or depth > MAX_DEPTH:
        return not is_remote(one) and not is_remote(other) and bool(one == other)
    if type(one) in (list, tuple):
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(_is_alike(a, b, depth + 1) for a, b in pairs)
    if type(one) is dict:
        return one.keys() == other.keys() and all(_is_alike(one[key], other[key], depth + 1) for key in one)
    return bool(one == other)


def _number(one: Remote, name: str, *arguments: Any) -> Any:
    """A number made of it, unless the code has seen what it should be near to."""
    if _get(one, "_whet_seen"):
        raise TypeError(f"`{name}` of what came of a value of the test is the code's own word")
    return _ask(one, name, *arguments)


def _operate(name: str, left: Any, right: Any, one: Remote) -> Any:
    """An operator between an object of the code's and something else."""
    other = right if left is one else left
    if not is_remote(other):
        has, plain = _plain(one)
        if has:
            return getattr(operator, name)(plain if left is one else left, plain if right is one else right)
        if not (_get(one, "_whet_made") or _get(one, "_whet_seen")):
            raise TypeError(f"`{name}` between a value of the test and what the code returned is the code's own word")
    found = _get(one, "_whet_ask")(name, left, right)
    if is_remote(other) and not _get(one, "_whet_seen") and not _get(other, "_whet_seen"):
        return found
    if not is_remote(found):
        raise TypeError(f"`{name}` with a value of the test gave {type(found).__name__}, the code's own word")
    object.__setattr__(found, "_whet_seen", True)
    return found


def _order(name: str) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        if is_remote(other):
            return _ask(self, name, other)
        has, plain = _plain(self)
        return getattr(operator, name)(plain, other) if has else NotImplemented

    return method


def _add_operators() -> None:
    for name in BINARY:
        word = name.rstrip("_")
        setattr(Remote, f"__{word}__", lambda self, other, name=name: _operate(name, self, other, self))
        setattr(Remote, f"__r{word}__", lambda self, other, name=name: _operate(name, other, self, self))
    for name in ("lt", "le", "gt", "ge"):
        setattr(Remote, f"__{name}__", _order(name))
    for name in ("abs", "int", "float", "complex", "index", "neg", "pos", "invert", "bool", "len"):
        setattr(Remote, f"__{name}__", lambda self, name=name: _number(self, name))


_add_operators()

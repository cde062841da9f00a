"""Values between the process that grades and the one that is graded: plain data as JSON, and nothing that acts.

Both sides build what they read from exact built-in types, so that no method of the other side's is ever called here.
Lists, dicts, sets and objects of agreed classes keep their identity: what is sent again under a number that is known
changes the object that stands there, which is how a function that sorts its argument in place is seen to do so.
"""

from __future__ import annotations

import binascii
import collections
import datetime
import decimal
import fractions
import json
import pathlib
from collections.abc import Callable
from typing import Any

MAX_DEPTH = 100  # of tuples within tuples; what can change nests without end
_SMALL = 2**62
_SCALARS = frozenset((bool, str, float, type(None)))
Reference = Any  # a scalar, or [n]: the n-th node


class Broken(Exception):
    """What came is no message of this kind."""


class Codec:
    """Writes values as JSON and reads them. `sign` (1 or -1) tells the numbers of this side's objects from the other's.

    What is no data is left to the sides: `foreign` writes an object as a node `[tag, ...]`, `resolve` reads one.
    `classes` maps names of agreed classes to this side's class. With `is_strict` the other side may change only
    objects in `lent`: those that went to it in a call that is not over.
    """

    def __init__(
        self,
        sign: int,
        foreign: Callable[[Any], list[Any]],
        resolve: Callable[[list[Any]], Any],
        *,
        is_strict: bool = False,
    ) -> None:
        self._sign, self._foreign, self._resolve, self._is_strict = sign, foreign, resolve, is_strict
        self.classes: dict[str, type] = {}
        self.lent: set[int] = set()
        self._keys: dict[int, int] = {}
        self._objects: dict[int, Any] = {}

    def write(self, value: Any) -> list[Any]:
        """The value as `[root, nodes]`, made of what JSON knows."""
        nodes: list[Any] = []
        seen: dict[int, int] = {}
        queue: list[tuple[int, Any]] = []
        kept: list[Any] = []  # as long as numbers of objects count, the objects must live

        def refer(one: Any) -> Reference:
            kind = type(one)
            if kind in _SCALARS or (kind is int and -_SMALL < one < _SMALL):
                return one
            at = seen.get(id(one))
            if at is None:
                at = seen[id(one)] = len(nodes)
                nodes.append(None)
                queue.append((at, one))
                kept.append(one)
            return [at]

        root = refer(value)
        while queue:
            at, one = queue.pop()
            nodes[at] = self._node(one, refer)
        return [root, nodes]

    def read(self, message: Any) -> Any:
        """The value of what `write` gave. Raises Broken for anything else."""
        try:
            root, nodes = message
            return _Reading(self, nodes).whole(root)
        except Broken:
            raise
        except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError, RecursionError) as error:
            raise Broken(f"{type(error).__name__}: {error}") from None

    def _node(self, one: Any, refer: Callable[[Any], Reference]) -> list[Any]:
        kind = type(one)
        if kind is int:
            return ["int", hex(one)]
        if kind is tuple or kind is frozenset:
            return [kind.__name__, [refer(item) for item in one]]
        if kind is list or kind is set:
            return [kind.__name__, self._key(one), [refer(item) for item in one]]
        if kind is dict or kind is collections.Counter or kind is collections.OrderedDict:
            return [kind.__name__, self._key(one), [refer(k) for k in one], [refer(v) for v in one.values()]]
        if kind is collections.defaultdict:
            keys, values = [refer(k) for k in one], [refer(v) for v in one.values()]
            return ["defaultdict", self._key(one), keys, values, refer(one.default_factory)]
        if kind is collections.deque:
            return ["deque", self._key(one), [refer(item) for item in one], one.maxlen]
        if kind is bytes:
            return ["bytes", binascii.b2a_base64(one).decode()]
        if kind is bytearray:
            return ["bytearray", self._key(one), binascii.b2a_base64(one).decode()]
        if kind in _WRITTEN:
            return ["std", kind.__name__, [refer(part) for part in _WRITTEN[kind](one)]]
        if self.classes.get(kind.__name__) is kind:
            fields = fields_of(one)
            return ["object", self._key(one), kind.__name__, list(fields), [refer(v) for v in fields.values()]]
        if kind.__module__ == "numpy" and (array := _array(one)) is not None:
            return array
        return self._foreign(one)

    def _key(self, one: Any) -> int:
        """The object's number, the same as long as the process lives."""
        key = self._keys.get(id(one))
        if key is None:
            key = self._sign * (len(self._objects) + 1)
            self.enter(key, one)
        if key * self._sign > 0:
            self.lent.add(key)
        return key

    def enter(self, key: int, one: Any) -> None:
        self._keys[id(one)] = key
        self._objects[key] = one

    def known(self, key: Any, kind: type) -> Any:
        """The object with this number, if there is one. Raises Broken for one of another kind, or of ours unknown."""
        if type(key) is not int:
            raise Broken("a number of an object that is none")
        one = self._objects.get(key)
        if one is None and key * self._sign > 0:
            raise Broken("an object that was never sent")
        if one is not None and type(one) is not kind:
            raise Broken("an object of another kind")
        return one

    def may_change(self, key: int) -> bool:
        return not self._is_strict or key * self._sign < 0 or key in self.lent


class _Reading:
    """One message: first everything that can change, empty; then what it holds."""

    def __init__(self, codec: Codec, nodes: list[Any]) -> None:
        self._codec, self._nodes = codec, nodes
        self._made: dict[int, Any] = {}

    def whole(self, root: Reference) -> Any:
        fills = []
        for at, node in enumerate(self._nodes):
            make = _MADE.get(node[0])
            if node[0] == "object":
                make = self._codec.classes[node[2]]
            if make is None:
                continue
            one = self._codec.known(node[1], make)
            if one is None:
                one = object.__new__(make) if node[0] == "object" else make()
                if node[0] == "deque":
                    one = collections.deque(maxlen=node[3])
                self._codec.enter(node[1], one)
            self._made[at] = one
            if self._codec.may_change(node[1]):
                fills.append((one, node))
        value = self.value(root, 0)
        for one, node in fills:
            self._fill(one, node)
        return value

    def value(self, reference: Reference, depth: int) -> Any:
        if type(reference) is not list:
            if type(reference) is dict:
                raise Broken("an object of JSON")
            return reference
        (at,) = reference
        if at not in self._made:
            if depth > MAX_DEPTH:
                raise Broken("nested too deeply")
            self._made[at] = self._fixed(self._nodes[at], depth + 1)
        return self._made[at]

    def _all(self, references: list[Reference], depth: int = 0) -> list[Any]:
        return [one if type(one) is not list else self.value(one, depth) for one in references]

    def _fixed(self, node: list[Any], depth: int) -> Any:
        """What cannot change, built from its parts."""
        tag = node[0]
        if tag == "tuple":
            return tuple(self._all(node[1], depth))
        if tag == "frozenset":
            return frozenset(self._all(node[1], depth))
        if tag == "int":
            return int(node[1], 16)
        if tag == "bytes":
            return binascii.a2b_base64(node[1])
        if tag == "std":
            return _READ[node[1]](*self._all(node[2], depth))
        if tag == "array":
            return _read_array(*node[1:])
        return self._codec._resolve(node)

    def _fill(self, one: Any, node: list[Any]) -> None:
        tag = node[0]
        if tag == "list":
            one[:] = self._all(node[2])
        elif tag == "bytearray":
            one[:] = binascii.a2b_base64(node[2])
        elif tag in ("set", "deque"):
            items = self._all(node[2])
            one.clear()
            (one.update if tag == "set" else one.extend)(items)
        elif tag == "object":
            if self._codec._is_strict and any(_is_method(type(one), name) for name in node[3]):
                raise Broken("a field that stands before a method")
            _set_fields(one, dict(zip(node[3], self._all(node[4]), strict=True)))
        else:
            items = list(zip(self._all(node[2]), self._all(node[3]), strict=True))
            one.clear()
            for key, value in items:
                dict.__setitem__(one, key, value)
            if tag == "defaultdict":
                factory = self.value(node[4], 0)
                one.default_factory = factory if callable(factory) else None


def fields_of(one: Any) -> dict[str, Any]:
    """The values that an object holds, in its dictionary and its slots."""
    found = dict(getattr(one, "__dict__", {}))
    for owner in type(one).__mro__:
        slots = owner.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__"):
                try:
                    found[name] = object.__getattribute__(one, name)
                except AttributeError:
                    continue
    return {name: value for name, value in found.items() if type(name) is str}


def _is_method(kind: type, name: str) -> bool:
    """Whether objects of the class have it from their class: a field of that name would answer in its place."""
    found = next((vars(owner)[name] for owner in kind.__mro__ if name in vars(owner)), None)
    return callable(found) or isinstance(found, classmethod | staticmethod | property) or name.startswith("__")


def is_record(one: Any) -> bool:
    """Whether it is a class whose objects are what they hold, and nothing that Python makes in its own way."""
    return isinstance(one, type) and one.__new__ is object.__new__ and not getattr(one, "__abstractmethods__", None)


def _set_fields(one: Any, fields: dict[str, Any]) -> None:
    """Give an object these values and no others, without asking its class."""
    own = getattr(one, "__dict__", None)
    for name in fields_of(one).keys() - fields.keys():
        object.__delattr__(one, name)
    for name, value in fields.items():
        if own is not None and not any(name in getattr(owner, "__slots__", ()) for owner in type(one).__mro__):
            own[name] = value
        else:
            object.__setattr__(one, name, value)


def dumps(message: Any) -> bytes:
    return _encode(message).encode()


def loads(content: bytes) -> Any:
    """The message. Raises Broken for what is none."""
    try:
        return _decode(content.decode())
    except (ValueError, RecursionError) as error:
        raise Broken(f"{type(error).__name__}: {error}") from None


_encode = json.JSONEncoder(separators=(",", ":")).encode
_decode = json.JSONDecoder().decode
_MADE: dict[str, type] = {
    "list": list, "dict": dict, "set": set, "bytearray": bytearray, "Counter": collections.Counter,
    "OrderedDict": collections.OrderedDict, "defaultdict": collections.defaultdict, "deque": collections.deque,
}  # fmt: skip
_WRITTEN: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    complex: lambda one: (one.real, one.imag),
    range: lambda one: (one.start, one.stop, one.step),
    slice: lambda one: (one.start, one.stop, one.step),
    decimal.Decimal: lambda one: (str(one),),
    fractions.Fraction: lambda one: (one.numerator, one.denominator),
    datetime.date: lambda one: (one.isoformat(),),
    datetime.datetime: lambda one: (one.isoformat(),),
    datetime.time: lambda one: (one.isoformat(),),
    datetime.timedelta: lambda one: (one.days, one.seconds, one.microseconds),
    pathlib.PosixPath: lambda one: (str(one),),
    type(...): lambda one: (),
    type(NotImplemented): lambda one: (),
}
_READ: dict[str, Callable[..., Any]] = {
    "complex": complex,
    "range": range,
    "slice": slice,
    "Decimal": decimal.Decimal,
    "Fraction": fractions.Fraction,
    "date": datetime.date.fromisoformat,
    "datetime": datetime.datetime.fromisoformat,
    "time": datetime.time.fromisoformat,
    "timedelta": datetime.timedelta,
    "PosixPath": pathlib.PosixPath,
    "ellipsis": lambda: ...,
    "NotImplementedType": lambda: NotImplemented,
}


def _array(one: Any) -> list[Any] | None:
    """An array or a number of numpy's: its type, its shape and its bytes. None for what holds objects."""
    import numpy as np

    if not isinstance(one, np.ndarray | np.generic) or one.dtype.kind not in "biufcmMUS":
        return None
    shape = None if isinstance(one, np.generic) else list(one.shape)
    return ["array", one.dtype.str, shape, binascii.b2a_base64(one.tobytes()).decode()]


def _read_array(kind: str, shape: list[int] | None, content: str) -> Any:
    import numpy as np

    dtype = np.dtype(kind)
    if dtype.kind not in "biufcmMUS":
        raise Broken("an array of objects")
    flat = np.frombuffer(binascii.a2b_base64(content), dtype)
    return flat[0] if shape is None else flat.reshape(shape).copy()

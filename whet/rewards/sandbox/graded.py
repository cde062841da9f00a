"""The process that holds a model's code: it runs it, and answers what the grader asks of what it defines.

Nothing here can be trusted once the code has begun: what this process says is what the code says. It knows neither
tests nor what is expected, and has no descriptor but the two to the grader.
"""

from __future__ import annotations

import builtins
import importlib
import inspect
import operator
import os
import sys
import types
from collections.abc import Callable
from typing import Any

from whet.rewards.sandbox.codec import Broken, Codec, fields_of, is_record
from whet.rewards.sandbox.link import Gone, Link
from whet.rewards.sandbox.names import BINARY, Defined

MAX_PRINTED = 2**20
_BUILTINS = dict(vars(builtins))
_PLAIN = (int, float, complex, str, bytes, bytearray, tuple, list, dict, set, frozenset)
_DIRECT: dict[str, Callable[..., Any]] = {
    "getattr": getattr, "setattr": setattr, "delattr": delattr, "iter": iter, "next": next, "len": len, "str": str,
    "repr": repr, "bool": bool, "int": int, "float": float, "complex": complex, "abs": abs, "round": round,
    "hash": hash, "dir": dir, "format": format, "bytes": bytes, "isinstance": isinstance, "issubclass": issubclass,
    "reversed": reversed, "divmod": divmod,
}  # fmt: skip
_OPERATORS = (
    *BINARY, *("i" + name.rstrip("_") for name in BINARY), "index", "neg", "pos", "invert", "contains", "getitem",
    "setitem", "delitem", "eq", "ne", "lt", "le", "gt", "ge",
)  # fmt: skip


def main(job: dict[str, Any], reads: int, writes: int) -> None:
    """Run the code of the job, say how that went, and answer until the grader has gone."""
    sys.stdin, sys.stdout = _Asked(None), _Printed()
    module = types.ModuleType("solution")
    sys.modules["solution"] = module
    sys.modules["__main__"] = types.ModuleType("__main__")  # the code shall find nothing of this program to change
    space = vars(module)
    side = Side(Link(reads, writes), space, Defined(job["setup"]))
    sys.stdin = _Asked(side)
    failed = None
    try:
        _define(job, space)
    except BaseException as error:
        failed = f"{type(error).__name__}: {error}"[:300].encode("utf-8", "replace").decode()
    try:
        side.adopt()
        side.link.send(["answer", ["ready", failed, side.names()]])
        side.link.listen()
    except Gone:
        pass


def _define(job: dict[str, Any], space: dict[str, Any]) -> None:
    """Run the setup, then the code: each a file of its own, which may begin with `from __future__ import ...`."""
    for name, file in (("setup", "setup.py"), ("code", "solution.py")):
        if job[name]:
            exec(compile(job[name], file, "exec", dont_inherit=True), space)


class Side:
    """Objects of the code, by number, and what may be asked of them."""

    def __init__(self, link: Link, space: dict[str, Any], defined: Defined) -> None:
        self.link, self._space, self._defined = link, space, defined
        self._codec = Codec(-1, self._foreign, self._resolve)
        self._handles: dict[int, int] = {}
        self._objects: list[Any] = []
        self._callbacks: dict[int, Callback] = {}
        link.serve = self._serve

    def adopt(self) -> None:
        """Objects of classes that the setup defines cross as what they hold."""
        for name in self._defined.classes:
            found: Any = self._space.get(name)
            if is_record(found):
                self._codec.classes[name] = found

    def ask(self, name: str, *arguments: Any) -> Any:
        """Ask the grader to do something with an object of the tests. Raises what the tests' object raised."""
        kind, content = self.link.ask([name, self._codec.write(arguments)])
        value, _ = self._codec.read(content)
        if kind == "value":
            return value
        raise self._raised(*value)

    def _serve(self, question: list[Any]) -> list[Any]:
        try:
            name, content = question
            arguments = self._codec.read(content)
            found = ["value", self._codec.write((self._do(name, arguments), arguments))]
        except BaseException as error:
            found = ["error", self._codec.write((self._error(error), ()))]
        return [*found, sys.stdout.take() if isinstance(sys.stdout, _Printed) else ""]

    def _do(self, name: str, arguments: tuple[Any, ...]) -> Any:
        if name == "call":
            function, positional, named = arguments
            return function(*positional, **named)
        if name in _DIRECT:
            return _DIRECT[name](*arguments)
        if name in _OPERATORS:
            return getattr(operator, name)(*arguments)
        return getattr(self, "_do_" + name)(*arguments)

    def names(self) -> dict[str, list[str]]:
        """The names that the code defines, and where those come from that it only imported."""
        return {name: _origin(value) for name, value in self._space.items() if not name.startswith("__")}

    def _do_name(self, name: str) -> Any:
        return self._space[name]

    def _do_plain(self, one: Any) -> tuple[bool, Any]:
        """What an object of a class of the code's holds as a number, a text, a list, ..., if it is one."""
        kind = next((kind for kind in _PLAIN if isinstance(one, kind)), None)
        return (False, None) if kind is None else (True, _plain(one, kind))

    def _do_state(self, one: Any) -> tuple[int, tuple[bool, Any], dict[str, Any]]:
        return self._handle(type(one)), self._do_plain(one), fields_of(one)

    def _do_enter(self, one: Any) -> Any:
        return type(one).__enter__(one)

    def _do_exit(self, one: Any, error: BaseException | None) -> Any:
        return type(one).__exit__(one, None if error is None else type(error), error, None)

    def _do_await(self, one: Any) -> Any:
        import asyncio

        async def waiting() -> Any:
            return await one

        return asyncio.run(waiting())

    def _handle(self, one: Any) -> int:
        number = self._handles.get(id(one))
        if number is None:
            number = self._handles[id(one)] = len(self._objects)
            self._objects.append(one)
        return number

    def _foreign(self, one: Any) -> list[Any]:
        if type(one) is Callback:
            return ["theirs", object.__getattribute__(one, "_number")]
        if isinstance(one, types.ModuleType):
            return ["module", one.__name__]
        if isinstance(one, type):
            name = one.__name__
            if _BUILTINS.get(name) is one:
                return ["builtin", name]
            if self._codec.classes.get(name) is one:
                return ["setup", name]
            if issubclass(one, BaseException):
                return self._exception(one)
        kind = "class" if isinstance(one, type) else "awaited" if inspect.isawaitable(one) else ""
        kind = kind or ("call" if callable(one) else "object")
        named = one if isinstance(one, type) else type(one)
        return ["handle", self._handle(one), kind, self._handle(type(one)), named.__name__]

    def _exception(self, one: type) -> list[Any]:
        """A class of exceptions: what it is called and what it is derived from."""
        if _BUILTINS.get(one.__name__) is one:
            return ["builtin", one.__name__]
        bases = [self._exception(base) for base in one.__bases__ if issubclass(base, BaseException)]
        return ["exception", self._handle(one), one.__name__, one.__module__, bases]

    def _resolve(self, node: list[Any]) -> Any:
        tag = node[0]
        if tag == "handle":
            return self._objects[node[1]]
        if tag == "callback":
            return self._callbacks.setdefault(node[1], Callback(self, node[1]))
        if tag == "builtin":
            return _BUILTINS[node[1]]
        if tag == "setup":
            return self._space[node[1]]
        if tag == "module":
            return importlib.import_module(node[1])
        if tag == "public":
            return operator.attrgetter(node[2])(importlib.import_module(node[1]))
        if tag == "raised":
            return self._raised(_BUILTINS[node[1]], tuple(node[2]), None, node[3])
        raise Broken(f"a node {tag!r}")

    def _error(self, error: BaseException) -> tuple[Any, ...]:
        return type(error), error.args, error, getattr(error, "_whet_origin", None)

    def _raised(self, kind: type[BaseException], arguments: tuple[Any, ...], _: Any, origin: int) -> BaseException:
        try:
            error = kind(*arguments)
        except Exception:  # a class of the code whose __init__ wants something else: its type is what counts
            error = kind.__new__(kind)
        error._whet_origin = origin  # type: ignore[attr-defined]
        return error


class Callback:
    """An object of the tests, as the code sees it: what is done with it is done over there."""

    def __init__(self, side: Side, number: int) -> None:
        object.__setattr__(self, "_side", side)
        object.__setattr__(self, "_number", number)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return _ask(self, "call", arguments, named)

    def __getattr__(self, name: str) -> Any:
        return _ask(self, "getattr", name)

    def __setattr__(self, name: str, value: Any) -> None:
        _ask(self, "setattr", name, value)

    def __iter__(self) -> Any:
        return _ask(self, "iter")

    def __next__(self) -> Any:
        return _ask(self, "next")

    def __len__(self) -> int:
        return _ask(self, "len")

    def __bool__(self) -> bool:
        return _ask(self, "bool")

    def __str__(self) -> str:
        return _ask(self, "str")

    def __repr__(self) -> str:
        return _ask(self, "repr")

    def __getitem__(self, key: Any) -> Any:
        return _ask(self, "getitem", key)

    def __setitem__(self, key: Any, value: Any) -> None:
        _ask(self, "setitem", key, value)

    def __contains__(self, item: Any) -> bool:
        return _ask(self, "contains", item)

    def __lt__(self, other: Any) -> bool:
        return _ask(self, "lt", other)


def _ask(callback: Callback, name: str, *arguments: Any) -> Any:
    return object.__getattribute__(callback, "_side").ask(name, callback, *arguments)


class _Printed:
    """Standard output of the code, which goes to the grader with the next answer."""

    encoding, errors, name = "utf-8", "strict", "<stdout>"

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._room = MAX_PRINTED

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if self._room > 0:
            self._parts.append(str(text[: self._room]))
            self._room -= len(text)
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """It goes when the next answer goes."""

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def take(self) -> str:
        text = "".join(self._parts)
        self._parts.clear()
        self._room = MAX_PRINTED
        return text


class _Asked:
    """Standard input of the code: lines that the tests give, when they give any."""

    encoding, errors, name = "utf-8", "strict", "<stdin>"

    def __init__(self, side: Side | None) -> None:
        self._side = side

    def readline(self, size: int = -1) -> str:
        return self._side.ask("line") if self._side is not None else ""

    def read(self, size: int = -1) -> str:
        return "".join(self)

    def readlines(self) -> list[str]:
        return list(self)

    def __iter__(self) -> Any:
        return iter(self.readline, "")

    def isatty(self) -> bool:
        return False


def _origin(value: Any) -> list[str]:
    """Where a value comes from that the code only imported: a module, or a name in one."""
    if isinstance(value, types.ModuleType):
        return ["module", value.__name__]
    module, name = getattr(value, "__module__", None), getattr(value, "__name__", None)
    if isinstance(module, str) and isinstance(name, str) and module != "solution" and callable(value):
        return ["public", module, name]
    return []


def _plain(one: Any, kind: Any) -> Any:
    if kind is int:
        return int.__add__(one, 0)
    if kind is float:
        return float.__add__(one, 0.0)
    if kind is complex:
        return complex.__add__(one, 0)
    if kind is dict:
        return {key: dict.__getitem__(one, key) for key in dict.__iter__(one)}
    if kind is str:
        return "".join(str.__iter__(one))
    return kind(kind.__iter__(one))


def program(job: dict[str, Any]) -> None:
    """Run the code as a program with the standard input, output and error of this process, and end as it does."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    sys.argv[:] = ["solution.py"]
    status = 0
    try:
        _define(job, vars(module))
    except SystemExit as ended:
        status = 0 if ended.code in (None, 0) else 1
        if status:
            os.write(2, f"it called exit({ended.code!r})"[:300].encode("utf-8", "replace"))
    except BaseException as error:
        status = 1
        os.write(2, f"{type(error).__name__}: {error}"[:300].encode("utf-8", "replace"))
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        status = 1
    os._exit(status)

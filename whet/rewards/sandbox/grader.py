"""The process that runs a user's tests: the code that they test is in another one, and here are only its names.

What comes from there is read by our own codec into plain data, and compared here. It is locked in as the code is.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import io
import json
import operator
import os
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

from whet.rewards.sandbox.codec import Broken, Codec, is_record
from whet.rewards.sandbox.link import Gone, Link
from whet.rewards.sandbox.names import ALIASES, JUDGES, Asked, Defined
from whet.rewards.sandbox.remote import Remote, Remotes, is_remote, number_of

_BUILTINS = dict(vars(builtins))
# Modules whose functions tests may mean.
_PUBLIC = frozenset(
    "math cmath operator itertools _functools functools collections string statistics heapq _heapq bisect _bisect copy "
    "re json datetime decimal fractions typing random numbers _operator".split()
)
_EXCEPTIONS = frozenset(
    "json.decoder decimal queue _queue asyncio.exceptions struct re binascii csv _csv statistics zlib dataclasses copy "
    "argparse subprocess configparser concurrent.futures xml.etree.ElementTree".split()
)
_OFFERED: dict[str, Callable[..., Any]] = {
    "iter": iter, "next": next, "len": len, "bool": bool, "str": str, "repr": repr, "getitem": operator.getitem,
    "setitem": operator.setitem, "contains": operator.contains, "lt": operator.lt,
}  # fmt: skip
_CLOSED = (
    types.FunctionType, types.MethodType, types.BuiltinFunctionType, types.GeneratorType, types.CoroutineType,
    types.AsyncGeneratorType, types.FrameType, types.TracebackType, types.CodeType, types.ModuleType, type, Remote,
)  # fmt: skip
GONE = 3  # the status of a grader whose other side has ended


def main(job: dict[str, Any], reads: int, writes: int, reports: int) -> None:
    """Run the tests of the job, each in names of its own, and report what became of each."""

    def report(**facts: Any) -> None:
        content = (json.dumps(facts) + "\n").encode()
        while content:
            content = content[os.write(reports, content) :]

    sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), encoding="utf-8", errors="surrogatepass")
    defined, setup = Defined(job["setup"]), types.ModuleType("setup")
    sys.modules["setup"], sys.modules["__main__"] = setup, types.ModuleType("__main__")
    if failed := _attempt(job["setup"], "setup.py", vars(setup)):
        return report(wrong=f"`test_setup` fails by itself: {failed}")
    try:
        tests = [compile(test, "test.py", "exec") for test in job["tests"]]
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return report(wrong=f"a test is no Python: {type(error).__name__}: {error}")
    side = Side(Link(reads, writes), vars(setup), defined)
    if failed := side.begin():
        return report(error=failed)
    sys.modules["solution"] = _Solution(side)
    asked = Asked(job["tests"], tests)
    for number, test in enumerate(tests):
        report(test=number, failed=_run(test, job.get("entry_point"), asked, side, vars(setup)))
    return None


def _run(test: types.CodeType, entry_point: str | None, asked: Asked, side: Side, setup: dict[str, Any]) -> str | None:
    """Run one test. None, or why it failed."""
    space = {**setup, "__name__": "test"}
    names = side.names
    for name in asked.of_code(names, side.defined.names, entry_point):
        space[name] = side.named(name)
    space |= {name: module for name, module in asked.modules() if name not in setup and name != entry_point}
    for name in asked.read & JUDGES.keys() - space.keys():
        with contextlib.suppress(ImportError):
            space[name] = getattr(importlib.import_module(JUDGES[name]), name)
    if failed := _attempt(test, "test.py", space):
        return failed
    check = space.get("check")
    if entry_point and callable(check) and not is_remote(check):
        if entry_point not in names:
            return f"the code defines no `{entry_point}`"
        return _attempt(f"check({entry_point})", "check.py", space)
    return _cases(space)


def _cases(space: dict[str, Any]) -> str | None:
    """Run what a test framework would find in the test: functions `test_*` and classes of unittest's."""
    for name, value in list(space.items()):
        is_own = name.startswith("test_") and isinstance(value, types.FunctionType) and value.__module__ == "test"
        if is_own and value.__code__.co_argcount == 0 and (failed := _attempt(f"{name}()", "test.py", space)):
            return failed
    if "unittest" not in sys.modules:
        return None
    import unittest

    for value in list(space.values()):
        if isinstance(value, type) and issubclass(value, unittest.TestCase) and value.__module__ == "test":
            result = unittest.TestResult()
            with contextlib.redirect_stdout(io.StringIO()):
                unittest.defaultTestLoader.loadTestsFromTestCase(value).run(result)
            if not result.wasSuccessful() or result.skipped:
                told = [*result.errors, *result.failures]
                return told[0][1].strip().splitlines()[-1][:300] if told else "a test was skipped"
    return None


def _attempt(text: str | types.CodeType, name: str, space: dict[str, Any]) -> str | None:
    """Run it. None, or why it failed."""
    try:
        exec(compile(text, name, "exec") if isinstance(text, str) else text, space)
    except SystemExit as error:
        return f"it called exit({error.code!r})"
    except BaseException as error:
        return _told(error)
    return None


def _told(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:300]
    except BaseException:
        return type(error).__name__


class Side:
    """Objects of the tests that the code was given, by number, and what may be asked of them."""

    def __init__(self, link: Link, setup: dict[str, Any], defined: Defined) -> None:
        self._link, self._setup, self.defined = link, setup, defined
        self._codec = Codec(1, self._foreign, self._resolve, is_strict=True)
        self._remotes = Remotes(self.ask)
        self.names: dict[str, Any] = {}
        self._known: dict[str, Any] = {}
        self._callbacks: dict[int, int] = {}
        self._objects: list[Any] = []
        self._exceptions: dict[int, type[BaseException]] = {}
        self._raised: list[BaseException] = []
        for name in defined.classes:
            found: Any = setup.get(name)
            if is_record(found):
                self._codec.classes[name] = found
        link.serve = self._serve

    def begin(self) -> str | None:
        """Wait until the code has run. None, or why it failed."""
        with _ending():
            kind, content = self._link.receive()
            while kind == "ask":
                self._link.send(["answer", self._serve(content)])
                kind, content = self._link.receive()
            word, failed, self.names = content
            if word != "ready" or not isinstance(failed, str | None) or type(self.names) is not dict:
                raise Gone("not ready")
        return failed

    def named(self, name: str) -> Any:
        """What a name of the code's means. Modules, and functions of Python's own modules, are taken from here."""
        if (known := self._known.get(name)) is not None:
            return known
        origin = self.names[name]
        if origin and origin[0] == "module":
            module = name if name in sys.stdlib_module_names else ALIASES.get(name, "")
            with contextlib.suppress(ImportError):
                return importlib.import_module(module) if module else self.ask("name", name)
        if origin and origin[0] == "public" and origin[1] in _PUBLIC and origin[2] == name:
            with contextlib.suppress(ImportError, AttributeError):
                return getattr(importlib.import_module(origin[1]), origin[2])
        found = self.ask("name", name)
        if is_remote(found):  # what can change is asked for again
            self._known[name] = found
        return found

    def ask(self, name: str, *arguments: Any) -> Any:
        """Have it done over there. Raises what it raised."""
        lent = set(self._codec.lent)
        try:
            question = [name, self._codec.write(arguments)]
            with _ending():
                kind, content, printed = self._link.ask(question)
                value, _ = self._codec.read(content)
                if kind not in ("value", "error") or type(printed) is not str:
                    raise Gone("neither a value nor an error")
        finally:
            self._codec.lent = lent
        if printed:
            sys.stdout.write(printed)
        if kind == "value":
            return value
        error = self._error(value)
        # What ends a loop is said by iterators alone: in `all(map(f, ...))` it would make any answer of f's true.
        if isinstance(error, StopIteration | StopAsyncIteration) and name != "next":
            raise RuntimeError(f"`{name}` raised {type(error).__name__}") from error
        raise error

    def _error(self, value: Any) -> BaseException:
        with _ending():
            kind, arguments, one, origin = value
            if origin is not None:
                return self._raised[origin]
            if not (isinstance(kind, type) and issubclass(kind, BaseException)):
                raise Broken("no exception")
        try:
            error = kind(*arguments)
        except Exception:  # as in the code's own process: its __init__ wants something else
            error = BaseException.__new__(kind)
        if is_remote(one) and hasattr(kind, "_whet_class"):
            error._whet_object = one  # type: ignore[attr-defined]
        return error

    def _serve(self, question: list[Any]) -> list[Any]:
        """Answer the code: what may be done with an object of the tests that it was given, and nothing else."""
        try:
            name, content = question
            arguments = self._codec.read(content)
            return ["value", self._codec.write((self._do(name, arguments), arguments))]
        except (Broken, Gone):
            os._exit(GONE)
        except BaseException as error:
            self._raised.append(error)
            kind = next(k for k in type(error).__mro__ if _BUILTINS.get(k.__name__) is k)
            plain = [argument for argument in error.args if type(argument) in (str, int, float, bool)]
            return ["error", self._codec.write(((kind, tuple(plain), None, len(self._raised) - 1), ()))]

    def _do(self, name: str, arguments: tuple[Any, ...]) -> Any:
        if name == "line":
            if builtins.input is not _BUILTINS["input"]:
                return str(builtins.input()) + "\n"
            return sys.stdin.readline()
        one = arguments[0]
        if is_remote(one) or id(one) not in self._callbacks:
            raise Broken("an object that the code was not given")
        if name == "call":
            return one(*arguments[1], **arguments[2])
        if name in ("getattr", "setattr"):
            attribute = arguments[1]
            if type(attribute) is not str or attribute.startswith("_") or isinstance(one, _CLOSED):
                raise AttributeError(attribute)
            return getattr(*arguments) if name == "getattr" else setattr(*arguments)
        return _OFFERED[name](*arguments)

    def _foreign(self, one: Any) -> list[Any]:
        if is_remote(one):
            return ["handle", number_of(one)]
        if isinstance(one, types.ModuleType):
            return ["module", one.__name__]
        if isinstance(one, BaseException):
            return self._own_error(one)
        if isinstance(one, type) and (number := one.__dict__.get("_whet_class")) is not None:
            return ["handle", number]
        name, module = getattr(one, "__name__", None), getattr(one, "__module__", None)
        if type(name) is str and _BUILTINS.get(name) is one:
            return ["builtin", name]
        if type(name) is str and self._setup.get(name) is one and name in self.defined.names:
            return ["setup", name]
        if module in _PUBLIC and callable(one) and type(getattr(one, "__qualname__", None)) is str:
            return ["public", module, one.__qualname__]
        number = self._callbacks.get(id(one))
        if number is None:
            number = self._callbacks[id(one)] = len(self._objects)
            self._objects.append(one)
        return ["callback", number]

    def _own_error(self, error: BaseException) -> list[Any]:
        if (one := getattr(error, "__dict__", {}).get("_whet_object")) is not None:
            return self._foreign(one)
        kind = next(k for k in type(error).__mro__ if _BUILTINS.get(k.__name__) is k)
        self._raised.append(error)
        return ["raised", kind.__name__, [str(error)], len(self._raised) - 1]

    def _resolve(self, node: list[Any]) -> Any:
        tag = node[0]
        if tag == "handle":
            return self._remotes(*node[1:])
        if tag == "theirs":
            return self._objects[node[1]]
        if tag == "setup":
            return self._codec.classes[node[1]]
        if tag == "builtin":
            found = _BUILTINS[node[1]]
            if not isinstance(found, type):
                raise Broken("no type")
            return found
        if tag == "exception":
            return self._exception(*node[1:])
        if tag == "module":
            return importlib.import_module(node[1] if node[1] in _PUBLIC else "builtins")
        raise Broken(f"a node {tag!r}")

    def _exception(self, number: int, name: str, module: str, bases: list[Any]) -> type[BaseException]:
        """A class that stands for one of the code's, so that tests can catch it."""
        if (found := self._exceptions.get(number)) is not None:
            return found
        if module in _EXCEPTIONS:
            with contextlib.suppress(ImportError):
                known = getattr(importlib.import_module(module), name, None)
                if isinstance(known, type) and issubclass(known, BaseException):
                    return known
        derived = tuple(self._resolve(base) for base in bases[:8])
        if not all(isinstance(base, type) and issubclass(base, BaseException) for base in derived):
            raise Broken("no exceptions")
        space = {"_whet_class": number, "__getattr__": _of_exception, "__module__": "solution"}
        made = self._exceptions[number] = type(str(name), derived or (Exception,), space)
        return made


def _of_exception(error: BaseException, name: str) -> Any:
    """An attribute of an exception of the code's."""
    one = error.__dict__.get("_whet_object")
    if one is None or name.startswith("_"):
        raise AttributeError(name)
    return getattr(one, name)


@contextlib.contextmanager
def _ending() -> Iterator[None]:
    """Where the other side has ended or breaks the rules, all ends: no test may catch that and go on."""
    try:
        yield
    except (Gone, Broken, TypeError, ValueError, LookupError, RecursionError, MemoryError):
        os._exit(GONE)


class _Solution(types.ModuleType):
    """The code as a module, for tests that import from it."""

    def __init__(self, side: Side) -> None:
        super().__init__("solution")
        self.__dict__["__all__"] = [name for name in side.names if not name.startswith("_")]
        self.__dict__["_whet_named"] = side.named

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        named: Callable[[str], Any] = self.__dict__["_whet_named"]
        try:
            return named(name)
        except KeyError:
            raise AttributeError(name) from None

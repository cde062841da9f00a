"""Which names of a test mean the code's, and which must not: found in the texts, before anything runs."""

from __future__ import annotations

import ast
import builtins
import importlib
from collections.abc import Collection, Iterator
from types import CodeType, ModuleType

# Operators of two, as the module `operator` calls them.
BINARY = (
    "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "lshift", "rshift", "and_", "or_", "xor", "matmul",
)  # fmt: skip
# Names that tests may have left to the code to import. They judge, so they are never the code's own.
JUDGES = {"isclose": "math", "allclose": "numpy", "approx": "pytest"}
# Aliases that tests use of modules which the code imported.
ALIASES = {"np": "numpy", "pd": "pandas", "sp": "scipy", "dt": "datetime"}
# Modules that tests may mean without importing them: those of Python that only compute, and the aliases above.
MODULES = frozenset(
    "array asyncio base64 bisect calendar cmath collections copy csv datetime decimal enum fractions functools hashlib "
    "heapq inspect io itertools json math numbers operator os random re statistics string struct sys textwrap time "
    "types typing unittest".split()
) | frozenset(ALIASES.values())


class Defined:
    """What a setup defines: `names` that are the tests' own, whatever the code calls by them, and its `classes`.

    What it only announces (a body of `pass`, `...`, a docstring or NotImplementedError) is for the code to define.
    """

    def __init__(self, setup: str) -> None:
        self.names: set[str] = set()
        self.classes: set[str] = set()
        if not setup.strip():
            return
        try:
            body = ast.parse(setup).body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return
        for statement in body:
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                if _is_announced(statement):
                    continue
                self.names.add(statement.name)
                if isinstance(statement, ast.ClassDef):
                    self.classes.add(statement.name)
            else:
                self.names |= set(_stored(statement))


class Asked:
    """The names that tests read, of their own level and of functions in it (and of attributes, which does no harm)."""

    def __init__(self, texts: Collection[str], tests: Collection[CodeType]) -> None:
        self.read: set[str] = set()
        self._texts = texts
        waiting = list(tests)
        while waiting:
            code = waiting.pop()
            self.read |= set(code.co_names)
            waiting += [inner for inner in code.co_consts if isinstance(inner, CodeType)]

    def modules(self) -> Iterator[tuple[str, ModuleType]]:
        """Modules that tests use without importing them, as `math` in `math.floor(x)`: left to the code to import.

        They judge like JUDGES: whatever the code calls so, a module that has all that is asked of it is meant.
        """
        for name in self.read & (MODULES | ALIASES.keys()):
            try:
                module = importlib.import_module(ALIASES.get(name, name))
            except ImportError:
                continue
            asked = {attribute for text in self._texts for attribute in _attributes(ast.parse(text), name)}
            if asked and all(hasattr(module, attribute) for attribute in asked):
                yield name, module

    def of_code(self, defined: Collection[str], own: Collection[str], entry_point: str | None) -> set[str]:
        """Those that mean the code's: what it defines, but nothing that the tests have already.

        A name of Python's own, as `sum`, is the code's only where the tests call nothing else: code that defines `len`
        or `abs` must not judge itself.
        """
        found = {name for name in self.read & set(defined) - set(own) if name not in vars(builtins)}
        if entry_point in defined and entry_point is not None:
            found.add(entry_point)
        own_words = self.read & vars(builtins).keys()
        if not found and len(own_words) == 1:
            found |= own_words & set(defined)
        return found - JUDGES.keys() if found - JUDGES.keys() else found


def _attributes(tree: ast.AST, name: str) -> Iterator[str]:
    """What is asked of a name as an attribute."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name:
            yield node.attr


def _stored(tree: ast.AST) -> Iterator[str]:
    """Names that are given a meaning anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.ExceptHandler) and node.name:
            yield node.name


def _is_announced(statement: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """Whether the body says nothing."""
    for inner in statement.body:
        is_text = isinstance(inner, ast.Pass) or (isinstance(inner, ast.Expr) and isinstance(inner.value, ast.Constant))
        is_refusal = isinstance(inner, ast.Raise) and "NotImplementedError" in ast.dump(inner)
        is_inner = isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and _is_announced(inner)
        if not (is_text or is_refusal or is_inner):
            return False
    return True

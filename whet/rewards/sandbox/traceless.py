"""Tests that leave nothing behind in the process that runs them, so that one process may run them job after job.

Found in their text, by what is known to do no harm: plain statements, calls of pure functions and of what the code
defines, and modules that only compute. Whatever else they hold, they get a process of their own. It is the tests of
the user that are looked at, not the code, which is never in that process.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import sys
import types
from functools import lru_cache

from whet.rewards.sandbox.names import ALIASES, JUDGES

_MODULES = frozenset(
    "bisect cmath collections copy datetime fractions functools heapq itertools json math numbers re statistics string "
    "typing solution".split()
)
_BUILTINS = frozenset(
    "abs all any ascii bin bool bytearray bytes callable chr complex dict divmod enumerate filter float format "
    "frozenset hash hex int isinstance issubclass iter len list map max min next object oct ord pow print range repr "
    "reversed round set slice sorted str sum tuple type zip Ellipsis NotImplemented".split()
) | frozenset(name for name, one in vars(builtins).items() if isinstance(one, type) and issubclass(one, BaseException))
# Names that the code may have imported from Python's modules which remember: `random` and `decimal`.
_REMEMBERING = frozenset(
    "seed setstate getstate shuffle choice choices sample randint randrange random uniform gauss randbytes getrandbits "
    "getcontext setcontext localcontext register".split()
)
# Attributes of frames, code and the like, and those that change what is everybody's.
_INSIDE = ("gi_", "cr_", "ag_", "f_", "tb_", "co_")
_STATEMENTS = (
    ast.Module, ast.Assert, ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.If, ast.For, ast.While, ast.Pass,
    ast.Break, ast.Continue, ast.Return, ast.Raise, ast.Try, ast.ExceptHandler, ast.FunctionDef, ast.ClassDef,
    ast.Import, ast.ImportFrom, ast.alias, ast.arguments, ast.arg, ast.keyword, ast.comprehension,
)  # fmt: skip
_EXPRESSIONS = (
    ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Compare, ast.IfExp, ast.NamedExpr, ast.Lambda, ast.Call, ast.Subscript,
    ast.Slice, ast.Starred, ast.Constant, ast.JoinedStr, ast.FormattedValue, ast.List, ast.Tuple, ast.Set, ast.Dict,
    ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.boolop, ast.operator, ast.unaryop, ast.cmpop,
    ast.expr_context,
)  # fmt: skip
_MAX_TEXT = 200_000


@lru_cache(64)
def are_traceless(texts: tuple[str, ...]) -> bool:
    """Whether a setup and its tests can be run where others will run after them. O(length), remembered."""
    if sum(map(len, texts)) > _MAX_TEXT:
        return False
    try:
        trees = [ast.parse(text) for text in texts]
        nodes = [node for tree in trees for node in ast.walk(tree)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    read = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    return all(_is_harmless(node) for node in nodes) and not read & _barred()


def _is_harmless(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return all(alias.name in _MODULES for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return node.module in _MODULES and not any(alias.name[:1] in "_*" for alias in node.names)
    if isinstance(node, ast.ClassDef):
        return not node.keywords
    if isinstance(node, ast.Name):
        return not node.id.startswith("__") and not (node.id == "self" and isinstance(node.ctx, ast.Store))
    if isinstance(node, ast.Attribute):
        if isinstance(node.ctx, ast.Load):
            return _is_open(node.attr) or node.attr == "__name__"
        return _is_open(node.attr) and _is_own(node.value)
    return isinstance(node, (*_STATEMENTS, *_EXPRESSIONS))


def _is_open(attribute: str) -> bool:
    return not attribute.startswith(("_", *_INSIDE)) and attribute not in _REMEMBERING | _inner_modules()


def _is_own(value: ast.expr) -> bool:
    """Whether it is the object that a method is of."""
    return isinstance(value, ast.Name) and value.id == "self"


@lru_cache(1)
def _inner_modules() -> frozenset[str]:
    """The modules that those of `_MODULES` have imported themselves, by their names there: `typing.sys` is `sys`."""
    known = [vars(importlib.import_module(name)) for name in _MODULES - {"solution"}]
    return frozenset(name for names in known for name, one in names.items() if isinstance(one, types.ModuleType))


@lru_cache(1)
def _barred() -> frozenset[str]:
    """Names that may mean something of this machine's which remembers, wherever the texts give them a meaning too."""
    modules = (set(sys.stdlib_module_names) | set(ALIASES)) - _MODULES
    judges = set(JUDGES) - {"isclose"}
    return frozenset((set(vars(builtins)) - _BUILTINS) | modules | judges | _REMEMBERING)

"""The process that runs a model's code against tests: reads a job from stdin, locks itself in, reports as it goes.

Run by file, with the standard library alone. Reports go to a descriptor of their own, each with a word that only the
job knows, so that neither printing nor leaving early can pass for a test.
"""

from __future__ import annotations

import ast
import json
import os
import sys
from contextlib import suppress
from types import CodeType, ModuleType
from typing import Any


def main() -> None:
    folder, reports = sys.argv[1], int(sys.argv[2])
    job = json.loads(sys.stdin.buffer.read())
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import jail  # type: ignore[import-not-found]

    del sys.path[0]
    word = job.pop("word")

    def report(**facts: Any) -> None:
        os.write(reports, (json.dumps({"word": word, **facts}) + "\n").encode())

    os.chdir(folder)
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(silence, descriptor)
    report(held=jail.lock(folder, **job.pop("limits")))
    sys.argv[:] = ["solution.py"]
    sys.modules["__main__"] = ModuleType("__main__")  # the code shall find nothing of this program to change
    sys.setrecursionlimit(5_000)
    if "cases" in job:
        _run_cases(job, report)
    else:
        _run_tests(job, report)
    os._exit(0)  # threads that the code left behind would keep the process


def _run_tests(job: dict[str, Any], report: Any) -> None:
    """Run the code once, then each test in what it defined."""
    space: dict[str, Any] = {"__name__": "solution", "__builtins__": __builtins__}
    failed = _attempt(_compiled(job["setup"] + "\n" + job["code"], "solution.py"), space)
    if failed:
        report(error=failed)
        return
    for number, test in enumerate(job["tests"]):
        name = job.get("entry_point")
        inner = dict(space)
        inner["__honest__"] = lambda one, other: _honest(one, other, space)
        failed = _attempt(_compiled(test, "test.py", is_test=True), inner)
        if not failed and name and callable(inner.get("check")):
            if name not in space:
                failed = f"the code defines no `{name}`"
            else:
                failed = _attempt(_compiled(f"check({name})", "check.py"), inner)
        report(test=number, failed=failed)


def _run_cases(job: dict[str, Any], report: Any) -> None:
    """Run the code once a case, as a program that reads its input and prints."""
    code = _compiled(job["setup"] + "\n" + job["code"], "solution.py")
    for number, case in enumerate(job["cases"]):
        with open(".input", "wb") as given:
            given.write(case["input"].encode())
        _put(".input", os.O_RDONLY, 0)
        _put(".output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 1)
        sys.stdin, sys.stdout = os.fdopen(os.dup(0), encoding="utf-8"), os.fdopen(os.dup(1), "w", encoding="utf-8")
        failed = _attempt(code, {"__name__": "__main__", "__builtins__": __builtins__}, may_exit=True)
        with suppress(OSError, ValueError):
            sys.stdout.flush()
        with open(".output", encoding="utf-8", errors="replace") as written:
            printed = written.read()
        if not failed and _lines(printed) != _lines(case["output"]):
            failed = f"printed {printed[:80]!r}, not {case['output'][:80]!r}"
        report(test=number, failed=failed)


def _put(path: str, flags: int, descriptor: int) -> None:
    """Open a file as the descriptor, which is how some programs read their input."""
    opened = os.open(path, flags, 0o600)
    if opened != descriptor:  # the code may have closed it
        os.dup2(opened, descriptor)
        os.close(opened)


def _compiled(text: str, name: str, *, is_test: bool = False) -> CodeType | str:
    try:
        tree = ast.parse(text, name)
        if is_test:
            tree = ast.fix_missing_locations(_Honest().visit(tree))
        return compile(tree, name, "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return f"{type(error).__name__}: {error}"


def _attempt(code: CodeType | str, space: dict[str, Any], *, may_exit: bool = False) -> str | None:
    """Run it. None, or why it failed."""
    if isinstance(code, str):
        return code
    try:
        exec(code, space)
    except SystemExit as error:
        return None if may_exit and error.code in (None, 0) else f"it called exit({error.code!r})"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"[:300]
    return None


class _Honest(ast.NodeTransformer):
    """`a == b` of a test as a comparison that objects of the code cannot answer for themselves."""

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        if len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq | ast.NotEq):
            equal = ast.Call(ast.Name("__honest__", ast.Load()), [node.left, node.comparators[0]], [])
            return equal if isinstance(node.ops[0], ast.Eq) else ast.UnaryOp(ast.Not(), equal)
        return node


def _honest(one: Any, other: Any, space: dict[str, Any]) -> bool:
    """Whether they are equal; a class of the code's own `__eq__` is asked only about its own instances."""
    if _judges_itself(one, space) != _judges_itself(other, space) or (
        _judges_itself(one, space) and type(one) is not type(other)
    ):
        return False
    return bool(one == other)


def _judges_itself(value: Any, space: dict[str, Any], depth: int = 0) -> bool:
    if getattr(type(value).__eq__, "__globals__", None) is space:
        return True
    if depth > 8 or not isinstance(value, list | tuple | set | frozenset | dict):
        return False
    inner = [*value.keys(), *value.values()] if isinstance(value, dict) else value
    return any(_judges_itself(item, space, depth + 1) for item in inner)


def _lines(text: str) -> list[str]:
    """Output as judges compare it: blanks at line ends and empty lines at the end do not count."""
    return [line.rstrip() for line in text.rstrip().splitlines()]


if __name__ == "__main__":
    main()

"""Which files of a user's a Python file imports, read from its text and found without running any of it."""

from __future__ import annotations

import ast
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

MOST = 1000  # files; whoever imports more has a package, which should be installed


def local_imports(file: Path) -> list[Path]:
    """Files that `file` imports, and they in turn, wherever in them the statement stands; sorted, without itself.

    They are looked for beside the file that imports them and on `sys.path`. What is installed is left out: its version
    stands for it.
    """
    file = file.resolve()
    found, waiting = {file}, [file]
    while waiting and len(found) < MOST:
        for path in _imported(waiting.pop()):
            if path not in found and not _is_installed(path):
                found.add(path)
                waiting.append(path)
    return sorted(found - {file})


def _imported(file: Path) -> Iterator[Path]:
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):  # whoever imports it says so
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files(alias.name, _roots(file))
        elif isinstance(node, ast.ImportFrom):
            roots = [file.parents[node.level - 1]] if 0 < node.level <= len(file.parents) else _roots(file)
            for alias in node.names:
                yield from _files(".".join(filter(None, (node.module, alias.name))), roots)


def _roots(file: Path) -> list[Path]:
    return [file.parent, *(Path(entry or ".").absolute() for entry in sys.path)]


def _files(module: str, roots: list[Path]) -> Iterator[Path]:
    """Files of `a.b.c`, its packages' `__init__.py` among them; the last part may be no module but a name in one."""
    first, *rest = module.split(".")
    for root in roots:
        if found := _module(root / first):
            break
    else:
        return
    folder = root / first
    while True:
        if found.is_file():
            yield found.resolve()
        if not rest or not (found := _module(folder / (part := rest.pop(0)))):
            return
        folder = folder / part


def _module(path: Path) -> Path | None:
    """The file of a module or a package, or the folder of a package without one."""
    for file in (path / "__init__.py", path.with_name(f"{path.name}.py")):
        if file.is_file():
            return file
    return path if path.is_dir() and any(path.glob("*.py")) else None


def _is_installed(path: Path) -> bool:
    """Whether a file is of Python itself, of a package that was installed, or of whet."""
    if {"site-packages", "dist-packages"} & set(path.parts):
        return True
    own = Path(__file__).resolve().parents[1]
    standard = {Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")}
    return any(path.is_relative_to(root) for root in (own, *standard))

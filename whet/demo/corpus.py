"""The Python standard library as a corpus: which files are taken, and which modules are held out."""

from __future__ import annotations

import ast
import json
import os
import sysconfig
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import track

from whet.base.errors import DataError
from whet.demo.outline import outline

# Left out: tests, what others installed, character maps, and applications or packages that not every Python has.
SKIPPED_FOLDERS = {
    "test": "folders of tests",
    "tests": "folders of tests",
    "site-packages": "packages installed by others",
    "dist-packages": "packages installed by others",
    "encodings": "tables of data",
    "pydoc_data": "tables of data",
    "distutils": "packages gone from newer Pythons",
    "lib2to3": "packages gone from newer Pythons",
    "idlelib": "applications",
    "turtledemo": "applications",
}
TABLE_ENTRIES = 400

# Never trained on, neither as text nor as questions: modules of every flavour that all Python versions have.
HELD_OUT = frozenset(
    "calendar cmd configparser csv fractions ftplib gettext heapq http json netrc plistlib poplib pprint random shelve "
    "shutil smtplib statistics textwrap wave zipfile".split()
)


@dataclass(frozen=True, slots=True)
class Module:
    """One source file: `name` as one imports it, `source` relative to the library's folder."""

    name: str
    source: str
    text: str
    tree: ast.Module

    @property
    def is_held_out(self) -> bool:
        """A package is held out whole: its files resemble each other."""
        return self.name.partition(".")[0] in HELD_OUT


@dataclass(frozen=True, slots=True)
class Library:
    """What was read, and how many files and folders were left out for which reason."""

    folder: Path
    modules: Sequence[Module]
    skipped: Counter[str] = field(default_factory=Counter)

    def part(self, held_out: bool) -> list[Module]:
        return [module for module in self.modules if module.is_held_out == held_out]


def read_library(folder: Path | None = None, only: frozenset[str] | None = None) -> Library:
    """Read the .py files of the running interpreter's standard library (or of `folder`), in order of their paths.

    Files are parsed, never imported. `only` names the top-level modules to read. Raises DataError where there are no
    files (an interpreter packed into an archive).
    """
    folder = folder or Path(sysconfig.get_path("stdlib"))
    modules, skipped = [], Counter[str]()
    files = [(path, reason) for path, reason in _files(folder) if only is None or _top(path, folder) in only]
    console = Console(stderr=True)
    for path, reason in track(files, "reading", console=console, transient=True, disable=not console.is_terminal):
        found = reason or _read(path, folder)
        if isinstance(found, Module):
            modules.append(found)
        else:
            skipped[found] += 1
    if not modules:
        raise DataError(f"there are no Python files in {folder}", hint="use a Python whose library is not an archive")
    return Library(folder, modules, skipped)


def write_corpus(modules: Sequence[Module], path: Path) -> Counter[str]:
    """Write one JSON row a file, its outline and where it came from, and return what was counted on the way.

    Outlines and not whole files: after as many tokens of either, a small model answers questions about the library
    with a perplexity of 72 instead of 102 (0.6 M parameters, 0.5 M tokens of pre-training, 0.5 M of fine-tuning).
    """
    counts: Counter[str] = Counter()
    with path.open("w", encoding="utf-8") as file:
        for module in modules:
            text = outline(module.tree)
            if text:
                file.write(json.dumps({"text": text, "source": module.source}, ensure_ascii=False) + "\n")
            counts.update({"files": bool(text), "characters": len(text), "undocumented": not text})
    return counts


def _files(folder: Path) -> Iterator[tuple[Path, str]]:
    """The .py files below `folder` with an empty reason, and each folder that is left out with its reason."""
    for root, names, files in os.walk(folder):
        for name in sorted(names):
            if name in SKIPPED_FOLDERS:
                yield Path(root, name), SKIPPED_FOLDERS[name]
        names[:] = sorted(name for name in names if name not in SKIPPED_FOLDERS and name != "__pycache__")
        yield from ((Path(root, name), "") for name in sorted(files) if name.endswith(".py"))


def _top(path: Path, folder: Path) -> str:
    return path.relative_to(folder).parts[0].removesuffix(".py")


def _read(path: Path, folder: Path) -> Module | str:
    """The module at `path`, or why it is left out."""
    try:
        text = path.read_text(encoding="utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old files hold invalid escapes, which is their business
            tree = ast.parse(text)
    except (OSError, UnicodeDecodeError, SyntaxError, ValueError):
        return "files that cannot be parsed"
    if not tree.body:
        return "empty files"
    if any(_entries(node) > TABLE_ENTRIES for node in tree.body):
        return "tables of data"
    relative = path.relative_to(folder)
    name = ".".join(relative.with_suffix("").parts).removesuffix(".__init__")
    return Module(name, relative.as_posix(), text, tree)


def _entries(statement: ast.stmt) -> int:
    """How many entries the literal has that a top-level statement assigns."""
    value = getattr(statement, "value", None)
    return len(value.values if isinstance(value, ast.Dict) else getattr(value, "elts", ()))

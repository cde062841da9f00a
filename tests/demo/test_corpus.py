"""The corpus: what of the standard library is read, what is left out, and what is held out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from whet.base.errors import DataError
from whet.demo.corpus import HELD_OUT, read_library, write_corpus


def _write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_tests_tables_and_broken_files_are_left_out_and_counted(tmp_path: Path) -> None:
    table = f"names = {list(range(1000))}\n"
    tests = {"test/a.py": "x = 1\n", "pkg/tests/b.py": "x = 1\n"}
    _write(tmp_path, {"plain.py": "x = 1\n", "table.py": table, "broken.py": "def (\n", "empty.py": "", **tests})
    library = read_library(tmp_path)
    assert [module.name for module in library.modules] == ["plain"]
    assert library.skipped == {
        "folders of tests": 2,
        "tables of data": 1,
        "files that cannot be parsed": 1,
        "empty files": 1,
    }


def test_a_package_is_named_as_it_is_imported_and_held_out_whole(tmp_path: Path) -> None:
    _write(tmp_path, dict.fromkeys(["json/__init__.py", "json/decoder.py", "jsonish.py"], "x = 1\n"))
    library = read_library(tmp_path)
    assert [module.name for module in library.part(held_out=True)] == ["json", "json.decoder"]
    assert [module.name for module in library.part(held_out=False)] == ["jsonish"]


def test_the_interpreters_own_library_holds_every_held_out_module() -> None:
    library = read_library(only=HELD_OUT)
    assert {module.name.partition(".")[0] for module in library.modules} == HELD_OUT
    assert not library.part(held_out=False)


def test_a_row_is_the_outline_of_a_file_with_its_origin(tmp_path: Path) -> None:
    code = '"""About é."""\nx = 1\ndef f(a: int, b=2):\n    """Add both."""\n    return a + b\ndef g(): ...\n'
    library = read_library(_write(tmp_path, {"pkg/a.py": code, "pkg/bare.py": "x = 1\n"}))
    counts = write_corpus(library.modules, tmp_path / "corpus.jsonl")
    row = json.loads((tmp_path / "corpus.jsonl").read_text(encoding="utf-8"))
    assert row == {"text": 'About é.\ndef f(a, b=2):\n    """Add both."""', "source": "pkg/a.py"}
    assert counts == {"files": 1, "characters": len(row["text"]), "undocumented": 1}


def test_a_library_without_source_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no Python files"):
        read_library(tmp_path)

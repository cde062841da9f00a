"""The sweep: every type in worker processes with a time limit each, kept by what it was measured with."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterable
from concurrent.futures import Future
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.architectures.columns import measure
from tests.architectures.small import KINDS, all_types, names
from whet.base.workers import Workers

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "docs" / "reference" / "architectures.json"
LIMIT_S = 600.0
PROCESSES = 2
PACKAGES = ("torch", "transformers", "peft")

Case = tuple[str, str]


def measured(kind: str, name: str) -> dict[str, str]:
    """Every column of one model, made and trained in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        return {column: said.replace(f"{folder}/", "") for column, said in measure(kind, name, Path(folder)).items()}


class Sweep:
    """Measures `cases` in the background; what an earlier sweep found with the same code and packages is not again."""

    def __init__(self, cases: Iterable[Case], kept: Path) -> None:
        self._kept, self._digest = kept, digest()
        self._workers = Workers({"measured": measured}, num=PROCESSES)
        self._futures: dict[Case, Future[Any]] = {}
        kept.mkdir(parents=True, exist_ok=True)
        for case in cases:
            if self._found(case) is None:
                self._futures[case] = self._workers.submit("measured", case, LIMIT_S)

    def result(self, case: Case) -> dict[str, str]:
        """The columns of a case, waited for."""
        if (future := self._futures.pop(case, None)) is not None:
            outcome = future.result()
            columns = outcome.value or {"made": f"{outcome.reason}: {outcome.message}"}
            text = json.dumps({"digest": self._digest, "columns": columns})
            self._path(case).write_text(text, encoding="utf-8")
        found = self._found(case)
        assert found is not None
        return found

    def whole(self) -> dict[str, dict[str, dict[str, str]]] | None:
        """All results by kind and name, if all types were measured; else None."""
        found: dict[str, dict[str, dict[str, str]]] = {}
        for kind, name in all_types():
            columns = self._found((kind, name))
            if columns is None:
                return None
            found.setdefault(kind, {})[name] = columns
        return found

    def close(self) -> None:
        self._workers.close()

    def _path(self, case: Case) -> Path:
        return self._kept / f"{'-'.join(case)}.json"

    def _found(self, case: Case) -> dict[str, str] | None:
        if not self._path(case).is_file():
            return None
        kept = json.loads(self._path(case).read_text(encoding="utf-8"))
        return kept["columns"] if kept["digest"] == self._digest else None


def digest() -> str:
    """Of what decides the results: our code, that of the measurement, and the packages."""
    files = [
        *sorted((ROOT / "whet").rglob("*.py")),
        *(Path(__file__).with_name(f"{n}.py") for n in ("small", "columns")),
    ]
    found = hashlib.sha256(repr([version(name) for name in PACKAGES]).encode())
    for file in files:
        found.update(file.read_bytes())
    return found.hexdigest()[:16]


def store(results: dict[str, dict[str, dict[str, str]]]) -> None:
    """Write the results of a whole sweep with its day and versions."""
    about: dict[str, Any] = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "versions": {name: version(name) for name in PACKAGES},
    }
    about["types"] = {kind: len(names(kind)) for kind in KINDS}
    RESULTS.write_text(json.dumps({**about, "results": results}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

"""Integrations are tested against the real frameworks; what they record is compared with what these report.

A test says what it stands for with `@pytest.mark.integration("XGBoost", packages=("xgboost",), through="...")`. With
`--integrations FILE` the outcomes go into that file, from which docs/reference/integrations.md is made.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest

import whet.track as track
from whet.track.reading.read import History
from whet.track.reading.store import history

# What has to live as long as the process.
_KEPT: list[object] = []
_FOUND: dict[str, dict[str, object]] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--integrations", type=Path, help="where outcomes of integrations go, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "integration(name, packages, through): stands for a row of the table")


def pytest_runtest_setup(item: pytest.Item) -> None:
    mark = item.get_closest_marker("integration")
    for package in mark.kwargs["packages"] if mark else ():
        try:
            importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            pytest.skip(f"{package} is not installed; `make test-integrations` has it")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    result = yield
    report, mark = result.get_result(), item.get_closest_marker("integration")
    if mark is None or report.skipped or (report.when != "call" and report.passed):
        return
    name = mark.args[0]
    row = _FOUND.setdefault(name, {"through": mark.kwargs["through"], "passed": True, "tests": [], "versions": {}})
    row["passed"] = bool(row["passed"]) and report.passed
    row["tests"] = sorted({*row["tests"], item.nodeid.split("::")[0]})  # type: ignore[misc]
    row["versions"] = {package: importlib.metadata.version(package) for package in mark.kwargs["packages"]}
    row["date"] = date.today().isoformat()


def pytest_sessionfinish(session: pytest.Session) -> None:
    path = session.config.getoption("--integrations")
    if path and _FOUND:
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        rows = {**known, **_FOUND}
        path.write_text(json.dumps(dict(sorted(rows.items())), indent=1) + "\n", encoding="utf-8")


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch) -> Iterator[Path]:
    """Where runs go; none is open before or after."""
    monkeypatch.setenv("WHET_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    track.finish()
    yield tmp_path / "runs"
    track.finish()


@pytest.fixture
def torchvision():
    """Import it where it was built for torch with CUDA, as PyPI's is: beside one for CPUs it misses an operator."""
    import torch

    if importlib.util.find_spec("torchvision") and "torchvision" not in sys.modules:
        try:
            import torchvision  # noqa: F401
        except RuntimeError:
            for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
                del sys.modules[name]
            library = torch.library.Library("torchvision", "FRAGMENT")
            for name in ("nms", "qnms"):
                library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            _KEPT.append(library)


@pytest.fixture
def recorded(root):
    """The logs of the one run there is, once it has ended."""

    def read(name: str | None = None) -> History:
        track.finish()
        folders = [folder for folder in root.iterdir() if folder.name[0] != "." and name in (None, folder.name)]
        assert len(folders) == 1, folders
        return history(folders[0])

    return read


def curve(logs: History, name: str) -> dict[int, float]:
    """Values of a curve by their steps."""
    steps, values = logs.scalar(name)
    return dict(zip(steps.tolist(), values.tolist(), strict=True))


def same(found, expected) -> bool:
    return len(found) == len(expected) and bool(
        np.allclose(list(found), list(expected), rtol=1e-6, atol=1e-9, equal_nan=True)
    )

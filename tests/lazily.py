"""A package that a file's tests need and that takes seconds to import: skipped without it, and imported at first use.

All workers collect a file, and one of them runs it.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest


class Lazily:
    """The package `name`, which is imported when something of it is asked for."""

    def __init__(self, name: str) -> None:
        if find_spec(name) is None:
            pytest.skip(f"{name} is not installed", allow_module_level=True)
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("_"):  # pytest asks it of all names of a file, whether they are mocks or fixtures
            raise AttributeError(attribute)
        return getattr(import_module(self._name), attribute)

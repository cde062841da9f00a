"""Most tests here are of what a script says; what a run records by itself has tests of its own."""

import pytest


@pytest.fixture(autouse=True)
def nothing_beside(monkeypatch):
    monkeypatch.setenv("WHET_RECORD", "never")

"""A test that fails is named at once, so that a run that is cut short still says which it was."""

from __future__ import annotations

import pytest


class Named:
    """A pytest plugin for the process that prints."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self._terminal = terminal

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            message = getattr(getattr(report.longrepr, "reprcrash", None), "message", "") or str(report.longrepr)
            if self._terminal.currentfspath is None:  # behind the dots of xdist
                self._terminal.line("")
            self._terminal.write_line(f"FAILED {report.nodeid}: {message.splitlines()[0]}"[:300], red=True)

"""The reports of a folder of runs: <root>/.reports/<id>.json, with every version in <id>.versions."""

from __future__ import annotations

import time
from pathlib import Path

from whet.base.errors import RunError
from whet.track.logs.claim import slug
from whet.track.reports.blocks import Content, Report
from whet.track.reports.documents import Documents

FOLDER = ".reports"


class Changed(RunError):
    """A report was written by somebody else since it was read."""


class Reports:
    """Reports to read and to write; processes may share the folder."""

    def __init__(self, root: Path) -> None:
        self._kept = Documents(Path(root) / FOLDER, Report, "report", "whet reports list")

    def listed(self) -> list[Report]:
        """All reports, the last changed first."""
        return sorted(self._kept.listed(), key=lambda one: one.changed, reverse=True)

    def find(self, id: str) -> Report:
        """A report. Raises RunError where there is none."""
        return self._kept.find(id)

    def make(self, content: Content, author: str = "") -> Report:
        """A new report, with an id after its title that no other has had: versions of removed ones stay."""
        stem, now, number = _stem(content.title), time.time(), 1
        with self._kept.locked():
            while self._is_taken(id := stem if number == 1 else f"{stem}-{number}"):
                number += 1
            return self._write(_report(content, id=id, version=1, made=now, changed=now, author=author))

    def change(self, id: str, content: Content, version: int, author: str = "") -> Report:
        """Write a report anew. Raises Changed where `version`, the one that was read, is no longer the last."""
        with self._kept.locked():
            old = self.find(id)
            if old.version != version:
                said = f"this report was changed by {old.author or 'somebody else'} since you read it"
                raise Changed(said, at=id, hint="copy what you wrote, and load the report anew")
            now = time.time()
            return self._write(_report(content, id=id, version=version + 1, made=old.made, changed=now, author=author))

    def remove(self, id: str) -> None:
        """Remove a report; its versions stay. Raises RunError where there is none."""
        self._kept.remove(id)

    def versions(self, id: str) -> list[Report]:
        """Every version of a report that was written, also of one that was removed, the oldest first."""
        path = self._past(id)
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
        return [one for line in lines if (one := self._kept.parsed(line)) is not None]

    def _is_taken(self, id: str) -> bool:
        return self._kept.has(id) or self._past(id).exists()

    def _past(self, id: str) -> Path:
        return self._kept.path(id).with_suffix(".versions")

    def _write(self, report: Report) -> Report:
        written = self._kept.write(report.id, report)
        with self._past(report.id).open("ab", buffering=0) as file:
            file.write(report.model_dump_json().encode() + b"\n")
        return written


def _report(content: Content, **kept) -> Report:
    return Report(title=content.title, blocks=content.blocks, **kept)


def _stem(title: str) -> str:
    """An id after a title, of what ids may have."""
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in slug(title).lower())
    return "-".join(filter(None, letters.split("-")))[:60].strip("-") or "report"

"""Ledger: every row that was skipped, truncated or dropped as a duplicate, with its reason."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from whet.base.documents import checked, field, parse_json
from whet.base.errors import DataError, RunError
from whet.base.regular import opened

Action = Literal["skipped", "truncated", "deduplicated"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a source that did not come through whole."""

    source: str
    row: int
    action: Action
    reason: str
    detail: str = ""


class Ledger:
    """Counts of the rows that were read, and the list of those that did not come through whole.

    Entries stay in memory until `write` names a file, and also go there from then on. A row is
    listed once however often it is read: epochs of a stream and resumed runs read it again. `notes` are sentences on
    what was decided: files that are left out, rows that are learned from as they are and look wrong.
    """

    def __init__(self) -> None:
        self.num_rows: Counter[str] = Counter()
        self.counts: Counter[tuple[Action, str]] = Counter()
        self.notes: dict[str, None] = {}
        self._entries: dict[Entry, None] = {}
        self._path: Path | None = None

    def read(self, source: str, num_rows: int) -> None:
        """Note that `num_rows` more rows of `source` were read, whatever became of them."""
        self.num_rows[source] += num_rows

    def note(self, source: str, sentence: object) -> None:
        """Keep a sentence on a source, once."""
        self.notes[f"{source}: {sentence}"] = None

    def take(self, other: Ledger) -> None:
        """List the rows and the notes of another ledger, whose counts of rows stay its own."""
        for entry in other:
            self.add(entry)
        self.notes |= other.notes

    def add(self, entry: Entry) -> None:
        """List a row, unless it is listed already."""
        if entry in self._entries:
            return
        self._entries[entry] = None
        self.counts[entry.action, entry.reason] += 1
        if self._path is not None:
            with _writing(self._path), opened(self._path, "a", encoding="ascii") as file:
                file.write(to_line(entry))

    def write(self, path: Path) -> None:
        """Write what is listed to `path`, and what follows as it comes; what an earlier attempt listed there stays."""
        with _writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            for entry in _listed(path) | self._entries:
                self.add(entry)
            part = path.with_name(f"{path.name}.part")
            with opened(part, "w", encoding="ascii") as file:
                file.writelines(map(to_line, self._entries))
            part.replace(path)
        self._path = path

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def num(self, action: Action) -> int:
        """How many rows met this fate."""
        return sum(count for (kind, _), count in self.counts.items() if kind == action)

    def check(self, max_skipped: float) -> None:
        """Raise DataError when more than this share of all rows was skipped."""
        self.check_share(self.num("skipped"), sum(self.num_rows.values()), max_skipped)

    def check_share(self, skipped: int, rows: int, max_skipped: float) -> None:
        """Raise DataError, with the reasons listed here, when `skipped` of `rows` is more than the share."""
        if skipped <= max_skipped * rows:
            return
        first = next(entry for entry in self if entry.action == "skipped")
        raise DataError(
            f"{skipped:,} of {rows:,} rows were skipped, more than the share of {max_skipped:g} that is allowed: "
            f"{self._reasons('skipped')}",
            at=f"{first.source} row {first.row}" + (f": {first.detail}" if first.detail else ""),
            hint=f"{self._remedy()}, or allow it: data.max_skipped={_round_up(skipped / rows)}",
        )

    def _remedy(self) -> str:
        """What may bring back most of the rows that were skipped."""
        count, reason = max(((n, why) for (action, why), n in self.counts.items() if action == "skipped"))
        return "keep what fits of long rows: data.truncation=cut" if reason == "too_long" else "mend the rows"

    def summary(self) -> str:
        """The counts in a few words, such as `1,000 rows; 2 skipped (empty)`."""
        parts = [f"{sum(self.num_rows.values()):,} rows"]
        for action in ("skipped", "truncated", "deduplicated"):
            if self.num(action):
                parts.append(f"{self.num(action):,} {action} ({self._reasons(action)})")
        return "; ".join(parts)

    def _reasons(self, action: Action) -> str:
        """The reasons of an action with their counts, most frequent first."""
        own = sorted(((count, reason) for (kind, reason), count in self.counts.items() if kind == action), reverse=True)
        return ", ".join(f"{reason} ({count:,})" for count, reason in own)


def to_line(entry: Entry) -> str:
    """The entry as a line of a ledger's file, in ASCII: details quote text that no encoding may hold."""
    return json.dumps(asdict(entry)) + "\n"


def read_ledger(path: Path) -> list[Entry]:
    """The entries of a ledger's file; a last line that a killed process left unfinished is left out.

    Raises DataError where the file cannot be read or holds something else.
    """
    try:
        with opened(path, encoding="ascii") as file:
            lines = file.read().splitlines(keepends=True)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the ledger cannot be read: {error}", at=str(path), hint=f"rm -r {path}") from None
    return [_entry(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.endswith("\n")]


def _entry(line: str, at: str) -> Entry:
    hint = f"rm {at.rpartition(':')[0]}"
    stored = checked(parse_json(line, at=at, error=DataError, hint=hint), dict, at=at, error=DataError, hint=hint)
    text = {
        name: field(stored, name, str, at=at, error=DataError, hint=hint) for name in ("source", "reason", "detail")
    }
    action = field(stored, "action", str, at=at, error=DataError, hint=hint)
    if action not in get_args(Action):
        raise DataError(f"a ledger knows no `{action}`", at=at, hint=hint)
    row = field(stored, "row", int, at=at, error=DataError, hint=hint)
    return Entry(text["source"], row, action, text["reason"], text["detail"])  # type: ignore[arg-type]


def _listed(path: Path) -> dict[Entry, None]:
    """What an earlier attempt listed. A damaged file is set aside: a run does not end for its ledger."""
    if not os.path.lexists(path):
        return {}
    try:
        return dict.fromkeys(read_ledger(path))
    except DataError as error:
        aside = path.with_name(f"{path.name}.damaged")
        print(f"{error.message} ({error.at}): it is kept as {aside.name}, and begun anew", file=sys.stderr, flush=True)
        if aside.is_dir():
            shutil.rmtree(aside)
        path.replace(aside)
        return {}


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        text = f"cannot write the ledger: {error.strerror or error}"
        raise RunError(text, at=str(path), hint="free some space, and try again") from error


def _round_up(share: float) -> float:
    return min(1.0, -(-share * 100 // 1) / 100)

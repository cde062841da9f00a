"""Diagnose: all rules asked of a run, and what they found in order of gravity, then of steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from whet.base.catalogue import diagnosis
from whet.base.chosen import checked
from whet.base.errors import ConfigError
from whet.track.diagnosis.finding import SEVERITIES, Finding
from whet.track.diagnosis.recorded_run import RecordedRun
from whet.track.diagnosis.texts import LANGUAGES, Language, figure_name, said
from whet.track.logs import frames
from whet.track.reading.read import History
from whet.track.reading.store import LOGS
from whet.track.recorded.record_file import record_files

# Rows of a run that is summed up in a few lines are gone over up to this size.
_BRIEF_BYTES = 64 << 20


def diagnose(
    run: RecordedRun,
    kinds: Sequence[str] | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    is_live: bool = False,
) -> list[Finding]:
    """What the rules find, the gravest first. `settings` are those of some of them, by kind.

    While a run is live, rules that go over all rows are left out. Raises ConfigError for a kind or setting that is
    none.
    """
    settings = settings or {}
    for name in settings:
        diagnosis.get(name)
    found: list[Finding] = []
    for name in kinds or diagnosis.names():
        kind = diagnosis.get(name)
        if kind.facts.live or not is_live:
            values = checked(kind, settings[name]) if name in settings else {}
            found += (replace(one, kind=name) for one in kind.build(run, **values))
    return sorted(found, key=lambda one: (SEVERITIES.index(one.severity), one.first_step))


def what(finding: Finding, language: Language = "en") -> str:
    """What was found, in a line."""
    return said(finding.what, language, diagnosis.get(finding.kind).facts.texts)


def remedy(finding: Finding, language: Language = "en") -> str:
    """What to do about it, in a line."""
    return said(finding.remedy, language, diagnosis.get(finding.kind).facts.texts)


def link(run: str, finding: Finding) -> str:
    """The address on the page of what shows it."""
    return f"/runs/{quote(run, safe='')}/{finding.view}"


def finding_dict(run: str, finding: Finding) -> dict[str, Any]:
    """A finding as JSON values: texts in every language beside the ids and parameters that they are made from."""
    return {
        "kind": finding.kind,
        "severity": finding.severity,
        "first_step": finding.first_step,
        "last_step": finding.last_step,
        "what": {**asdict(finding.what), "text": {language: what(finding, language) for language in LANGUAGES}},
        "remedy": {
            **asdict(finding.remedy), "text": {language: remedy(finding, language) for language in LANGUAGES},
            "typed": finding.typed,
        },
        "link": link(run, finding),
        "figures": [
            {**asdict(one), "text": {language: figure_name(one, language) for language in LANGUAGES}}
            for one in finding.figures
        ],
        "rows": [asdict(one) for one in finding.rows],
    }  # fmt: skip


def settings_of(words: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Settings of rules from `loss-spike.factor=3`. Raises ConfigError for a word that is none."""
    from whet.base.yaml import parse

    found: dict[str, dict[str, Any]] = {}
    for word in words:
        place, equals, value = word.partition("=")
        kind, dot, name = place.partition(".")
        if not equals or not dot:
            raise ConfigError(f"`{word}` is no setting of a rule", at="command line", hint="loss-spike.factor=3")
        found.setdefault(kind, {})[name] = parse(value, "command line")[0]
    return found


def briefly(folder: Path, logs: History | None = None) -> list[str]:
    """A line a finding of a run that is over; none while it is live. Raises nothing: a rule may be anybody's.

    Where the record of rows is large, rules that go over all of it are left to `whet diagnose`.
    """
    try:
        run = RecordedRun(folder, logs)
        if run.is_live:
            return []
        found = diagnose(run, is_live=_rows_bytes(folder) > _BRIEF_BYTES)
        return [f"{one.severity:<7}  {what(one)}" for one in found]
    except Exception as error:
        return [f"no diagnosis: {type(error).__name__}: {error}"]


def _rows_bytes(folder: Path) -> int:
    files = record_files(Path(folder) / LOGS, frames.ROWS_FILE).values()
    return sum(path.stat().st_size for paths in files for path in paths)

"""Findings as text for terminals: what, evidence, rows, what to type, where to look."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from whet.base.units import figure
from whet.track.diagnosis.diagnose import link, remedy, what
from whet.track.diagnosis.finding import Finding, Row
from whet.track.diagnosis.texts import Language, figure_said
from whet.track.terminal.progress import printable

_WORDS = {
    "en": {
        "none": "nothing found", "do": "do", "type": "type", "see": "see", "loss": "loss", "step": "step", "row": "row",
        "error": "error", "warning": "warning", "info": "info",
    },
    "zh": {
        "none": "没有发现问题", "do": "处理", "type": "输入", "see": "查看", "loss": "损失", "step": "步", "row": "行",
        "error": "错误", "warning": "警告", "info": "提示",
    },
}  # fmt: skip


def page(run: str, found: Sequence[Finding], language: Language = "en") -> str:
    """All findings of a run, one below the other."""
    if not found:
        return f"{printable(run)}: {_WORDS[language]['none']}"
    return "\n\n".join("\n".join(_lines(run, one, language)) for one in found)


def _lines(run: str, finding: Finding, language: Language) -> Iterator[str]:
    words = _WORDS[language]
    steps = f"{finding.first_step}" if finding.first_step == finding.last_step else (
        f"{finding.first_step}-{finding.last_step}"
    )  # fmt: skip
    yield f"{words[finding.severity]}  {finding.kind}  {words['step']} {steps}"
    yield f"  {what(finding, language)}"
    for start in range(0, len(finding.figures), 3):
        yield "    " + ", ".join(figure_said(one, language) for one in finding.figures[start : start + 3])
    for row in finding.rows[:5]:
        yield f"    {_row(row, words)}"
    yield f"  {words['do']}: {remedy(finding, language)}"
    yield f"  {words['type']}: {finding.typed}"
    yield f"  {words['see']}: {link(run, finding)}"


def _row(row: Row, words: dict[str, str]) -> str:
    number = f"{row.row}.{row.part}" if row.part else str(row.row)
    source = printable(row.source.rpartition("/")[2]) or "-"
    where = f"{source} {words['row']} {number} ({words['step']} {row.step}, {row.rank})"
    loss = "" if row.loss is None else f"{words['loss']} {figure(row.loss)}, "
    return f"{where}: {loss}{row.tokens} tokens"

"""Best of several: answers to prompts, of which the one with the highest reward becomes a row to fine-tune on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from whet.base.rounding import slack
from whet.base.seeds import derive
from whet.contracts.rewards import Grader, Player, Task, questions
from whet.data.render.prompts import Asked

# Prompts that are answered and graded together.
_CHUNK = 64


@dataclass(slots=True)
class Chosen:
    """What became of the prompts: rows written, prompts without an answer that is good enough, and failures."""

    written: int = 0
    below: int = 0
    ungraded: int = 0
    best: float = 0.0
    mean: float = 0.0
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def summary(self) -> str:
        """In one line: how many rows, what they got, and why there are no more."""
        got = f", mean reward {self.best / self.written:.4g}" if self.written else ""
        asked = self.written + self.below + self.ungraded
        parts = [f"{self.written:,} rows of {asked:,} prompts{got} (all answers: {self.mean / max(asked, 1):.4g})"]
        parts += [f"{self.below:,} without an answer that is good enough"] if self.below else []
        parts += [f"{self.ungraded:,} that nothing graded"] if self.ungraded else []
        parts += [
            f"the reward `{name}` failed on {count:,} answers ({reason}): {self.examples.get(name, '')[:200]}"
            for (name, reason), count in self.failures.items()
        ]
        return "; ".join(parts)


def write_best(
    asked: Sequence[Asked],
    player: Player,
    grader: Grader,
    output: Path,
    *,
    num: int,
    at_least: float | None = None,
    seed: int = 0,
    report: Callable[[int], None] | None = None,
) -> Chosen:
    """Write a conversation for each prompt whose best of `num` answers got `at_least` so much.

    Among equals the first counts. Rows are `messages`, `tools` where there are some, and `reward`; they fine-tune as
    they are. The file appears when it is whole.
    """
    chosen = Chosen()
    part = output.with_name(output.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        for start in range(0, len(asked), _CHUNK):
            for row in _rows(asked[start : start + _CHUNK], player, grader, num, at_least, seed, start, chosen):
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
            if report is not None:
                report(min(start + _CHUNK, len(asked)))
    part.replace(output)
    return chosen


def _rows(
    asked: Sequence[Asked],
    player: Player,
    grader: Grader,
    num: int,
    at_least: float | None,
    seed: int,
    start: int,
    chosen: Chosen,
) -> Iterator[Mapping[str, Any]]:
    prompts = [a.ids or a.prompt.messages for a in asked]
    numbered = questions(prompts, range(start, start + len(asked)))
    groups = player(numbered, num, seed=derive("best of", seed))
    tasks = [Task(_messages(a), [t.text for t in g], a.prompt.columns) for a, g in zip(asked, groups, strict=True)]
    grading = grader.grade(tasks)
    for name, reasons in grading.failures.items():
        chosen.failures.update({(name, reason): count for reason, count in reasons.items()})
    chosen.examples.update(grading.examples)
    for a, group, grades in zip(asked, groups, grading.grades, strict=True):
        totals = [(total, place) for place, total in enumerate(grades.totals) if total is not None]
        if not totals:
            chosen.ungraded += 1
            continue
        chosen.mean += sum(total for total, _ in totals) / len(totals)
        best = max(total for total, _ in totals)
        enough = slack([best])
        best, place = next(found for found in totals if found[0] >= best - enough)
        if at_least is not None and best < at_least - enough:
            chosen.below += 1
            continue
        chosen.written += 1
        chosen.best += best
        tools = {"tools": list(a.prompt.tools)} if a.prompt.tools else {}
        yield {"messages": [*_messages(a), *group[place].messages], **tools, "reward": best}


def _messages(asked: Asked) -> list[dict[str, Any]]:
    messages = asked.prompt.messages
    return [{"role": "user", "content": messages}] if isinstance(messages, str) else [dict(m) for m in messages]

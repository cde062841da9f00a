"""A model's code against tests: asserts, a `check` function, or inputs with the outputs that are expected."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar

from whet.contracts.rewards import Message
from whet.rewards.answer import Row, after_thinking, column
from whet.rewards.sandbox.running import Limits, Sandbox

_FENCE = re.compile(r"```[ \t]*(\w*)[ \t]*\n(.*?)(?:\n```|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PythonTests:
    """Scores code by the tests it passes.

    A row's `tests` are a list of texts, each a test that must not raise; one text, perhaps with a `check(candidate)`
    that is called with the row's `entry_point`; or a list of `{"input": ..., "output": ...}` for a whole program.
    `test_setup` is code that runs before. Tests run in a process of their own, where the code's names are; what the
    code returns crosses as plain data. Tests that cannot be run are the row's failure, and raise.
    """

    runs_in: ClassVar[str] = "thread"
    is_whole: ClassVar[bool] = False
    is_share: bool
    limits: Limits
    sandbox: Sandbox = field(default_factory=Sandbox)

    def __call__(self, prompt: Sequence[Message], completions: Sequence[str], row: Row) -> list[float]:
        job, num = job_of(row)
        return [self._score(code_in(text), job, num) for text in completions]

    def close(self) -> None:
        self.sandbox.close()

    def _score(self, code: str, job: Mapping[str, Any], num: int) -> float:
        if not code.strip():
            return 0.0
        report = self.sandbox.run({**job, "code": code}, self.limits)
        passed = sum(failed is None for failed in report.tests)
        return passed / num if self.is_share else float(passed == num)


def code_in(completion: str) -> str:
    """The code of a completion: its last fenced block of Python, else its last fence, else all of it."""
    text = after_thinking(completion)
    fences = _FENCE.findall(text)
    python = [code for language, code in fences if language.lower() in ("python", "py", "python3")]
    return (python or [code for _, code in fences] or [text])[-1]


def job_of(row: Row) -> tuple[dict[str, Any], int]:
    """What the sandbox is to run, without the code, and how many tests there are. Raises ValueError."""
    tests = column(row, "tests")
    if isinstance(tests, str) and tests.lstrip()[:1] in ("[", "{"):
        with suppress(ValueError):
            tests = json.loads(tests)
    setup, entry_point = row.get("test_setup") or "", row.get("entry_point") or None
    for name, text in (("test_setup", setup), ("entry_point", entry_point or "")):
        if not isinstance(text, str):
            raise ValueError(f"`{name}` is {str(text)[:60]!r}, which is no text")
    job: dict[str, Any] = {"setup": setup}
    if isinstance(tests, str):
        return {**job, "tests": [tests], "entry_point": entry_point}, 1
    if isinstance(tests, Mapping) and {"inputs", "outputs"} <= tests.keys():
        if not all(isinstance(tests[name], list) for name in ("inputs", "outputs")):
            raise ValueError("`inputs` and `outputs` of `tests` are no lists")
        pairs = zip(tests["inputs"], tests["outputs"], strict=True)
        tests = [{"input": given, "output": expected} for given, expected in pairs]
    if not isinstance(tests, list) or not tests:
        raise ValueError(f"`tests` is {str(tests)[:60]!r}, neither code nor a list of tests")
    if all(isinstance(test, str) for test in tests):
        return {**job, "tests": tests, "entry_point": entry_point}, len(tests)
    if all(isinstance(test, Mapping) and {"input", "output"} <= test.keys() for test in tests):
        return {**job, "cases": [{key: str(test[key]) for key in ("input", "output")} for test in tests]}, len(tests)
    raise ValueError("`tests` mixes kinds: give code, or objects with `input` and `output`")

"""Fenced blocks of the documentation, and what each of them promises.

A block's language says what the tests do with it; the word after it names a file or a data format:

    ```console                     lines `$ ...` are run; what is shown below must come out, numbers aside
    ```yaml run.yaml               written to that file (also python, json, jsonl, text)
    ```yaml                        a part of a config, which must be valid
    ```json alpaca                 a row, which must be detected as that data format
    ```text                        shown, not run

In what a command shows, a line `...` stands for anything, and `error:` says that the command is to fail.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^```(\w*) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What differs from run to run and from machine to machine: numbers with their units and errors, and bars.
_NUMBER = re.compile(r"[-+]?\d[\w.,:%+/-]*(?: ± \d[\w.,:%+/-]*)?(?: [KMGT]iB\b)?")
_BARS = re.compile(r"[█▁▂▃▄▅▆▇]+")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, the word behind it, its text, and the line it starts on."""

    language: str
    name: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Command:
    """A line to type and the lines that the page shows below it."""

    line: str
    shown: tuple[str, ...]

    @property
    def fails(self) -> bool:
        """Whether the page shows an error."""
        return any(line.startswith("error:") for line in self.shown)


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [Block(m[1], m[2], m[3], text.count("\n", 0, m.start()) + 1) for m in _FENCE.finditer(text)]


def commands(block: Block) -> list[Command]:
    """The commands of a console block. A line that ends with a backslash goes on in the next one."""
    found: list[list[str]] = []
    for line in block.text.replace("\\\n", " ").splitlines():
        if line.startswith("$ "):
            found.append([line.removeprefix("$ ")])
        elif found:
            found[-1].append(line)
    return [Command(first, tuple(shown)) for first, *shown in found]


def missing(shown: tuple[str, ...], output: str) -> list[str]:
    """Lines that a page shows and the output does not have, in this order and with any numbers."""
    lines = iter(output.replace("\r", "\n").splitlines())
    seen = [_shape(line) for line in shown if line.strip() and line.strip() != "..."]
    having = [_shape(line) for line in lines]
    absent, start = [], 0
    for line in seen:
        if line in having[start:]:
            start = having.index(line, start) + 1
        else:
            absent.append(line)
    return absent


def _shape(line: str) -> str:
    return " ".join(_BARS.sub("", _NUMBER.sub("#", line)).split())

"""Tiny runs for the tests of this room: the whole way to a model folder, or the loop alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.probed import answered_once, probed_once, rehearsed_once
from tests.tiny import config
from whet.base.config import from_mapping
from whet.train.api import train
from whet.train.build import assemble

__all__ = ["answered_once", "probed_once", "rehearsed_once"]

Records = list[dict[str, Any]]


@pytest.fixture
def trained(tmp_path) -> Callable[..., tuple[Path, Records]]:
    """Train a tiny run with the given sections; gives its folder and its records."""

    def run(name: str, **sections: Any) -> tuple[Path, Records]:
        folder, _ = train(from_mapping(config(tmp_path, name=name, **sections)))
        return folder.path, records_of(folder.path)

    return run


@pytest.fixture
def ran(tmp_path) -> Callable[..., Records]:
    """The records of a tiny run's loop: six steps, a checkpoint at the end, and no model folder."""
    return lambda name, **sections: loop_records(tmp_path, name, **sections)


def loop_records(folder: Path, name: str, **sections: Any) -> Records:
    sections["train"] = {"steps": 6, "checkpoint_every": 100, **sections.get("train", {})}
    built = assemble(from_mapping(config(folder, name=name, **sections)))
    built.loop.run()
    built.close()
    return records_of(built.folder.path)


def records_of(folder: Path) -> Records:
    return [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]


def of(records: Records, kind: str) -> Records:
    return [r for r in records if r["kind"] == kind]


def losses(records: Records) -> list[float]:
    """Of each step."""
    return [r["metrics"]["loss"] for r in of(records, "step")]

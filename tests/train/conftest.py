"""Tiny runs for the tests of this room: the whole way to a model folder, or the loop alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import config
from whet.base.config import from_mapping
from whet.models import pretrained
from whet.models.tuners.freeze import Freeze
from whet.models.tuners.full import Full
from whet.train.api import train
from whet.train.build import assemble

Records = list[dict[str, Any]]
_VERDICTS: dict[str, Any] = {}


@pytest.fixture(scope="module", autouse=True)
def probed_once():
    """A tiny model is probed once a process: probing, which tests/models proves, takes longer than the steps here.

    Tuners that add modules go the whole way each time: what they do to the twin is theirs.
    """
    real = pretrained.verdict_of

    def verdict_of(spec: Any, config: Any, context: Any) -> Any:
        if type(context.tuner) not in (Full, Freeze):
            return real(spec, config, context)
        key = repr((spec, config.to_json_string(use_diff=False), type(context.tuner), vars(context.tuner)))
        if key not in _VERDICTS:
            _VERDICTS[key] = real(spec, config, context)
        return _VERDICTS[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pretrained, "verdict_of", verdict_of)
        yield


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
    for sink in built.sinks:
        sink.close()
    return records_of(built.folder.path)


def records_of(folder: Path) -> Records:
    return [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]

"""A folder of runs that the tests of one file share."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import config
from whet.base.config import from_mapping
from whet.train.api import train


@pytest.fixture
def trained(tmp_path) -> Callable[..., tuple[Path, list[dict[str, Any]]]]:
    """Train a tiny run with the given sections; gives its folder and its records."""

    def run(name: str, **sections: Any) -> tuple[Path, list[dict[str, Any]]]:
        folder, _ = train(from_mapping(config(tmp_path, name=name, **sections)))
        lines = (folder.path / "records.jsonl").read_text().splitlines()
        return folder.path, [json.loads(line) for line in lines]

    return run

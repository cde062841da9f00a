"""The written model is read back by all ranks together, before the writer moves it to its place."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.ranks import on_ranks
from whet.parallel.world import World
from whet.train.result import together


def looked(part: Path) -> bool:
    """Whether a rank that looks long finds the folder to its end."""
    world = World.start("cpu", 60)

    def look(folder: Path) -> bool:
        if not world.is_writer:
            time.sleep(0.3)
        return folder.is_dir()

    found = together(world, look, part if world.is_writer else None)
    if world.is_writer:
        part.rmdir()
    world.close()
    return found


@pytest.mark.ranks
def test_a_written_model_stays_until_each_rank_has_read_it(tmp_path):
    part = tmp_path / "part"
    part.mkdir()
    assert on_ranks(2, looked, part) == [True, True]

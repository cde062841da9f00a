"""The cache: one process builds, the others wait and read; what was killed is cleaned and built again."""

import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from whet.contracts.sample import Sample
from whet.data.store.cache import cached, default_cache, open_or_build, prune
from whet.data.store.table import SampleTable


def build_one(writer):
    writer.append(SampleTable.of([Sample(np.array([1, 2], np.int32), np.ones(2, np.float32))]))
    return {"num_rows": 1}


def test_a_shard_is_built_once_and_then_read(tmp_path):
    first = open_or_build(tmp_path / "x", "rows", build_one)
    again = open_or_build(tmp_path / "x", "rows", lambda writer: pytest.fail("built again"))
    assert first.facts == again.facts and len(again.table) == 1


def test_of_two_that_ask_at_once_one_builds_and_the_other_says_that_it_waits(tmp_path, capsys):
    building, finish, shards = threading.Event(), threading.Event(), []

    def build_slowly(writer):
        building.set()
        finish.wait()
        return build_one(writer)

    def ask(build):
        shards.append(open_or_build(tmp_path / "x", "a.jsonl", build))

    first = threading.Thread(target=ask, args=(build_slowly,))
    first.start()
    building.wait()
    second = threading.Thread(target=ask, args=(lambda writer: pytest.fail("built twice"),))
    second.start()
    while "waiting for another process that renders a.jsonl" not in capsys.readouterr().err:
        second.join(0.01)
    finish.set()
    first.join()
    second.join()
    assert len(shards) == 2 and shards[0].facts == shards[1].facts


def test_a_build_that_raises_leaves_nothing_and_the_next_one_builds(tmp_path):
    def fail(writer):
        build_one(writer)
        raise ValueError("row 3")

    with pytest.raises(ValueError, match="row 3"):
        open_or_build(tmp_path / "x", "rows", fail)
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".lock"]
    assert len(open_or_build(tmp_path / "x", "rows", build_one).table) == 1


KILLED = """
import os, signal, sys
from pathlib import Path
from whet.data.store.cache import open_or_build
def die(writer):
    os.kill(os.getpid(), signal.SIGKILL)
open_or_build(Path(sys.argv[1]) / sys.argv[2], "rows", die)
"""


def test_after_a_kill_the_lock_is_free_and_what_lay_there_is_removed(tmp_path):
    for name in ("x", "other"):
        killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), name])
        assert killed.returncode == -signal.SIGKILL and (tmp_path / f"{name}.partial").is_dir()
    assert len(open_or_build(tmp_path / "x", "rows", build_one).table) == 1
    assert not list(tmp_path.glob("*.partial"))


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("WHET_CACHE", str(tmp_path))
    assert default_cache() == tmp_path
    monkeypatch.delenv("WHET_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert default_cache() == tmp_path / "home" / ".cache" / "whet"


def test_what_was_not_opened_for_long_is_removed(tmp_path):
    for name in ("old", "used"):
        open_or_build(
            tmp_path / "tokens" / name, "rows", lambda writer, name=name: {**build_one(writer), "source": name}
        )
        os.utime(tmp_path / "tokens" / name / "facts.json", (0, 0))
    opened = open_or_build(tmp_path / "tokens" / "used", "rows", build_one)
    assert [(shard.source, shard.used > 0) for shard in cached(tmp_path)] == [("used", True), ("old", False)]
    assert cached(tmp_path)[1].num_bytes == sum(f.stat().st_size for f in (tmp_path / "tokens" / "old").iterdir())
    assert [shard.source for shard in prune(3600, tmp_path)] == ["old"]
    assert [path.name for path in (tmp_path / "tokens").iterdir() if path.is_dir()] == ["used"]
    assert [shard.source for shard in prune(0, tmp_path)] == ["used"] and cached(tmp_path) == []
    assert opened.table.sample(0, "x").ids.tolist() == [1, 2], "a run that has it open goes on"

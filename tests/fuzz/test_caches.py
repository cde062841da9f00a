"""Damaged token caches: noticed, rendered again, and the samples are those of before."""

from __future__ import annotations

import os
import random
import shutil

import numpy as np
import pytest

from whet.contracts.sample import Origin, Sample
from whet.data.store.cache import cached, open_or_build
from whet.data.store.ledger import Entry
from whet.data.store.table import SampleTable

EVIL = b"cos\nsystem\n(S'touch it-ran'\ntR."


def sample(number: int) -> Sample:
    ids = np.arange(number, number + 3 + number % 4, dtype=np.int32)
    weights = np.where(ids % 2, 1.0, 0.0).astype(np.float32)
    return Sample(ids, weights, {"margin": float(number)}, Origin("rows", number))


def build(writer):
    table = SampleTable.of([sample(number) for number in range(9)])
    writer.append(table, [Entry("rows", 9, "skipped", "empty", "no reply")])
    return {"num_rows": 10, "source": "rows"}


def content(shard) -> list:
    samples = [shard.table.sample(i, "rows") for i in range(len(shard.table))]
    told = [(s.ids.tolist(), s.weights.tolist(), s.fields["margin"].item(), s.origin) for s in samples]
    return [told, shard.entries(), dict(shard.facts)]


def flip(path, rng):
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 1, 2, 50))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def cut(path, rng):
    path.write_bytes(path.read_bytes()[: rng.randrange(path.stat().st_size)])


def grow(path, rng):
    path.write_bytes(path.read_bytes() + rng.randbytes(rng.randrange(1, 99)))


def garbage(path, rng):
    path.write_bytes(rng.randbytes(rng.randrange(1, 300)))


def evil(path, rng):
    path.write_bytes(EVIL)


def other_json(path, rng):
    path.write_text(
        rng.choice(("[]", "null", "{}", '{"columns": 5}', "[" * 5000, '{"digest": 1, "files": [1]}', "1e999"))
    )


def missing(path, rng):
    path.unlink()


def folder(path, rng):
    path.unlink()
    path.mkdir()


def endless(path, rng):
    path.unlink()
    path.symlink_to(path)


def pipe(path, rng):
    path.unlink()
    os.mkfifo(path)


def swap(path, rng):
    other = rng.choice([p for p in path.parent.iterdir() if p != path])
    content, theirs = path.read_bytes(), other.read_bytes()
    path.write_bytes(theirs)
    other.write_bytes(content)


def times_kept(path, rng):
    before = path.stat()
    flip(path, rng)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


WAYS = (flip, cut, grow, garbage, evil, other_json, missing, folder, endless, pipe, swap, times_kept)


@pytest.mark.case("A11", "D")
def test_a_damaged_cache_is_noticed_and_rendered_again(tmp_path, tries, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cache = tmp_path / "tokens"
    expected = content(open_or_build(cache / "x", "rows", build))
    shutil.copytree(cache / "x", tmp_path / "whole")
    files = sorted(path.name for path in (tmp_path / "whole").iterdir())
    rng = random.Random(0)
    for number in range(tries(24, 200)):
        way = WAYS[number % len(WAYS)]
        damaged = rng.sample(files, 1 if number < len(files) else rng.randrange(1, 3))
        shutil.rmtree(cache / "x")
        shutil.copytree(tmp_path / "whole", cache / "x")
        for name in damaged:
            if (
                os.path.lexists(cache / "x" / name)
                and (cache / "x" / name).is_file()
                and (cache / "x" / name).stat().st_size
            ):
                way(cache / "x" / name, rng)
        is_changed = state(cache / "x") != state(tmp_path / "whole")
        cached(tmp_path)  # `whet data cache`
        assert content(open_or_build(cache / "x", "rows", build)) == expected, (number, way.__name__, damaged)
        told = capsys.readouterr().err
        complete = os.path.lexists(cache / "x" / "facts.json") and not (way is missing and "facts.json" in damaged)
        assert ("rendered again" in told) == (is_changed and complete), (number, way.__name__, damaged, told)
        assert state(cache / "x") == state(tmp_path / "whole")
    assert not (tmp_path / "it-ran").exists()


def state(folder):
    return {path.name: path.read_bytes() if path.is_file() else None for path in folder.iterdir()}

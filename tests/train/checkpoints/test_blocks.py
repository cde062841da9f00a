"""Block digests are those of the bytes however they are written, and no read that meets a changed block returns."""

from __future__ import annotations

import io
import json
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh3_64_hexdigest

from tests.train.checkpoints.test_checkpoint import Run
from tests.train.checkpoints.test_damaged_checkpoints import flip
from whet.base.errors import RunError
from whet.train.checkpoints import blocks, manifest
from whet.train.checkpoints.blocks import Changed, Checked, Hashing
from whet.train.checkpoints.manifest import blocks_of

BLOCK = 64


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", BLOCK)


def digests(content: bytes) -> str:
    return "".join(xxh3_64_hexdigest(content[start : start + BLOCK]) for start in range(0, len(content), BLOCK))


def reader(content: bytes, told: str, tmp_path) -> Checked:
    (tmp_path / "file").write_bytes(content)
    return Checked(open(tmp_path / "file", "rb", buffering=0), "file", told)


@given(parts=st.lists(st.binary(max_size=5 * BLOCK), max_size=6))
def test_digests_do_not_depend_on_how_the_content_was_cut(parts):
    stream = io.BytesIO()
    with Hashing(stream) as hashing:
        for part in parts:
            assert hashing.write(part) == len(part)
    content = b"".join(parts)
    assert stream.getvalue() == content and hashing.blocks == digests(content)
    assert hashing.num_bytes == len(content)


reads = st.lists(st.tuples(st.integers(0, 12 * BLOCK), st.integers(0, 12 * BLOCK)), min_size=1, max_size=8)


@given(size=st.integers(0, 11 * BLOCK), reads=reads, seed=st.integers(0, 2**32))
def test_any_read_gives_what_the_file_holds(tmp_path_factory, size, reads, seed):
    content = (
        torch.randint(256, (size,), generator=torch.Generator().manual_seed(seed)).to(torch.uint8).numpy().tobytes()
    )
    with reader(content, digests(content), tmp_path_factory.mktemp("read")) as checked:
        plain = io.BytesIO(content)
        for start, count in reads:
            assert checked.seek(start) == plain.seek(start)
            assert checked.read(count) == plain.read(count) and checked.tell() == plain.tell()


@given(size=st.integers(1, 11 * BLOCK), place=st.integers(0, 11 * BLOCK), reads=reads)
def test_a_read_that_meets_a_changed_block_raises_and_any_other_does_not(tmp_path_factory, size, place, reads):
    content, place = bytearray(size), place % size
    told = digests(bytes(content))
    content[place] ^= 1
    with reader(bytes(content), told, tmp_path_factory.mktemp("changed")) as checked:
        for start, count in reads:
            checked.seek(start)
            end = min(start + count, size)
            meets = start < end and start // BLOCK <= place // BLOCK <= (end - 1) // BLOCK
            if meets:
                with pytest.raises(Changed, match="`file` is not as it was written"):
                    checked.read(count)
            else:
                assert checked.read(count) == bytes(content[start:end])


def test_a_file_that_has_become_shorter_is_changed(tmp_path):
    with reader(bytes(100), digests(bytes(200)), tmp_path) as checked, pytest.raises(Changed):
        checked.read(100)


def test_what_is_said_of_a_change_crosses_processes():
    assert str(pickle.loads(pickle.dumps(Changed("a")))) == str(Changed("a"))


def test_every_flipped_byte_of_a_tensor_is_found(tmp_path):
    run = Run(tmp_path)
    run.learn(1)
    folder = run.checkpoints.save(1)
    (file,) = blocks_of(folder)
    whole = (folder / file).read_bytes()
    weight = next(run.module.parameters()).detach().numpy().tobytes()
    start = whole.index(weight)
    for place in (start, start + len(weight) // 2, start + len(weight) - 1):
        flip(folder / file, place)
        with pytest.raises(RunError, match=f"`{file}` is not as it was written"):
            run.checkpoints.restore()
        (folder / file).write_bytes(whole)
    assert run.checkpoints.restore() == 1


def test_a_checkpoint_with_digests_of_whole_files_is_verified_and_taken(tmp_path):
    """As versions before blocks wrote them."""
    run = Run(tmp_path)
    run.learn(1)
    folder = run.checkpoints.save(1)
    before = run.weights()
    names = json.loads((folder / manifest.MANIFEST).read_text())["files"]
    text = manifest.manifest_of(1, manifest.described(folder / name for name in names))
    (folder / manifest.MANIFEST).write_text(text)
    assert blocks_of(folder) == {}
    run.learn(1)
    assert run.checkpoints.restore() == 1
    assert torch.equal(run.weights(), before)
    flip(next(folder.glob("*.distcp")))
    with pytest.raises(RunError, match="is not as it was written"):
        run.checkpoints.restore()

"""Digests change with every bit, and not with how they are computed."""

import hashlib
import os

import pytest

from whet.base import digests
from whet.base.digests import BLOCK_BYTES, WHOLE_BYTES, file_digest, file_digests, fingerprint


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, 2 * BLOCK_BYTES + 5])
def test_digest_is_sha256_of_the_size_and_of_the_blocks(tmp_path, size):
    content = os.urandom(size)
    (tmp_path / "file").write_bytes(content)
    blocks = [content[i : i + BLOCK_BYTES] for i in range(0, size, BLOCK_BYTES)]
    expected = hashlib.sha256(f"{size} ".encode() + b"".join(hashlib.sha256(b).digest() for b in blocks)).hexdigest()
    assert file_digest(tmp_path / "file") == expected[:32]


def test_a_flipped_bit_a_missing_end_and_swapped_blocks_are_seen(tmp_path):
    content = os.urandom(BLOCK_BYTES) + bytes(BLOCK_BYTES)
    flipped = bytearray(content)
    flipped[-1] ^= 1
    variants = [content, bytes(flipped), content[:-1], content[BLOCK_BYTES:] + content[:BLOCK_BYTES], b""]
    for number, variant in enumerate(variants):
        (tmp_path / str(number)).write_bytes(variant)
    assert len(set(file_digests(tmp_path.iterdir()).values())) == len(variants)


def test_digest_is_the_same_in_one_thread(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(os.urandom(3 * BLOCK_BYTES))
    threaded = file_digest(tmp_path / "file")
    monkeypatch.setattr(digests, "_MAX_THREADS", 1)
    assert file_digest(tmp_path / "file") == threaded


def test_fingerprint_of_a_small_file_is_its_digest(tmp_path):
    (tmp_path / "file").write_bytes(b"a row\n")
    assert fingerprint(tmp_path / "file") == file_digest(tmp_path / "file")


def test_fingerprint_of_a_large_file_sees_size_ends_and_what_is_moved_everywhere(tmp_path):
    path = tmp_path / "weights"
    with path.open("wb") as file:
        file.truncate(WHOLE_BYTES + 3)  # takes no room
    seen = [fingerprint(path)]
    for place in (0, WHOLE_BYTES + 2):
        with path.open("r+b") as file:
            file.seek(place)
            file.write(b"x")
        seen.append(fingerprint(path))
    with path.open("r+b") as file:
        for place in range(2**20, WHOLE_BYTES, 2**15):  # as training does, far from both ends
            file.seek(place)
            file.write(b"x")
    seen.append(fingerprint(path))
    with path.open("r+b") as file:
        file.truncate(WHOLE_BYTES + 4)
    assert len({*seen, fingerprint(path)}) == 5


def test_what_is_no_file_is_an_os_error(tmp_path):
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(OSError):
            file_digest(path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a file"):
        file_digest(tmp_path / "pipe")

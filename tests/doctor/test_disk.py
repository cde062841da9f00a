"""The file system of the runs is tried, and one that lies is found out."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from whet.doctor import disk as module
from whet.doctor.disk import disk, kind_of, nearest_folder, temporary

SMALL = 2**20


def by_name(root: Path):
    return {one.name: one for one in disk(root, SMALL)}


def test_a_sound_disk_is_well_and_nothing_is_left(tmp_path):
    found = by_name(tmp_path / "runs" / "later")
    assert found["disk semantics"].level == "well"
    assert found["disk speed"].figures["bytes_per_s"] > 0
    assert found["disk space"].figures["folder"] == str(tmp_path) and list(tmp_path.iterdir()) == []


def test_a_replace_that_is_not_whole_is_found(tmp_path, monkeypatch):
    def torn(source, target):
        content = Path(source).read_bytes()
        with open(target, "wb", buffering=0) as file:
            for byte in range(0, len(content), 512):
                file.write(content[byte : byte + 512])

    monkeypatch.setattr(module.os, "replace", torn)
    found = by_name(tmp_path)["disk semantics"]
    assert found.level == "bad" and "replaced is seen half" in found.text


def test_a_rename_over_a_full_folder_is_found(tmp_path, monkeypatch):
    def over(source, target):
        shutil.rmtree(target)
        shutil.move(source, target)

    monkeypatch.setattr(module.os, "rename", over)
    assert by_name(tmp_path)["disk semantics"].level == "bad"


def test_a_disk_without_locks_is_told(tmp_path, monkeypatch):
    def unsupported(*of_a_lock):
        raise OSError("no locks available")

    monkeypatch.setattr(module.fcntl, "flock", unsupported)
    found = by_name(tmp_path)["disk semantics"]
    assert found.level == "slow" and "no locks" in found.text


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    tmp_path.chmod(0o500)
    found = list(disk(tmp_path, SMALL))
    tmp_path.chmod(0o700)
    assert [(one.name, one.level) for one in found] == [("disk", "bad")]


def test_a_file_where_the_folder_would_be_is_told(tmp_path):
    (tmp_path / "runs").touch()
    for root in (tmp_path / "runs", tmp_path / "runs" / "deep"):
        assert [(one.name, one.level) for one in disk(root, SMALL)] == [("disk", "bad")]


def test_the_kind_is_that_of_the_innermost_mount(tmp_path):
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "mountinfo").write_text(
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n23 22 0:50 / /data rw shared:1 - nfs4 host:/x rw\n"
        "24 23 0:51 / /data/my\\040disk rw - tmpfs none rw\n"
    )
    kinds = [kind_of(Path(path), tmp_path) for path in ("/home", "/data/runs", "/data/my disk/runs")]
    assert kinds == ["ext4", "nfs4", "tmpfs"]


def test_the_nearest_folder_is_the_one_that_is_there(tmp_path):
    assert nearest_folder(tmp_path / "a" / "b") == tmp_path


def test_temporary_files_that_lie_in_memory_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(module.tempfile, "gettempdir", lambda: "/scratch")
    (tmp_path / "self").mkdir()
    levels = {}
    for kind in ("ext4", "tmpfs"):
        (tmp_path / "self" / "mountinfo").write_text(f"21 1 8:1 / /scratch rw - {kind} dev rw\n")
        [levels[kind]] = temporary(tmp_path)
    assert (levels["ext4"].level, levels["tmpfs"].level) == ("well", "slow") and "TMPDIR=" in levels["tmpfs"].hint

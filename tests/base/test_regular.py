"""What is no plain file is never waited for."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from whet.base.errors import WhetError
from whet.base.regular import opened, refuse_odd


@pytest.fixture
def odd(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's name is short
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket")
    Path("folder").mkdir()
    Path("device").symlink_to("/dev/zero")
    Path("file").write_text("text")
    Path("link").symlink_to("file")
    return tmp_path


@pytest.mark.case("D")
@pytest.mark.parametrize("mode", ["r", "rb", "a", "w", "r+"])
@pytest.mark.parametrize("name", ["pipe", "socket", "device", "folder"])
def test_what_is_no_file_is_not_opened(odd, name, mode):
    with pytest.raises(OSError) as told:
        opened(odd / name, mode)
    assert ("a folder" if name == "folder" else f"a {name}") in told.value.strerror or name == "folder"


def test_files_are_opened_as_ever(odd):
    for mode, how in (("r", {}), ("rb", {"buffering": 0}), ("a", {"encoding": "ascii"})):
        with opened(odd / "link", mode, **how) as file:
            assert Path(file.name) == odd / "link"
    with opened(odd / "new", "w") as file:
        file.write("x")
    assert (odd / "new").read_text() == "x"
    with pytest.raises(FileNotFoundError):
        opened(odd / "none")


@pytest.mark.case("D")
def test_a_folder_with_what_is_no_file_in_it_is_refused_by_name(odd):
    with pytest.raises(WhetError, match="is a device, and no file") as told:
        refuse_odd(odd)
    assert f"rm {odd / 'device'}" in told.value.hint

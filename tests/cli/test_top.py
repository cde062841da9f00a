"""`whet top`: one frame for pipes, and a screen that keys change on a terminal."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

from tests.track import runs as made
from whet.cli.main import main

REPOSITORY = Path(__file__).resolve().parents[2]
TOP = "import sys; from whet.cli.main import main; sys.exit(main(sys.argv[1:]))"


def test_one_frame_goes_into_a_pipe(tmp_path, capsys):
    made.write(tmp_path / "first", made.records())
    assert main(["top", "--once", "--root", str(tmp_path), "--width", "80", "--height", "24"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 24 and "first" in lines[2] and max(map(len, lines)) <= 80
    assert "\x1b" not in "".join(lines)
    assert main(["top", "step > 30", "--root", str(tmp_path)]) == 0  # no terminal: a frame
    assert "no run is so" in capsys.readouterr().out


def test_a_filter_that_is_none_is_a_mistake(tmp_path, capsys):
    assert main(["top", "loss <", "--once", "--root", str(tmp_path)]) == 2
    assert "filter" in capsys.readouterr().err


def test_a_terminal_is_followed_resized_and_put_back(tmp_path):
    log = made.write(tmp_path / "first", made.records(last=5, outcome=None))
    made.write(tmp_path / "other", made.records())
    ours, theirs = pty.openpty()
    _resize(ours, 80, 24)
    before = termios.tcgetattr(theirs)
    others = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    environment = {**others, "TERM": "xterm", "PYTHONPATH": str(REPOSITORY), "NO_COLOR": "1"}
    command = [sys.executable, "-c", TOP, "top", "--root", str(tmp_path), "--every", "0.1"]
    shown = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    try:
        assert "> first" in _until(ours, "5/20")
        log.receive(made.step(6))
        _until(ours, "6/20")
        os.write(ours, b"j")
        _until(ours, "> other")
        os.write(ours, b"/step < 10\r")
        _until(ours, "filter: step < 10")
        _resize(ours, 130, 30)
        _until(ours, "LOSS OF LATE")
        os.write(ours, b"q")
        while shown.poll() is None:
            _read(ours)
        assert shown.returncode == 0
        assert termios.tcgetattr(theirs) == before
    finally:
        shown.kill()
        shown.wait()
        log.close()
        os.close(ours)
        os.close(theirs)


def _resize(fd: int, columns: int, lines: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


def _read(fd: int) -> str:
    return os.read(fd, 65536).decode("utf-8", "replace") if select.select([fd], [], [], 0.1)[0] else ""


def _until(fd: int, text: str, patience_s: float = 60.0) -> str:
    """What the screen was told until some text is in it."""
    end, told = time.monotonic() + patience_s, ""
    while text not in told:
        assert time.monotonic() < end, told[-2000:]
        told += _read(fd)
    return told

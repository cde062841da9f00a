"""The console is kept and stays what it was: bytes, terminals, exit codes, Ctrl-C, children."""

from __future__ import annotations

import io
import os
import pty
import signal
import subprocess
import sys

import pytest

from whet.base.errors import RunError
from whet.cli.recorded import print_console
from whet.track.logs import event_log, frames
from whet.track.recorded import console as module
from whet.track.recorded.console import Console
from whet.track.recorded.console_reading import console, lines

HEAD = """
import os, sys, time
from pathlib import Path
from whet.track.recorded.console import Console
at = [0]
kept = Console(Path(sys.argv[1]) / "track", "r0", lambda: at[0])
"""


@pytest.fixture
def streams(monkeypatch):
    """Puts streams of our own in place of stdout and stderr; pytest sets its own before each test."""

    def put():
        made = {name: io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for name in module.STREAMS}
        for name, stream in made.items():
            monkeypatch.setattr(sys, name, stream)
        return made

    return put


def test_what_is_printed_is_shown_and_kept_with_its_step(tmp_path, streams):
    shown = streams()
    at = [0]
    kept = Console(tmp_path / "track", "r0", lambda: at[0])
    print("begin")
    at[0] = 3
    print("größer", file=sys.stderr)
    print("a", "b", sep="\n", end="")
    kept.close()
    print("after")
    assert shown["stdout"].buffer.getvalue() == b"begin\na\nbafter\n"
    assert shown["stderr"].buffer.getvalue() == "größer\n".encode()
    pieces = list(console(tmp_path))
    assert b"".join(one.data for one in pieces if one.stream == "stdout") == b"begin\na\nb"
    assert [(one[0].step, one[1]) for one in lines(pieces)] == [(0, "begin"), (3, "größer"), (3, "a"), (3, "b")]
    assert [text for _, text in lines(pieces, step=0)] == ["begin"]


def test_a_rank_that_printed_nothing_is_refused_with_those_that_did(tmp_path, streams):
    streams()
    for rank in (0, 2, 11):
        kept = Console(tmp_path / "track", f"r{rank}", lambda: 0)
        print("here")
        kept.close()
    with pytest.raises(RunError, match="nothing that rank 4 printed is kept, of ranks 0, 2, 11") as told:
        print_console(tmp_path, None, 4)
    assert told.value.hint == "--rank 2"
    with pytest.raises(RunError, match="nothing that it printed") as told:
        print_console(tmp_path / "none", None, 4)
    assert told.value.hint == "track.console=true"


def test_text_is_kept_whatever_the_terminal_speaks(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="latin-1", write_through=True))
    kept = Console(tmp_path / "track", "r0", lambda: 0)
    print("größer")
    kept.close()
    assert [line for _, line in lines(console(tmp_path))] == ["größer"]


def test_a_bar_that_is_redrawn_takes_little_room_and_ends_as_it_was_shown(tmp_path, streams):
    shown = streams()
    kept = Console(tmp_path / "track", "r0", lambda: 0)
    for number in range(1000):
        sys.stderr.write(f"\r{number / 10:5.1f} % |\x1b[32m{'#' * 50}\x1b[0m|")
    sys.stderr.write("\r100.0 % | done |\n")
    kept.close()
    assert sum(len(one.data) for one in console(tmp_path)) < 1000
    assert [text for _, text in lines(console(tmp_path))] == ["100.0 % | done |"]
    assert shown["stderr"].buffer.getvalue().count(b"\r") == 1001


def test_who_wraps_the_stream_later_keeps_it(tmp_path, streams):
    shown = streams()
    first, second = (Console(tmp_path / name / "track", "r0", lambda: 0) for name in ("a", "b"))
    print("both")
    first.close()
    print("one")
    second.close()
    print("none")
    told = [[text for _, text in lines(console(tmp_path / name))] for name in ("a", "b")]
    assert told == [["both"], ["both", "one"]]
    assert shown["stdout"].buffer.getvalue() == b"both\none\nnone\n"


def test_a_console_without_end_is_cut(tmp_path, streams, monkeypatch):
    shown = streams()
    monkeypatch.setattr(module, "LIMIT_BYTES", 100)
    kept = Console(tmp_path / "track", "r0", lambda: 0)
    for _ in range(100):
        print("0123456789")
    kept.close()
    told = [text for _, text in lines(console(tmp_path))]
    assert len(told) < 20 and "keeps no more" in told[-1]
    assert shown["stdout"].buffer.getvalue().count(b"\n") == 100


def test_a_stream_that_is_gone_and_one_without_attributes_are_left(tmp_path, monkeypatch):
    class Slots:
        __slots__ = ()

        def write(self, text):
            return len(text)

    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", Slots())
    kept = Console(tmp_path / "track", "r0", lambda: 0)
    sys.stderr.write("x\n")
    kept.close()
    assert list(console(tmp_path)) == []


def test_what_was_printed_before_a_kill_is_there(tmp_path):
    code = HEAD + "print('one'); at[0] = 7; print('two', flush=True); os.kill(os.getpid(), 9)"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True)
    assert done.returncode == -signal.SIGKILL
    assert [(one[0].step, one[1]) for one in lines(console(tmp_path))] == [(0, "one"), (7, "two")]


def test_a_torn_or_broken_record_gives_what_is_whole(tmp_path, streams):
    streams()
    kept = Console(tmp_path / "track", "r0", lambda: 0)
    for text in ("one", "two", "three"):
        print(text)
    kept.close()
    [path] = (tmp_path / "track").glob(f"*{frames.CONSOLE_FILE}")
    data = bytearray(path.read_bytes())
    data[data.index(b"two")] ^= 1
    path.write_bytes(bytes(data[:-5]))
    assert [text for _, text in lines(console(tmp_path))] == ["one", "three"]


@pytest.mark.parametrize("end, code", [("sys.exit(3)", 3), ("raise ValueError('no')", 1), ("", 0)])
def test_exit_codes_and_tracebacks_are_as_without(tmp_path, end, code):
    done = subprocess.run([sys.executable, "-c", HEAD + end, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == code and ("ValueError: no" in done.stderr) == (code == 1)


def test_a_terminal_stays_one_and_ctrl_c_interrupts(tmp_path):
    heard = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"  # deaf behind a shell's `&`
    # In turns: a signal just before the system's call is heard when that returns.
    wait = "    print(sys.stdout.isatty(), flush=True)\n    for _ in range(300):\n        time.sleep(0.1)\n"
    wait = f"try:\n{wait}except KeyboardInterrupt:\n    sys.exit(5)"
    code = f"{HEAD}{heard}{wait}"
    ours, theirs = pty.openpty()
    child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    assert os.read(ours, 100).strip() == b"True"
    child.send_signal(signal.SIGINT)
    assert child.wait(20) == 5
    os.close(ours)


def test_a_forked_child_and_a_started_one_print_and_are_not_kept(tmp_path):
    code = HEAD + (
        "print('parent', flush=True)\n"
        "if os.fork() == 0:\n    print('child', flush=True)\n    os._exit(0)\n"
        "os.wait(); os.system('echo shell'); kept.close()"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["parent", "child", "shell"]
    assert [text for _, text in lines(console(tmp_path))] == ["parent"]


def test_a_full_disk_stops_nothing(tmp_path, streams, monkeypatch):
    shown = streams()
    kept = Console(tmp_path / "track", "r0", lambda: 0)
    monkeypatch.setattr(event_log, "_write_all", lambda fd, data: (_ for _ in ()).throw(OSError(28, "full")))
    print("still shown")
    kept.close()
    assert shown["stdout"].buffer.getvalue() == b"still shown\n"

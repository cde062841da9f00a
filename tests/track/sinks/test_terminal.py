"""The sink `terminal`: a bar that lives on a terminal, sparse plain lines elsewhere, silence on later ranks."""

import io
import os
import pty
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError
from rich.console import Console

from tests.track import runs as made
from whet.base.catalogue import sink
from whet.track.sinks.terminal import PlainSink
from whet.track.terminal.live import LiveSink

REPOSITORY = Path(__file__).resolve().parents[3]


def feed(target, stream) -> None:
    for record in stream:
        target.receive(record)
    target.close()


def plain(stream, every_s: float, seconds_a_record: float) -> list[str]:
    """The lines of a PlainSink whose clock moves by a fixed time a record."""
    clock = iter(seconds_a_record * tick for tick in range(10_000))
    out = io.StringIO()
    feed(PlainSink(out, every_s, lambda: next(clock)), stream)
    return out.getvalue().splitlines()


def test_plain_lines_are_sparse_and_hold_the_first_and_last_step():
    steps = [made.RunStarted(0, 100), *(made.step(n, 100) for n in range(1, 101)), made.RunEnded(100, "done", "")]
    said = [line for line in plain(steps, every_s=10, seconds_a_record=1) if re.match(r"step \d+/", line)]
    assert [int(re.match(r"step (\d+)/100 ", line)[1]) for line in said] == [*range(1, 101, 10), 100]
    assert len([line for line in plain(steps, every_s=0.5, seconds_a_record=1) if "/100" in line]) == 100


def test_a_plain_line_has_loss_lr_norm_speed_memory_and_the_time_left():
    line = plain([made.RunStarted(0, 20), made.step(1), made.step(2)], every_s=0.1, seconds_a_record=3)[-1]
    assert line == "step 2/20  loss 2  lr 1e-4  grad_norm 0.5  4000 tokens/s  3 GiB  54s left"


@pytest.mark.parametrize("name", ["reward", "accuracy"])
def test_a_line_has_what_is_to_rise(name):
    line = plain(
        [made.RunStarted(0, 20), made.step(2, **{name: 0.25, "entropy": 5.0})], every_s=0.1, seconds_a_record=3
    )[-1]
    assert f"loss 2  {name} 0.25  lr 1e-4" in line and "entropy" not in line


def test_a_run_without_tokens_is_told_in_samples():
    step = replace(made.step(2), tokens=0)
    assert "  16 samples/s  " in plain([made.RunStarted(0, 20), made.step(1), step], 0.1, 3)[-1]
    assert not {"tokens", "tokens_per_s"} & set(step.scalars())


def test_all_other_records_are_said_at_once():
    said = "\n".join(plain(made.records(), every_s=1e9, seconds_a_record=1))
    for words in ("starts at step 0 of 20", "eval/loss 0.25  eval/hits 0.25", "-> I am a  [31mmodel.", "in 250ms"):
        assert words in said
    assert "warning: the loss is spiking" in said
    assert said.endswith("done: all steps done")


def test_plain_lines_go_to_stderr_without_a_terminal(tmp_path, capsys):
    feed(sink.get("terminal").build(tmp_path, 0), made.records())
    captured = capsys.readouterr()
    assert captured.out == "" and "step 20/20" in captured.err and "\x1b" not in captured.err


def test_later_ranks_are_silent(tmp_path, capsys):
    feed(sink.get("terminal").build(tmp_path, 1), made.records())
    assert capsys.readouterr() == ("", "")


def test_a_closed_stream_does_not_stop_a_training():
    out = io.StringIO()
    out.close()
    feed(PlainSink(out, 1.0), made.records())


def test_the_interval_must_be_positive():
    assert sink.get("terminal").settings(every_s=0.5).every_s == 0.5
    with pytest.raises(ValidationError):
        sink.get("terminal").settings(every_s=0)


def test_the_live_display_shows_bar_figures_evaluation_and_events():
    out = io.StringIO()
    live = LiveSink("first", Console(file=out, force_terminal=True, width=100, no_color=True))
    feed(live, made.records())
    text = out.getvalue()
    for words in ("first", "20/20", "loss 0.2", "lr 1e-4", "4000 tokens/s", "3 GiB", "step 20  eval/loss 0.25", "━"):
        assert words in text
    assert "warning: the loss is spiking" in text and "done: all steps done" in text
    assert "\x1b[31mmodel" not in text


def test_two_live_displays_may_share_a_process():
    outs = [io.StringIO(), io.StringIO()]
    first, second = (LiveSink(n, Console(file=o, force_terminal=True)) for n, o in zip("ab", outs, strict=True))
    for record in made.records():
        first.receive(record)
        second.receive(record)
    assert all("20/20" in out.getvalue() for out in outs)


ON_A_TERMINAL = """
import sys
from pathlib import Path
from tests.track import runs as made
from whet.base.catalogue import sink
terminal = sink.get("terminal").build(Path("first"), 0)
for record in made.records():
    terminal.receive(record)
print("to stdout")
terminal.close()
"""


@pytest.mark.parametrize("no_color", [True, False])
def test_on_a_terminal_the_display_lives_and_honours_no_color(no_color):
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(REPOSITORY)}
    environment.pop("NO_COLOR", None)
    environment |= {"NO_COLOR": "1"} if no_color else {}
    run = subprocess.Popen(
        [sys.executable, "-c", ON_A_TERMINAL], cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=theirs
    )
    os.close(theirs)
    text = b""
    try:
        while part := os.read(ours, 4096):
            text += part
    except OSError:  # the other end is closed
        pass
    assert run.wait() == 0
    assert run.stdout.read() == b"to stdout\n"
    assert b"20/20" in text and "━".encode() in text
    colours = re.findall(rb"\x1b\[(?:[\d;]*;)?(?:3[0-8]|9[0-7])[;m]", text)
    assert bool(colours) is not no_color

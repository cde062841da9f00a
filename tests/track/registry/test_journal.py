"""The journal: nothing that was acknowledged is lost, and what is torn or changed harms nothing else."""

import os
import subprocess
import sys

import pytest

from whet.track.registry.journal import Journal

WRITER = """
import sys
from pathlib import Path
from whet.track.registry.journal import Journal
journal = Journal(Path(sys.argv[1]))
for number in range(40):
    with journal.writing():
        journal.append([{"op": "tag", "who": sys.argv[2], "number": number, "text": "x" * (number * 50)}])
"""


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path)


def write(journal, *numbers):
    with journal.writing():
        journal.append([{"number": number} for number in numbers])


def numbers(journal):
    return [change["number"] for change in journal.read()[0]]


def test_a_line_that_is_torn_anywhere_is_passed_over_and_cut_off_by_the_next_writer(journal):
    write(journal, 1, 2)
    whole = journal.path.read_bytes()
    last = whole.rindex(b"\n", 0, -1) + 1
    for length in range(last, len(whole)):
        journal.path.write_bytes(whole[:length])
        assert numbers(journal) == [1] and journal.read()[1] == last
        write(journal, 3)
        assert numbers(journal) == [1, 3] and journal.read()[2] == 0


def test_a_changed_byte_costs_its_own_line_alone(journal):
    write(journal, 1, 2, 3)
    whole = journal.path.read_bytes()
    middle = whole.index(b"\n") + 1
    for place in range(middle, whole.index(b"\n", middle)):
        journal.path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        changes, _, damaged = journal.read()
        assert [change["number"] for change in changes] == [1, 3] and damaged >= 1, place


def test_a_reader_goes_on_where_it_stopped(journal):
    write(journal, 1, 2)
    place = journal.read()[1]
    write(journal, 3)
    assert [change["number"] for change in journal.read(place)[0]] == [3]


def test_processes_that_write_at_once_lose_nothing(journal):
    own = [subprocess.Popen([sys.executable, "-c", WRITER, journal.path.parent, str(who)]) for who in range(4)]
    seen = 0
    while any(process.poll() is None for process in own):  # a reader without a lock sees whole lines, and ever more
        changes, _, damaged = journal.read()
        assert damaged == 0 and len(changes) >= seen
        seen = len(changes)
    assert [process.returncode for process in own] == [0] * 4
    found = [(change["who"], change["number"]) for change in journal.read()[0]]
    for who in "0123":  # each one's in order, all of them there
        assert [number for writer, number in found if writer == who] == list(range(40))


def test_a_writer_that_is_killed_holds_up_nobody(journal):
    read, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        with journal.writing():
            os.write(write_end, b"x")
            os.pause() if hasattr(os, "pause") else __import__("signal").pause()
    os.read(read, 1)
    os.kill(child, 9)
    os.waitpid(child, 0)
    write(journal, 1)
    assert numbers(journal) == [1]

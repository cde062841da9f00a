"""Checks of a machine say what will hurt, with what to type, and nothing of a machine that is well."""

from __future__ import annotations

import socket
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from whet.doctor import machine
from whet.doctor.machine import GIB, Limits, clock, limits, memory, network, open_files, processors, shared_memory
from whet.doctor.packages import numbers, packages, requirements

WELL = Limits(8, None, 64 * GIB, 50 * GIB, None, None, 0.2)
MEMINFO = "MemTotal: 67108864 kB\nMemAvailable: 52428800 kB\nSwapTotal: 33554432 kB\nSwapFree: {free} kB\n"


def only(checks):
    [found] = checks
    return found


@pytest.mark.parametrize(
    ("has", "level", "words"),
    [
        (WELL, "well", "8 usable"),
        (replace(WELL, quota=2.0), "slow", "export OMP_NUM_THREADS=2"),
        (replace(WELL, quota=2.0, threads=2), "well", "2 at once by the cgroup"),
        (replace(WELL, threads=32), "slow", "32 threads"),
        (replace(WELL, load=6.0), "slow", "6.0 of them busy"),
    ],
)
def test_processors(has, level, words):
    found = only(processors(has))
    assert found.level == level and words in f"{found.text} {found.hint}"


@pytest.mark.parametrize(
    ("has", "free", "level"),
    [
        (WELL, 33554432, "well"),
        (replace(WELL, available_bytes=GIB), 33554432, "bad"),
        (replace(WELL, memory_limit_bytes=GIB), 33554432, "bad"),
        (WELL, 4, "slow"),  # half of the memory is swapped out
    ],
)
def test_memory(tmp_path, has, free, level):
    (tmp_path / "meminfo").write_text(MEMINFO.format(free=free))
    assert only(memory(has, tmp_path)).level == level


def test_the_limits_of_this_process_are_read():
    has = limits()
    assert has.processors >= 1 and has.memory_bytes >= has.available_bytes > 0


def test_shared_memory_that_is_missing_or_small(tmp_path, monkeypatch):
    assert only(shared_memory(tmp_path / "none")).level == "slow"
    assert only(shared_memory(tmp_path)).level == "well"
    monkeypatch.setattr(machine, "LEAST_SHARED_BYTES", 2**62)
    assert "--shm-size" in str(only(shared_memory(tmp_path)).hint)


@pytest.mark.parametrize(("soft", "level"), [(256, "slow"), (65536, "well"), (-1, "well")])
def test_open_files(soft, level):
    assert only(open_files(soft)).level == level


def test_a_clock_that_is_set_or_goes_back_is_told(monkeypatch):
    class Clock:
        """Steps a millisecond a call; the time of day jumps ahead in the middle, or monotonic time back."""

        def __init__(self, jump, back):
            self.now, self.calls, self.jump, self.back = 0.0, 0, jump, back

        def monotonic(self):
            self.calls += 1
            self.now += -0.5 if self.back and self.calls == 50 else 1e-4
            return self.now

        def time(self):
            return self.now + 1e9 + (self.jump if self.now > 0.05 else 0.0)

        def sleep(self, seconds):
            self.now += seconds

    for jump, back, level in ((0.0, False, "well"), (1.0, False, "slow"), (0.0, True, "bad")):
        monkeypatch.setattr(machine, "time", Clock(jump, back))
        monkeypatch.setattr(machine, "is_synchronised", lambda: True)
        assert only(clock()).level == level
    monkeypatch.setattr(machine, "time", Clock(0.0, False))
    monkeypatch.setattr(machine, "is_synchronised", lambda: False)
    assert "timedatectl" in str(only(clock()).hint)


def test_a_name_without_an_address_is_told(monkeypatch):
    assert only(network("localhost")).level == "well"

    def unknown(name):
        raise socket.gaierror("unknown")

    monkeypatch.setattr(socket, "gethostbyname", unknown)
    found = only(network("box"))
    assert found.level == "slow" and "/etc/hosts" in str(found.hint)
    assert only(network("box", ranks=2)).level == "bad"


def test_packages_that_are_missing_or_old_are_told_with_what_to_type():
    there = {"torch": "2.9.1+cpu", "transformers": "5.23.0", "numpy": "2.0"}

    def found(name):
        if name not in there:
            raise PackageNotFoundError(name)
        return there[name]

    *wrong, shown = packages(["torch>=2.11", "transformers>=5.17", "numpy", "peft >=0.21"], found)
    assert [(one.name, one.level, one.hint) for one in wrong] == [
        ("package torch", "bad", 'pip install -U "torch>=2.11"'),
        ("package peft", "bad", 'pip install "peft>=0.21"'),
    ]
    assert shown.level == "well" and shown.figures["transformers"] == "5.23.0"


def test_versions_compare_as_numbers():
    assert numbers("2.9.1+cpu") < numbers("2.11") < numbers("2.11.0rc1")


def test_all_that_whet_asks_for_is_known():
    lines = requirements()
    assert any(line.startswith("torch>=") for line in lines) and Path(__file__).exists()
    assert not [one for one in packages() if one.level == "bad"]

"""The machine of a run: figures of the kernel, its cgroup, energy and cost, and the thread that writes them down."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import pytest

from whet.track.reading.read import History
from whet.track.recorded import kernel_figures as kernel
from whet.track.recorded.accelerators.reading import Reading
from whet.track.recorded.cgroups import cgroup_levels
from whet.track.recorded.energy import Prices, energy_of, processor_energy
from whet.track.recorded.environment import hardware, packages
from whet.track.recorded.machine import Machine
from whet.track.recorded.machine_reading import environments, spent
from whet.track.recorded.sampler import Sampler
from whet.track.recorded.source_code import DIFF_BYTES, source_code

SECOND = os.sysconf("SC_CLK_TCK")  # in ticks


@pytest.fixture
def proc(tmp_path):
    """Writes files as the kernel shows them (proc(5)), below a folder in place of /proc."""

    def write(**files):
        for name, text in files.items():
            path = tmp_path / "proc" / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path / "proc"

    return write


def stat(busy_s, idle_s):
    return f"cpu  {busy_s * SECOND} 0 0 {idle_s * SECOND} 0 0 0 0 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\nbtime 1\n"


def process(name, seconds):
    return (
        f"7 ({name}) S 1 7 7 0 -1 4194560 1 0 0 0 {seconds * SECOND} 0 0 0 20 0 1 0 100 1000 10 18446744073709551615\n"
    )


def test_shares_and_rates_are_differences_of_counters(proc):
    disks = (
        "8 0 sda {0} 0 {1} 0 {0} 0 {2} 0 0 0 0\n8 1 sda1 9 9 999 9 9 9 999 9 9 9 9\n7 0 loop0 1 0 8 0 0 0 8 0 0 0 0\n"
    )
    head, lo = "Inter-| Receive | Transmit\n face |bytes\n", "    lo: 5000 1 0 0 0 0 0 0 5000 1 0 0 0 0 0 0\n"
    net = head + lo + "  eth0: {0} 1 0 0 0 0 0 0 {1} 1 0 0 0 0 0 0\n"
    folder = proc(stat=stat(100, 300), diskstats=disks.format(1, 100, 200), net__dev=net.format(1000, 50))
    proc(**{"7/stat": process("a) (b", 3), "7/statm": "100 25 5 1 0 9 0\n", "7/task/7/children": "8 "})
    proc(**{"8/stat": process("child", 1), "8/statm": "100 5 5 1 0 9 0\n", "8/task/8/children": ""})
    first = kernel.look(7, folder)
    proc(stat=stat(103, 307), diskstats=disks.format(1, 300, 600), net__dev=net.format(5000, 250))
    proc(**{"7/stat": process("a) (b", 5)})
    found = kernel.rates(first.counters, kernel.look(7, folder).counters, 2.0)
    assert found == pytest.approx({
        "cpu/percent": 30.0, "cpu/process_percent": 100.0, "disk/read_bytes_per_s": 100 * 512,
        "disk/written_bytes_per_s": 200 * 512, "network/received_bytes_per_s": 2000, "network/sent_bytes_per_s": 100,
    })  # fmt: skip
    assert first.levels["memory/process_bytes"] == 30 * os.sysconf("SC_PAGE_SIZE") and first.levels["processes"] == 2


def test_memory_and_pressure_are_levels(proc):
    meminfo = "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 600 kB\nSwapTotal: 50 kB\nSwapFree: 20 kB\n"
    psi = "some avg10=12.50 avg60=1.00 avg300=0.10 total=1\nfull avg10=3.25 avg60=0.00 avg300=0.00 total=0\n"
    found = kernel.look(1, proc(meminfo=meminfo, pressure__io=psi)).levels
    assert found == {
        "memory/used_bytes": 400 * 1024, "memory/percent": 40.0, "memory/swap_bytes": 30 * 1024,
        "pressure/io_some_percent": 12.5, "pressure/io_full_percent": 3.25,
    }  # fmt: skip


def test_a_machine_without_proc_tells_nothing(tmp_path):
    found = kernel.look(os.getpid(), tmp_path / "nowhere")
    assert found == kernel.Look(kernel.Counters(), {})
    assert cgroup_levels(tmp_path / "nowhere", tmp_path) == {}
    sampler = Sampler(os.getpid(), vendors=[], proc=tmp_path / "nowhere", powercap=tmp_path)
    assert all(value == 0 for value in sampler.sample(time.monotonic() + 1).values())
    assert hardware(tmp_path / "nowhere")["processors"] == os.cpu_count()


def test_broken_figures_are_passed_over(proc):
    folder = proc(
        stat="cpu\n", meminfo="MemTotal: x kB\n", diskstats="8 0 sda\n", net__dev="eth0: 1 2\n", pressure__cpu="?"
    )
    assert kernel.look(1, folder) == kernel.Look(kernel.Counters(), {})


def test_cgroup_version_2(proc, tmp_path):
    mount = tmp_path / "cgroup"
    place = {
        "cgroup/job/memory.current": "4096\n", "cgroup/job/memory.max": "max\n",
        "cgroup/job/cpu.max": "150000 100000\n",
        "cgroup/job/cpu.stat": "usage_usec 5\nnr_throttled 2\nthrottled_usec 2500000\n",
        "cgroup/job/memory.events": "low 0\noom 1\noom_kill 1\n",
        "cgroup/job/memory.pressure": "some avg10=7.00 avg60=0 avg300=0 total=0\n",
    }  # fmt: skip
    for name, text in place.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    folder = proc(self__cgroup="0::/job\n")
    assert cgroup_levels(folder / "self" / "cgroup", mount) == {
        "cgroup/memory_bytes": 4096, "cgroup/processors": 1.5, "cgroup/throttled_s": 2.5, "cgroup/oom_kills": 1,
        "cgroup/pressure/memory_some_percent": 7.0,
    }  # fmt: skip


def test_cgroup_version_1(proc, tmp_path):
    mount = tmp_path / "cgroup"
    files = {
        "memory/job/memory.usage_in_bytes": "2048", "memory/job/memory.limit_in_bytes": "9223372036854771712",
        "cpu/job/cpu.cfs_quota_us": "200000", "cpu/job/cpu.cfs_period_us": "100000",
        "cpu/job/cpu.stat": "nr_periods 1\nnr_throttled 1\nthrottled_time 3000000000\n",
    }  # fmt: skip
    for name, text in files.items():
        path = mount / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    folder = proc(self__cgroup="9:memory:/job\n4:cpu,cpuacct:/job\n1:name=systemd:/\n")
    assert cgroup_levels(folder / "self" / "cgroup", mount) == {
        "cgroup/memory_bytes": 2048, "cgroup/processors": 2.0, "cgroup/throttled_s": 3.0,
    }  # fmt: skip


def test_energy_is_the_meters_difference_else_power_over_time():
    before = [Reading(0, energy_j=1000.0, power_w=1.0), Reading(1, power_w=100.0)]
    now = [Reading(0, energy_j=1300.0, power_w=9.0), Reading(1, power_w=200.0)]
    assert energy_of(before, now, 10.0) == 300.0 + 1500.0
    assert energy_of([], [Reading(0)], 10.0) is None


def test_the_meters_of_processors_are_added_and_their_parts_not_counted_twice(tmp_path):
    for name, value in {"intel-rapl:0": 5_000_000, "intel-rapl:1": 2_000_000, "intel-rapl:0:0": 9_000_000}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "energy_uj").write_text(f"{value}\n")
    assert processor_energy(tmp_path) == 7.0
    assert processor_energy(tmp_path / "nowhere") is None


class Steady:
    """A device that always takes 3600 W."""

    def read(self):
        return [Reading(0, power_w=3600.0)]


def test_energy_and_cost_add_up(tmp_path):
    sampler = Sampler(os.getpid(), Prices(2.0, 0.5), [Steady()], powercap=tmp_path)
    began = sampler._began
    sampler.sample(began + 1800)
    found = sampler.sample(began + 3600)
    assert found["energy_j"] == pytest.approx(3600 * 3600)
    assert found["cost"] == pytest.approx(2.0 + 3.6 * 0.5)


def test_the_thread_writes_environment_and_samples_and_resumed_runs_add_up(tmp_path):
    for _ in range(2):
        machine = Machine(tmp_path / "track", lambda: 4, every_s=0.02, prices=Prices(per_hour=3600.0))
        wait_for(lambda: "cost" in History(tmp_path / "track").names())
        machine.close()
        machine._thread.join(20)
    logs = History(tmp_path / "track")
    assert {"cpu/percent", "memory/process_bytes"} <= set(logs.names())
    first, second = environments(tmp_path)
    assert first == second and first["command"][0] and first["packages"]["numpy"] and first["git"]["commit"]
    per_attempt = [part.values[-1] for part in logs.since().points if part.name == "cost"]
    assert spent(tmp_path).cost == pytest.approx(sum(per_attempt)) and len(per_attempt) == 2
    assert spent(tmp_path).energy_j is None or spent(tmp_path).energy_j > 0
    assert logs.status == "new"  # it speaks for no rank


def wait_for(is_there, patience_s=20.0):
    until = time.monotonic() + patience_s
    while not is_there():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_folder_that_cannot_be_written_ends_nothing(tmp_path):
    (tmp_path / "track").write_text("a file")
    machine = Machine(tmp_path / "track", lambda: 0, every_s=1.0)
    machine.close()
    machine._thread.join(20)


def test_a_machine_that_answers_late_keeps_no_training(tmp_path, monkeypatch):
    class Training:
        def step(self):
            return 0

    asked, may_answer = threading.Event(), threading.Event()

    def slow(*_):
        asked.set()
        may_answer.wait(20)
        return {}

    monkeypatch.setattr(Sampler, "sample", slow)
    training = Training()
    kept = weakref.ref(training)
    machine = Machine(tmp_path / "track", training.step, every_s=0.001, environment=False)
    assert asked.wait(20)
    machine.close()
    may_answer.set()
    machine._thread.join(20)
    del training, machine
    gc.collect()
    assert kept() is None


def test_a_short_script_tells_its_environment_too(tmp_path):
    script = tmp_path / "short.py"
    script.write_text("import whet.track as track\nrun = track.init(name='short')\nprint('hello')\nrun.log({'a': 1})\n")
    environment = {**os.environ, "WHET_RUNS": str(tmp_path / "runs"), "WHET_RECORD": ""}
    subprocess.run([sys.executable, str(script), "--token", "hunter2hunter2"], env=environment, check=True)
    [told] = environments(tmp_path / "runs" / "short")
    assert told["command"][-2:] == ["--token", "[hidden]"] and told["python"] == sys.version.split()[0]
    assert "git" not in told  # the script lies in no repository, wherever it was started from
    assert list((tmp_path / "runs" / "short" / "track").glob("*.console"))


def test_packages_are_those_that_would_be_imported(tmp_path):
    for folder, name in (
        ("a", "numpy-2.0.1.dist-info"),
        ("b", "numpy-1.0.dist-info"),
        ("b", "Big_Name-3.dev0-py3.egg-info"),
    ):
        (tmp_path / folder / name).mkdir(parents=True)
    assert packages([str(tmp_path / "a"), str(tmp_path / "b"), str(tmp_path / "c")]) == {
        "big-name": "3.dev0", "numpy": "2.0.1",
    }  # fmt: skip


def git(folder, *words):
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *who, "-C", str(folder), *words], check=True, capture_output=True)


def test_a_repository_tells_commit_and_change_without_secrets(tmp_path):
    git(tmp_path, "init")
    (tmp_path / "a.py").write_text("one = 1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    git(tmp_path, "remote", "add", "origin", "https://me:ghp_0123456789abcdefghijABCDEFGHIJ@host/x.git")
    assert source_code(tmp_path).about["is_dirty"] is False and source_code(tmp_path).diff == b""
    (tmp_path / "a.py").write_text("one = 2\napi_key = 'very-secret-value'\n")
    (tmp_path / "new.txt").write_text("x")
    found = source_code(tmp_path)
    assert found.about["is_dirty"] and found.about["untracked"] == ["new.txt"] and len(found.about["commit"]) == 40
    assert b"+one = 2" in found.diff and b"very-secret" not in found.diff
    assert found.about["remote"] == "https://[hidden]@host/x.git"


def test_a_huge_change_is_cut_at_a_line(tmp_path):
    git(tmp_path, "init")
    (tmp_path / "a.txt").write_text("")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    (tmp_path / "a.txt").write_text("0123456789\n" * (DIFF_BYTES // 5))
    found = source_code(tmp_path)
    assert found.about["is_cut"] and DIFF_BYTES - 20 < len(found.diff) <= DIFF_BYTES and found.diff.endswith(b"\n")


def test_without_git_or_repository_nothing_is_told(tmp_path, monkeypatch):
    assert source_code(tmp_path) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert source_code(Path(__file__).parent) is None


def test_a_process_that_ends_while_its_tree_is_looked_at_is_passed_over(tmp_path):
    for pid, children in ((5, "6 7"), (6, ""), (8, "")):
        (tmp_path / str(pid) / "task" / "1").mkdir(parents=True)
        (tmp_path / str(pid) / "task" / "1" / "children").write_text(children)
    (tmp_path / "7").mkdir()  # is there, and its tasks are not any more
    assert sorted(kernel.process_tree(5, tmp_path)) == [5, 6, 7]

"""Ranks are measured, what they found is kept, and a plan reads it."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.distributed as dist

from tests.ranks import on_ranks
from whet.cli.main import main
from whet.doctor import examine as examining
from whet.doctor import ranks as module
from whet.doctor.devices import Seen, devices
from whet.doctor.exchange import exchanges, measure
from whet.doctor.ranks import local_ranks
from whet.parallel.measured import SHARES, Measured, load, ranks_measured, save, table_path
from whet.track.recorded.accelerators.amd import of_amd_smi
from whet.track.recorded.accelerators.reading import Reading


@pytest.fixture(autouse=True)
def _own_table(tmp_path, monkeypatch):
    monkeypatch.setenv("WHET_CACHE", str(tmp_path / "cache"))


def measured_by_a_rank():
    dist.init_process_group("gloo")
    found = measure([2**10, 2**12], torch.device("cpu"))
    # What is timed is the collective that it is called: each leaves what it should in its buffer.
    for call in exchanges(2**10, torch.device("cpu")).values():
        call()
    dist.destroy_process_group()
    return found


@pytest.mark.ranks
def test_each_collective_is_measured_and_all_ranks_agree():
    one, other = on_ranks(2, measured_by_a_rank)
    assert one == other and one.keys() == SHARES.keys()
    assert all([size for size, _ in points] == [2**10, 2**12] and min(points)[1] > 0 for points in one.values())


def test_what_was_measured_is_kept_and_read():
    points = {"all_reduce": [(1024, 1e-4), (1048576, 1e-2)], "send": [(1024, 5e-5), (1048576, 5e-3)]}
    save("gloo", 2, points, "box")
    save("gloo", 4, points, "box")
    assert ranks_measured("gloo", "box") == [2, 4] and ranks_measured("nccl", "box") == []
    found = load("gloo", 2, "box")
    assert {name: list(one.points) for name, one in found.items()} == points
    assert load("gloo", 2, "other") == {}


def test_seconds_lie_on_the_line_between_two_sizes_and_go_on_at_the_last_rate():
    one = Measured("all_reduce", 4, ((1000, 1.0), (2000, 2.0), (6000, 4.0)))
    assert one.seconds(10) == 1.0 and one.seconds(1500) == 1.5 and one.seconds(4000) == 3.0
    assert one.bytes_per_s == 2000 and one.seconds(8000) == 5.0 and one.latency_s == 1.0
    assert one.wire_bytes_per_s == 2000 * 2 * 3 / 4


def test_what_two_keep_at_once_is_kept_of_both():
    points = {"send": [(1024, 5e-5), (1048576, 5e-3)]}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda ranks: save("gloo", ranks, points, "box"), range(2, 34)))
    assert ranks_measured("gloo", "box") == list(range(2, 34))


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"box/gloo/2": {"all_reduce": [[1, 2]]}}', '{"box/gloo/2": {"all_reduce": [[2, 1], [1, 1]]}}',
     '{"box/gloo/2": {"all_reduce": [{}, {}]}}', '{"box/gloo/2": {"all_reduce": [[1, 1], [Infinity, 1]]}}',
     '{"box/gloo/2": {"all_reduce": [[-5, 1], [0, 1]]}}', '{"box/gloo/2": {"all_reduce": [[1.5, 1], [1.7, 2]]}}',
     '{"box/gloo/0": {"all_reduce": [[1, 1], [2, 2]]}}', '{"box/gloo/²": {"all_reduce": [[1, 1], [2, 2]]}}',
     '{"box/gloo/2": {"all_reduce": [[1, 1], [1%s, 2]]}}' % ("0" * 400),
     '{"box/gloo/2": {"all_reduce": [[1, 1], [2, -1]]}}', '{"box/gloo/x": {}}', '{"box/gloo/2": {"gossip": []}}'],
)  # fmt: skip
def test_a_damaged_table_is_none(text):
    table_path().parent.mkdir(parents=True)
    table_path().write_text(text)
    assert load("gloo", 2, "box") == {} and ranks_measured("gloo", "box") == []


def test_ranks_that_do_not_come_together_are_told(monkeypatch):
    monkeypatch.setattr(module, "exchanged", lambda *given: "RuntimeError: connection refused")
    [found] = local_ranks(2, measures=False)
    assert found.level == "slow", "this machine may be for one process"
    [found] = local_ranks(2, measures=True)
    assert found.level == "bad" and "connection refused" in found.text and "GLOO_SOCKET_IFNAME" in str(found.hint)


def test_the_rank_that_failed_is_told_and_not_one_that_waits_for_it():
    started = [subprocess.Popen(words) for words in (["sleep", "60"], ["false"])]
    assert module._ended(started, 60) == 1 and all(process.returncode is not None for process in started)
    assert module._ended([subprocess.Popen(["sleep", "60"])], 0.0) == 0
    assert module._ended([subprocess.Popen(["true"])], 60) is None


def test_what_ranks_measured_is_told_and_kept(monkeypatch):
    points = {name: [(2**10, 1e-4), (2**24, 1e-2)] for name in SHARES}
    monkeypatch.setattr(module, "exchanged", lambda *given: points)
    found = list(local_ranks(4, measures=True))
    assert [one.level for one in found] == ["well"] * (2 + len(SHARES))
    assert load("gloo", 4).keys() == SHARES.keys()


def test_a_table_that_cannot_be_kept_is_told(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("WHET_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(module, "exchanged", lambda *given: {"send": [(2**10, 1e-4), (2**24, 1e-2)]})
    *_, last = local_ranks(4, measures=True)
    assert (last.name, last.level) == ("measured", "slow") and "WHET_CACHE" in str(last.hint)


@pytest.mark.slow
@pytest.mark.ranks
def test_processes_that_are_started_measure():
    found = module.exchanged(2, (2**10, 2**12))
    assert not isinstance(found, str) and found.keys() == SHARES.keys()


@pytest.mark.parametrize(
    ("told", "has", "levels"),
    [
        ([], Seen((), "CPU"), {"devices": "well"}),
        ([Reading(0, "H200")], Seen((), "CPU"), {"devices": "bad"}),
        ([Reading(0, "H200"), Reading(1, "H200")], Seen(["H200"], "CUDA 12"), {"devices": "slow"}),
        ([Reading(0, "H200", throttled=1.0)], Seen(["H200"], "CUDA 12"), {"devices": "well", "device 0": "slow"}),
        (
            [Reading(0, "A", memory_bytes=50, memory_limit_bytes=100), Reading(1, "B")],
            Seen(["A", "B"], "CUDA 12", [(0, 1)]),
            {"devices": "well", "device 0": "slow", "interconnect": "slow"},
        ),
    ],
)
def test_devices(told, has, levels):
    assert {one.name: one.level for one in devices(told, has, has_triton=True)} == levels


@pytest.mark.parametrize(
    ("read", "build", "hint"),
    [
        (Reading(0, "H200"), "CPU", "/whl/cu"),
        (Reading(0, "H200"), "CUDA 12", "nvidia-smi"),
        (of_amd_smi('[{"gpu": 0}]')[0], "CPU", "/whl/rocm"),
        (of_amd_smi('[{"gpu": 0}]')[0], "CUDA 12", "/whl/rocm"),
        (of_amd_smi('[{"gpu": 0}]')[0], "ROCm 7", "amd-smi"),
    ],
)
def test_a_device_that_is_not_seen_is_told_with_what_its_vendor_needs(read, build, hint):
    [found] = devices([read], Seen((), build))
    assert found.level == "bad" and hint in str(found.hint)


def test_one_rank_is_told_to_measure_nothing(tmp_path, monkeypatch):
    for name in ("packages", "disk", "clock", "_seen", "devices"):
        monkeypatch.setattr(examining, name, lambda *given: ())
    found = {one.name: one for one in examining.examine(tmp_path, 1, measures=True)}
    assert "nothing was measured" in found["ranks"].text and "--ranks 2" in str(found["ranks"].hint)


def test_a_gpu_without_triton_is_told():
    found = {one.name: one for one in devices([], Seen(["H200"], "CUDA 12"), has_triton=False)}
    assert found["triton"].level == "slow"


def test_the_command_prints_checks_for_people_and_programs(tmp_path, capsys):
    codes = [main(["doctor", "--root", str(tmp_path), "--ranks", "0", *words]) for words in ([], ["--json"])]
    text, listed = capsys.readouterr().out.split("[", 1)
    found = json.loads("[" + listed)
    assert codes == [int(any(one["level"] == "bad" for one in found))] * 2
    assert {"packages", "processors", "memory", "devices", "disk semantics", "clock"} <= {one["name"] for one in found}
    assert all(one["hint"] for one in found if one["level"] != "well") and "disk semantics" in text

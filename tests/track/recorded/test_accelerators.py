"""Accelerators of each vendor, read from what their tools print.

No such device is here: the texts are written by hand after the formats that the vendors document (AMD SMI and ROCm SMI
CLI references, `man ioreg` and powermetrics, the npu-smi command reference), NVML is a stand-in with the functions and
structures of nvml.h.
"""

from __future__ import annotations

import json

import pytest

from whet.track.recorded.accelerators.amd import of_amd_smi, of_rocm_smi
from whet.track.recorded.accelerators.apple import of_ioreg, of_powermetrics
from whet.track.recorded.accelerators.ascend import of_npu_smi
from whet.track.recorded.accelerators.found import accelerators
from whet.track.recorded.accelerators.nvidia import Nvml
from whet.track.recorded.accelerators.reading import Reading, Seldom, first_number

AMD_SMI = json.dumps([
    {
        "gpu": 0,
        "usage": {"gfx_activity": {"value": 97, "unit": "%"}, "umc_activity": {"value": 40, "unit": "%"}},
        "power": {"socket_power": {"value": 512, "unit": "W"}, "gfx_voltage": "N/A"},
        "clock": {"gfx_0": {"clk": {"value": 2100, "unit": "MHz"}, "min_clk": {"value": 132, "unit": "MHz"}}},
        "temperature": {"edge": "N/A", "hotspot": {"value": 61, "unit": "C"}, "mem": {"value": 50, "unit": "C"}},
        "mem_usage": {"total_vram": {"value": 196592, "unit": "MB"}, "used_vram": {"value": 1024, "unit": "MB"}},
    },
    {"gpu": 1, "usage": "N/A", "power": {"socket_power": "140 W"}, "temperature": {"hotspot": "N/A", "edge": "38 C"}},
])  # fmt: skip

ROCM_SMI = "WARNING: AMD GPU device(s) is/are in a low-power state\n" + json.dumps({
    "card0": {
        "Temperature (Sensor edge) (C)": "35.0", "Temperature (Sensor junction) (C)": "41.0",
        "sclk clock speed:": "(1700Mhz)", "Average Graphics Package Power (W)": "307.0", "GPU use (%)": "99",
        "VRAM Total Memory (B)": "68702699520", "VRAM Total Used Memory (B)": "21474836480",
    },
    "card1": {"GPU use (%)": "0", "Average Graphics Package Power (W)": "N/A"},
    "system": {"Driver version": "6.3.6"},
})  # fmt: skip

IOREG = """
+-o AGXAcceleratorG14X  <class AGXAcceleratorG14X, id 0x100000ab1, registered, matched, active, busy 0 (0 ms)>
    {
      "IOClass" = "AGXAcceleratorG14X"
      "model" = "Apple M2 Max"
      "PerformanceStatistics" = {"In use system memory (driver)"=0,"Alloc system memory"=5211897856,"Tiler Utilization %"=17,"Renderer Utilization %"=61,"Device Utilization %"=63,"In use system memory"=2147483648}
      "gpu-core-count" = 38
    }
"""  # noqa: E501
POWERMETRICS = """
**** GPU usage ****

GPU HW active frequency: 1398 MHz
GPU HW active residency:  98.51% (444 MHz:   0% 612 MHz:   0% 1398 MHz:  99%)
GPU idle residency:   1.49%
GPU Power: 31250 mW
"""

NPU_SMI = """
+------------------------------------------------------------------------------------------------+
| npu-smi 23.0.rc3                 Version: 23.0.rc3                                             |
+---------------------------+---------------+----------------------------------------------------+
| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
| Chip                      | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |
+===========================+===============+====================================================+
| 0     910B3               | OK            | 98.7        44                0    / 0             |
| 0                         | 0000:C1:00.0  | 87          0    / 0          32768/ 65536         |
+===========================+===============+====================================================+
| 1     910B3               | OK            | NA          42                0    / 0             |
| 0                         | 0000:01:00.0  | 0           0    / 0          4152 / 65536         |
+===========================+===============+====================================================+
+---------------------------+---------------+----------------------------------------------------+
| NPU     Chip              | Process id    | Process name             | Process memory(MB)      |
+===========================+===============+====================================================+
| 0       0                 | 1234567       | python                   | 28617                   |
+===========================+===============+====================================================+
"""
MIB = 1 << 20


def test_amd_smi():
    first, second = of_amd_smi(AMD_SMI)
    assert first.levels() == {
        "gpu0/percent": 97, "gpu0/memory_bytes": 1024 * MIB, "gpu0/power_w": 512, "gpu0/temperature_c": 61,
        "gpu0/clock_mhz": 2100,
    }  # fmt: skip
    assert first.memory_limit_bytes == 196592 * MIB
    assert second.levels() == {"gpu1/power_w": 140, "gpu1/temperature_c": 38}
    wrapped = json.dumps({"gpu_data": json.loads(AMD_SMI)})  # as of ROCm 7
    assert of_amd_smi(wrapped) == of_amd_smi(AMD_SMI)


def test_rocm_smi():
    first, second = of_rocm_smi(ROCM_SMI)
    assert first.levels() == {
        "gpu0/percent": 99, "gpu0/memory_bytes": 20480 * MIB, "gpu0/power_w": 307, "gpu0/temperature_c": 41,
        "gpu0/clock_mhz": 1700,
    }  # fmt: skip
    assert second.levels() == {"gpu1/percent": 0}


def test_apple():
    power, clock = of_powermetrics(POWERMETRICS)
    [device] = of_ioreg(IOREG, power, clock)
    assert device.name == "Apple M2 Max"
    assert device.levels() == {
        "gpu0/percent": 63, "gpu0/memory_bytes": 2048 * MIB, "gpu0/power_w": 31.25, "gpu0/clock_mhz": 1398,
    }  # fmt: skip


def test_ascend():
    first, second = of_npu_smi(NPU_SMI)
    assert (first.name, first.percent, first.power_w, first.temperature_c) == ("910B3", 87, 98.7, 44)
    assert (first.memory_bytes, first.memory_limit_bytes) == (32768 * MIB, 65536 * MIB)
    assert (second.index, second.power_w, second.memory_bytes) == (1, None, 4152 * MIB)


@pytest.mark.parametrize("parse", [of_amd_smi, of_rocm_smi, of_ioreg, of_npu_smi])
@pytest.mark.parametrize("text", ["", "error: no device", "{", "[1, 2]", '{"card0": 3}', "| a | b | c |"])
def test_what_is_no_such_output_gives_nothing(parse, text):
    assert parse(text) == [] or all(not one.levels() for one in parse(text))


def test_numbers_stand_in_texts():
    assert [first_number(t) for t in ("45 W", "(1700Mhz)", "-3.5 C", "N/A", None, 7)] == [45, 1700, -3.5, None, None, 7]


class FakeNvml:
    """Two devices: the second lacks an energy meter, as older ones do."""

    def nvmlInit_v2(self):
        return 0

    def nvmlDeviceGetCount_v2(self, count):
        count._obj.value = 2
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index, handle):
        handle._obj.value = index + 1
        return 0

    def nvmlDeviceGetUtilizationRates(self, handle, use):
        use._obj.gpu = 90 + handle.value
        return 0

    def nvmlDeviceGetMemoryInfo(self, handle, memory):
        memory._obj.total, memory._obj.used = 80 << 30, handle.value << 30
        return 0

    def nvmlDeviceGetPowerUsage(self, handle, power):
        power._obj.value = 350_500
        return 0

    def nvmlDeviceGetTotalEnergyConsumption(self, handle, energy):
        energy._obj.value = 7_000_000
        return 0 if handle.value == 1 else 3  # NVML_ERROR_NOT_SUPPORTED

    def nvmlDeviceGetTemperature(self, handle, sensor, value):
        value._obj.value = 66
        return 0

    def nvmlDeviceGetClockInfo(self, handle, kind, value):
        assert kind == 1  # NVML_CLOCK_SM
        value._obj.value = 1980
        return 0

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, handle, reasons):
        reasons._obj.value = 0x1 if handle.value == 1 else 0x4  # idle; held back by its power limit
        return 0

    def nvmlDeviceGetName(self, handle, buffer, size):
        buffer.value = b"NVIDIA H200"
        return 0

    def nvmlDeviceGetUUID(self, handle, buffer, size):
        buffer.value = f"GPU-{handle.value:08d}-aa".encode()
        return 0


def test_nvidia():
    first, second = Nvml(FakeNvml(), "0,1").read()
    assert first.levels() == {
        "gpu0/percent": 91, "gpu0/memory_bytes": 1 << 30, "gpu0/power_w": 350.5, "gpu0/temperature_c": 66,
        "gpu0/clock_mhz": 1980, "gpu0/throttled": 0,
    }  # fmt: skip
    assert (first.name, first.energy_j, second.energy_j, second.throttled) == ("NVIDIA H200", 7000, None, 1)


def test_a_driver_older_than_a_function_tells_the_rest():
    old = type("Old", (FakeNvml,), {"nvmlDeviceGetTotalEnergyConsumption": property()})  # reading it: AttributeError
    first, second = Nvml(old(), "0,1").read()
    assert (first.energy_j, second.energy_j, first.power_w, first.percent) == (None, None, 350.5, 91)


@pytest.mark.parametrize("visible, found", [("1", [1]), ("", []), ("GPU-00000001", [0]), ("0, 1", [0, 1]), ("7", [])])
def test_only_devices_that_the_run_may_use_are_read(visible, found):
    assert [one.index for one in Nvml(FakeNvml(), visible).read()] == found


def test_a_driver_that_does_not_start_is_none():
    class Broken(FakeNvml):
        def nvmlInit_v2(self):
            return 9  # NVML_ERROR_DRIVER_NOT_LOADED

    with pytest.raises(OSError, match="NVML"):
        Nvml(Broken())


def test_a_machine_without_any_has_none(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert [one for one in accelerators() if not isinstance(one, Nvml)] == []


def test_a_program_is_asked_seldom_and_told_again_between():
    class Counted:
        times = 0

        def read(self):
            self.times += 1
            return [Reading(0, percent=self.times)]

    now, counted = [0.0], Counted()
    devices = Seldom(counted, 30.0, lambda: now[0])
    found = []
    for now[0] in (0.0, 10.0, 29.0, 30.0, 31.0, 61.0):
        found.append(devices.read()[0].percent)
    assert found == [1, 1, 1, 2, 2, 3]

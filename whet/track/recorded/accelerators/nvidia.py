"""NVIDIA's devices through NVML, the library of the driver, without a package between.

Functions and structures: nvml.h of the CUDA toolkit (NVML API reference guide).
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from whet.track.recorded.accelerators.reading import Reading

LIBRARY = "libnvidia-ml.so.1"
_GPU_TEMPERATURE, _SM_CLOCK = 0, 1
# Reasons for which a clock is lower than it could be: power, heat, hardware brakes. Being idle is none.
_THROTTLED = 0x4 | 0x8 | 0x20 | 0x40 | 0x80


class _Utilization(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


class Nvml:
    """Devices that CUDA_VISIBLE_DEVICES leaves visible. Raises OSError where there is no driver."""

    def __init__(self, library: Any | None = None, visible: str | None = None) -> None:
        self._nvml = ctypes.CDLL(LIBRARY) if library is None else library
        if self._nvml.nvmlInit_v2() != 0:
            raise OSError("NVML does not start")
        count = self._number("nvmlDeviceGetCount_v2", ctypes.c_uint) or 0
        chosen = os.environ.get("CUDA_VISIBLE_DEVICES") if visible is None else visible
        self._handles = [(index, handle) for index in range(int(count)) if (handle := self._handle(index)) is not None]
        self._handles = [(index, handle) for index, handle in self._handles if self._is_visible(index, handle, chosen)]

    def read(self) -> list[Reading]:
        """Every device; what one does not support is not told."""
        return [self._reading(index, handle) for index, handle in self._handles]

    def _reading(self, index: int, handle: Any) -> Reading:
        nvml = self._nvml
        use, memory = _Utilization(), _Memory()
        is_used = nvml.nvmlDeviceGetUtilizationRates(handle, ctypes.byref(use)) == 0
        has_memory = nvml.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)) == 0
        power_mw = self._number("nvmlDeviceGetPowerUsage", ctypes.c_uint, handle)
        energy_mj = self._number("nvmlDeviceGetTotalEnergyConsumption", ctypes.c_ulonglong, handle)
        temperature, clock = ctypes.c_uint(), ctypes.c_uint()
        is_warm = nvml.nvmlDeviceGetTemperature(handle, _GPU_TEMPERATURE, ctypes.byref(temperature)) == 0
        has_clock = nvml.nvmlDeviceGetClockInfo(handle, _SM_CLOCK, ctypes.byref(clock)) == 0
        reasons = self._number("nvmlDeviceGetCurrentClocksThrottleReasons", ctypes.c_ulonglong, handle)
        return Reading(
            index,
            self._text(nvml.nvmlDeviceGetName, handle),
            percent=use.gpu if is_used else None,
            memory_bytes=memory.used if has_memory else None,
            memory_limit_bytes=memory.total if has_memory else None,
            power_w=None if power_mw is None else power_mw / 1000,
            temperature_c=temperature.value if is_warm else None,
            clock_mhz=clock.value if has_clock else None,
            throttled=None if reasons is None else float(bool(int(reasons) & _THROTTLED)),
            energy_j=None if energy_mj is None else energy_mj / 1000,
        )

    def _handle(self, index: int) -> Any | None:
        handle = ctypes.c_void_p()
        return handle if self._nvml.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle)) == 0 else None

    def _is_visible(self, index: int, handle: Any, chosen: str | None) -> bool:
        if chosen is None:
            return True
        wanted = [word.strip() for word in chosen.split(",") if word.strip()]
        own = self._text(self._nvml.nvmlDeviceGetUUID, handle)
        return str(index) in wanted or any(own and own.startswith(word) for word in wanted if not word.isdecimal())

    def _number(self, name: str, form: Any, *arguments: Any) -> float | None:
        """What the function of this name writes; None where it fails, and in drivers that are older than it."""
        value = form()
        with suppress(AttributeError):
            return value.value if getattr(self._nvml, name)(*arguments, ctypes.byref(value)) == 0 else None
        return None

    def _text(self, function: Callable[..., int], handle: Any) -> str:
        buffer = ctypes.create_string_buffer(96)
        return buffer.value.decode("utf-8", "replace") if function(handle, buffer, len(buffer)) == 0 else ""

"""Accelerators: what their drivers tell, what this PyTorch sees of them, and how they reach each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from whet.base.units import size
from whet.doctor.check import Check
from whet.track.recorded.accelerators.found import accelerators
from whet.track.recorded.accelerators.reading import Reading

# Without --force-reinstall the one for CPUs, which is there, is good enough for pip.
_PIP = "pip install --force-reinstall torch --index-url {}"


@dataclass(frozen=True, slots=True)
class Seen:
    """What PyTorch sees: the names of devices, what it was built for, and pairs of devices that reach each other."""

    names: Sequence[str]
    build: str
    reaching: Sequence[tuple[int, int]] = ()

    @property
    def num_pairs(self) -> int:
        return len(self.names) * (len(self.names) - 1)


def readings() -> list[Reading]:
    """Every accelerator that a driver tells of."""
    return [reading for vendor in accelerators() for reading in vendor.read()]


def seen() -> Seen:
    """Imports torch, and asks it."""
    import torch

    build = (
        f"CUDA {torch.version.cuda}" if torch.version.cuda else f"ROCm {torch.version.hip}" if torch.version.hip else ""
    )
    if not torch.cuda.is_available():
        return Seen((), build or "CPU")
    num = torch.cuda.device_count()
    pairs = [(a, b) for a in range(num) for b in range(num) if a != b and torch.cuda.can_device_access_peer(a, b)]
    return Seen([torch.cuda.get_device_name(one) for one in range(num)], build, pairs)


def devices(told: Sequence[Reading], has: Seen, has_triton: bool | None = None) -> Iterator[Check]:
    """Whether PyTorch sees what the drivers tell of, and what keeps it from its speed."""
    names = [one.name or f"device {one.index}" for one in told]
    figures = {"devices": list(has.names), "drivers": names, "build": has.build}
    if not told and not has.names:
        yield Check("devices", "no accelerator: runs compute on the CPU", figures=figures)
        return
    if len(has.names) < len(told):
        seen_here = f"this PyTorch ({has.build}) sees {len(has.names)}"
        shown = f"the drivers tell of {len(told)} ({', '.join(names)}), and {seen_here}"
        stack = told[0].stack
        is_built = has.build.startswith(stack.name)
        hint = f"echo ${stack.visible}; {stack.program}" if is_built else _PIP.format(stack.wheels)
        yield Check("devices", shown, "bad" if not has.names else "slow", hint, figures)
    else:
        yield Check("devices", ", ".join(has.names), figures=figures)
    for one in told:
        yield from _busy(one)
    if has.num_pairs:
        yield _interconnect(has)
    if has.names and not (find_spec("triton") is not None if has_triton is None else has_triton):
        told_text = "triton is not installed: fused kernels and train.compile are not to be had"
        yield Check("triton", told_text, "slow", "pip install triton", {})


def _busy(one: Reading) -> Iterator[Check]:
    name = f"device {one.index}"
    if one.memory_bytes is not None and one.memory_limit_bytes and one.memory_bytes > 0.1 * one.memory_limit_bytes:
        shown = f"{size(one.memory_bytes)} of {size(one.memory_limit_bytes)} are taken by others"
        yield Check(name, shown, "slow", f"{one.stack.program}, to see by whom", one.levels())
    if one.throttled:
        yield Check(
            name, "it is being slowed down for its heat or power", "slow", "nvidia-smi -q -d PERFORMANCE", one.levels()
        )


def _interconnect(has: Seen) -> Check:
    figures = {"pairs": has.num_pairs, "reaching": len(has.reaching)}
    if len(has.reaching) < has.num_pairs:
        shown = (
            f"{has.num_pairs - len(has.reaching)} of {has.num_pairs} pairs of devices do not reach each other's memory"
        )
        return Check(
            "interconnect", f"{shown}: what they exchange goes over the host", "slow", "nvidia-smi topo -m", figures
        )
    return Check("interconnect", "all devices reach each other's memory", figures=figures)

"""The cards of this machine, asked of the driver's own command, without torch."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from whet.base.errors import ConfigError
from whet.parallel.measured import load, ranks_measured
from whet.plan.hardware.cards import Card, Figure, cards

HOST = "this machine's processor"
# What meshes send within a node.
_SUMS = ("all_gather", "reduce_scatter", "all_reduce")
_ASK = ("--query-gpu=name,memory.total", "--format=csv,noheader,nounits")


def detected() -> tuple[Card, int]:
    """The card that this machine has, and how many; a machine without one is its processor and its memory.

    Raises ConfigError where the system does not tell its memory.
    """
    found = _nvidia()
    if found:
        name, mib = found[0]
        alike = [one for one in cards().values() if one.name.replace("-", "") in _plain(name)]
        known = max(alike, key=lambda one: len(one.name), default=None)  # a 4090 is no 4090 Laptop
        figures = dict(known.figures) if known else {}
        figures["usable_gib"] = figures["memory"] = Figure(mib / 1024, "reported")
        figures |= _links(figures)
        kind = ("consumer", "nvidia", "unknown") if known is None else (known.kind, known.vendor, known.generation)
        return Card(name if known is None else known.name, *kind, figures), len(found)
    return _host(), 1


def detected_for(device: str) -> Card:
    """What a run has on a kind of device of this machine, in torch's words. Raises ConfigError as `detected` does."""
    return _host() if device == "cpu" else detected()[0]


def host_bytes(card: Card) -> int | None:
    """The memory beside a card of this machine; None of a card that was only named, or where there is none beside."""
    is_here = "memory" in card.figures and card.figures["memory"].how == "reported"
    return _memory() if is_here and card.device == "cuda" else None


def processor() -> str:
    """What this machine's processor is called, and how many of its cores this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        told = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        told = None
    return f"{told[1].strip() if told else platform.processor() or platform.machine()}, {cores} cores"


def _host() -> Card:
    num_bytes = _memory()
    if num_bytes is None:
        raise ConfigError("this system does not tell its memory", at="--gpu", hint="--gpu rtx-4090")
    figures = {"memory": Figure(num_bytes / 2**30, "reported"), "usable_gib": Figure(num_bytes / 2**30, "reported")}
    return Card(HOST, "cpu", "any", "any", figures)


def _links(figures: Mapping[str, Figure]) -> dict[str, Figure]:
    """What a rank sends a second (`measured_gbs`) where `whet doctor --ranks N` has measured it between this machine's
    cards, of as many as it has; then so many are `a_node`, at least."""
    ranks = max(ranks_measured("nccl"), default=0)
    table = load("nccl", ranks) if ranks > 1 else {}
    if not (found := [table[name].wire_bytes_per_s for name in _SUMS if name in table]):
        return {}
    a_node = max(float(ranks), figures["a_node"].value if "a_node" in figures else 1.0)
    return {"measured_gbs": Figure(min(found) / 1e9, "measured"), "a_node": Figure(a_node, "measured")}


def _nvidia() -> list[tuple[str, float]]:
    if shutil.which("nvidia-smi") is None:
        return []
    told = subprocess.run(["nvidia-smi", *_ASK], capture_output=True, text=True, timeout=20, check=False)
    rows = [line.rpartition(",") for line in told.stdout.splitlines() if "," in line]
    return [(name.strip(), float(mib)) for name, _, mib in rows] if told.returncode == 0 else []


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _memory() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    told = next((line.split()[1] for line in lines if line.startswith("MemTotal:")), None)
    return int(told) * 1024 if told else None

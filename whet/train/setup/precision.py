"""Which precision a run computes in: what its config says, or what this machine is quicker with."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch.nn import functional as F

from whet.base.catalogue import model_source
from whet.base.run import Run
from whet.kernels.processor import has_bf16
from whet.parallel.world import World

AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}
# What is multiplied to find out: as many tokens, and as wide as the model, but no wider.
TOKENS, WIDEST = 256, 1024
# Layers narrower than this spend their time elsewhere, and the measurement is noise.
NARROWEST = 256
# bf16 has 8 bits, so it has to be worth it.
WORTH = 1.3
REPEATS = 3


def autocast_dtype(run: Run, device: torch.device) -> torch.dtype | None:
    """What `train.precision` computes products in besides the weights' own type; by default bfloat16 on GPUs."""
    return AUTOCAST.get(computed(run, device))


def computed(run: Run, device: torch.device) -> str:
    """`train.precision`, and what `auto` is where nobody has measured."""
    wanted = run.train.precision
    return wanted if wanted != "auto" else "bf16" if device.type == "cuda" else "fp32"


def with_precision(run: Run, world: World, pinned: Mapping[str, Any]) -> Run:
    """The run with `train.precision` as it is computed: as it began, else as measured by rank 0 for all."""
    if run.train.precision != "auto":
        return run
    chosen = pinned.get("precision") or _chosen(run, world)
    return run.model_copy(update={"train": run.train.model_copy(update={"precision": chosen})})


def on_precision(wanted: str, run: Run, device: torch.device) -> Iterator[str]:
    """A sentence when `auto` took bf16 on a CPU."""
    if wanted == "auto" and run.train.precision == "bf16" and device.type == "cpu":
        yield (
            "train.precision=auto is bf16 here: this CPU multiplies matrices of the model's width faster in it, with "
            "weights kept in fp32; train.precision=fp32 computes in fp32"
        )


def gain(width: int) -> float:
    """How many times as fast a linear layer of this width is under bf16 autocast, forward and backward, on the CPU.

    Takes about 0.1 s where there are instructions for it; the best of a few repeats counts.
    """
    width = min(width, WIDEST)
    draw = torch.Generator().manual_seed(0)
    weight = torch.randn(width, width, generator=draw, requires_grad=True)
    x = torch.randn(TOKENS, width, generator=draw, requires_grad=True)
    return _fastest(x, weight, False) / _fastest(x, weight, True)


def _chosen(run: Run, world: World) -> str:
    if world.device.type != "cpu":
        return "bf16" if world.device.type == "cuda" else "fp32"
    told = model_source.get(run.model.kind).facts.width
    width = told(**run.model.values()) if told and world.is_writer and has_bf16() else 0
    return world.agreed("bf16" if width >= NARROWEST and gain(width) >= WORTH else "fp32")


def _fastest(x: torch.Tensor, weight: torch.Tensor, is_narrow: bool) -> float:
    """Seconds of the fastest repeat, after one to warm up."""
    found = []
    for _ in range(REPEATS + 1):
        began = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=is_narrow):
            total = F.linear(x, weight).float().sum()
        torch.autograd.grad(total, (x, weight))
        found.append(time.perf_counter() - began)
    return min(found[1:])

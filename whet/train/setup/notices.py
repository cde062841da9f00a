"""What a run must say of itself: where a law holds only in expectation, or only to rounding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from whet.base.catalogue import optimizer, schedule
from whet.base.run import Run
from whet.data.store.ledger import Ledger
from whet.models.merging.layers import breaks_ties
from whet.models.tuning.wrapper import wrapper_of
from whet.optim.groups import ParamGroups
from whet.optim.split import below

_RATES = ("attention_dropout", "attn_pdrop", "hidden_dropout", "resid_pdrop", "embd_pdrop", "dropout")


def environment(world_size: int) -> dict[str, Any]:
    """What the bits of a step depend on besides the run's own state."""
    import transformers

    return {
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "ranks": world_size,
    }


def on_resume(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """A sentence when the environment is not the one that the run began in."""
    changed = [f"{name} was {before[name]}, is {now[name]}" for name in now if before.get(name, now[name]) != now[name]]
    if changed:
        yield f"the run goes on equal to rounding, not bit for bit: {'; '.join(changed)}"


def on_ledger(ledger: Ledger, path: Path) -> Iterator[str]:
    """Sentences where rows were skipped or cut, where they are listed, and what else is to be said of the data."""
    if any(ledger):
        yield f"not every row is learned from as it is: {ledger.summary()}; they are listed in {path}"
    yield from ledger.notes


def on_micro_batch(wanted: int | str, resolved: int) -> Iterator[str]:
    """A sentence when one sample alone is longer than the micro-batch that the config asks for."""
    if isinstance(wanted, int) and wanted < resolved:
        yield f"train.micro_batch is {wanted:,}, and the longest sample needs {resolved:,} tokens at once: that is used"


def on_schedule(run: Run) -> Iterator[str]:
    """Sentences when the rate falls under an optimizer that averages the weights instead, or never reaches its peak."""
    steps, factor = run.train.steps, partial(schedule.get(run.schedule.kind).build, **run.schedule.values())
    last = [factor(step, steps) for step in (steps - 2, steps - 1) if step >= 0] if steps else [1.0]
    if last[-1] < 1 and last == sorted(set(last)):
        kind = run.schedule.kind
        yield f"`schedule: {kind}` still rises at the last of {steps} steps: its warmup is as long as the run"
    averages = "evaluation_weights" in optimizer.get(run.optimizer.kind).facts.needs
    if averages and schedule.get(run.schedule.kind).facts.falls:
        yield (
            f"`optimizer: {run.optimizer.kind}` averages the weights in place of a falling rate, and "
            f"`schedule: {run.schedule.kind}` lets it fall too: it is made for schedule=constant"
        )


def on_rank(chosen: Any, groups: ParamGroups) -> Iterator[str]:
    """A sentence when matrices are smaller than the rank that the optimizer projects them to."""
    rank = chosen.values().get("rank", 0)
    small = below(groups, rank)
    if small:
        yield (
            f"{len(small)} matrices, such as `{small[0].name}`, have a side below optimizer.rank ({rank}): "
            f"`optimizer.rest: {chosen.rest.kind}` steps them"
        )


def on_noise(module: nn.Module) -> Iterator[str]:
    """A sentence when dropout is on: the libraries draw it per micro-batch, not per sample."""
    config = getattr(module, "config", None)
    rates = [getattr(config, name, 0.0) for name in _RATES]
    rates += [part.p for part in module.modules() if isinstance(part, nn.Dropout)]
    if any(isinstance(rate, int | float) and rate > 0 for rate in rates):
        yield "dropout is drawn a micro-batch: other micro-batches or ranks give the same steps in expectation only"


def on_ties(module: nn.Module) -> Iterator[str]:
    """A sentence when the adapter is of one end of tied weights."""
    if wrapper_of(module) is not None and breaks_ties(module):
        yield (
            "the adapter changes one end of tied embeddings: with it merged, the model has weights of its own for each "
            "end (`tie_word_embeddings: false`), and is so much larger"
        )

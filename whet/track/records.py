"""Records: what the loop tells its sinks. Frozen, and sinks cannot answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Protocol


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The first record of an attempt. `held`: of a run on several ranks its mesh, and what this rank holds there."""

    kind: ClassVar[str] = "started"
    step: int
    total: int
    facts: Mapping[str, Any] = field(default_factory=dict)
    held: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One optimizer step. `metrics` holds `loss`, `grad_norm`, `lr`, and what the objective adds.

    `tokens` (0 for a model without) and `samples` count the global step; `seconds` is its wall time;
    `peak_bytes` the process's highest memory so far (GPU memory where there is one). `parts` are seconds of this rank:
    `data_s` to fetch and collate, of which the loop waited `wait_s`, `forward_s`, `backward_s`, `update_s`,
    `communication_s` to agree and add up among ranks; before the step, `checkpoint_s` to save and `record_s` to write
    down what the steps before it learned from; and the step's `flops` on all ranks, with the share `mfu` of what the
    machine's matrix products reach.
    """

    kind: ClassVar[str] = "step"
    step: int
    total: int
    metrics: Mapping[str, float]
    tokens: int
    samples: int
    seconds: float
    peak_bytes: int
    epoch: float = 0.0
    parts: Mapping[str, float] = field(default_factory=dict)

    def scalars(self) -> dict[str, float]:
        unit, count = ("tokens", self.tokens) if self.tokens else ("samples", self.samples)
        return {
            **self.metrics,
            unit: count,
            "samples": self.samples,
            f"{unit}_per_s": count / self.seconds if self.seconds > 0 else 0.0,
            "seconds": self.seconds,
            "peak_bytes": self.peak_bytes,
            "epoch": self.epoch,
            **self.parts,
        }


@dataclass(frozen=True, slots=True)
class EvaluationRecord:
    """A held-out measurement; its scalars are prefixed with `eval/`."""

    kind: ClassVar[str] = "evaluation"
    step: int
    metrics: Mapping[str, float]
    seconds: float

    def scalars(self) -> dict[str, float]:
        return {f"eval/{name}": value for name, value in self.metrics.items()}


@dataclass(frozen=True, slots=True)
class GenerationRecord:
    """What the model said to a prompt at a step."""

    kind: ClassVar[str] = "generation"
    step: int
    prompt: str
    text: str


@dataclass(frozen=True, slots=True)
class CheckpointRecord:
    """A complete checkpoint lies at `path`; training stood still for it for so many `seconds`."""

    kind: ClassVar[str] = "checkpoint"
    step: int
    path: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the user should know: `level` is `info`, `warning` or `alarm`."""

    kind: ClassVar[str] = "notice"
    step: int
    level: str
    text: str


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The last record of an attempt: `done`, `stopped`, `early_stop` or `failed`, and why."""

    kind: ClassVar[str] = "ended"
    step: int
    outcome: str
    reason: str


Record = RunStarted | StepRecord | EvaluationRecord | GenerationRecord | CheckpointRecord | Notice | RunEnded


class Sink(Protocol):
    """Receives a run's records in order. It cannot answer, and must not raise or block."""

    def receive(self, record: Record) -> None: ...

    def close(self) -> None: ...


def content(record: Record) -> dict[str, Any]:
    """The record's fields without its step. (`asdict` would copy them deeply, and fails on read-only mappings.)"""
    return {one.name: getattr(record, one.name) for one in fields(record) if one.name != "step"}

"""Run folders as the loop would leave them, made of the real records and the real sink."""

from collections.abc import Iterable
from pathlib import Path

from whet.base.catalogue import sink
from whet.track.records import (
    CheckpointRecord,
    EvaluationRecord,
    GenerationRecord,
    Notice,
    Record,
    RunEnded,
    RunStarted,
    StepRecord,
)


def step(number: int, total: int = 20, **metrics: float) -> StepRecord:
    values = {"loss": 4.0 / number, "grad_norm": 0.5, "lr": 1e-4, **metrics}
    return StepRecord(
        number, total, values, tokens=2000, samples=8, seconds=0.5, peak_bytes=3 << 30, epoch=number / total
    )


def records(last: int = 20, total: int = 20, outcome: str | None = "done") -> list[Record]:
    """A whole run: steps 1 to `last`, each fifth evaluated, and one of everything else."""
    found: list[Record] = [RunStarted(0, total, {"model": "tiny-llama", "parameters": 123_456})]
    for number in range(1, last + 1):
        found.append(step(number, total))
        if number % 5 == 0:
            found.append(EvaluationRecord(number, {"loss": 5.0 / number, "hits": 0.25}, 1.5))
    found.append(GenerationRecord(last, "Who are you?", "I am\na \x1b[31mmodel."))
    found.append(CheckpointRecord(last, f"checkpoints/step-{last:08d}", 0.25))
    found.append(Notice(last, "warning", "the loss is spiking"))
    return [*found, RunEnded(last, outcome, "all steps done")] if outcome else found


def write(folder: Path, stream: Iterable[Record], rank: int = 0):
    """Feed records to the `log` sink of a run folder and return the sink, open if no record ended the run."""
    log = sink.get("log").build(folder, rank)
    for record in stream:
        log.receive(record)
    return log

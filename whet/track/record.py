"""What a sink sees of a record. The records themselves are defined above this room, in `contracts`."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Protocol


class Record(Protocol):
    """A frozen dataclass of one of the kinds started, step, evaluation, generation, checkpoint, notice, ended.

    Step and evaluation records also have `scalars() -> dict[str, float]`.
    """

    @property
    def kind(self) -> str: ...

    @property
    def step(self) -> int: ...


class Sink(Protocol):
    """Receives a run's records in order. It cannot answer, and must not raise or block."""

    def receive(self, record: Record) -> None: ...

    def close(self) -> None: ...


def content(record: Record) -> dict[str, Any]:
    """The record's fields without its step. (`asdict` would copy them deeply, and fails on read-only mappings.)"""
    return {field.name: getattr(record, field.name) for field in fields(record) if field.name != "step"}  # type: ignore[arg-type]

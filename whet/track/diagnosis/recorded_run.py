"""RecordedRun: what rules may ask of a run, in bounded memory however long it is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from whet.track.diagnosis.finding import Row
from whet.track.diagnosis.series import Series
from whet.track.reading.catalogue import said_of
from whet.track.reading.read import History
from whet.track.reading.rows import flat
from whet.track.reading.store import history
from whet.track.recorded.row_frames import StepRows
from whet.track.recorded.row_scan import Digests, evaluated_rows, every_digest, rows_at
from whet.track.recorded.watched import Watched, watched_tokens

if TYPE_CHECKING:
    import numpy as np

# Curves of so many points are looked at whole; longer ones in as many buckets, and whole where it matters.
MOST = 20_000
_LOSSES = ("loss", "train/loss", "train_loss")
_HELD_OUT = ("eval/loss", "val/loss", "valid/loss", "validation/loss", "eval_loss", "val_loss", "test/loss")
_RATES = ("lr", "learning_rate", "train/lr", "train/learning_rate")
_NORMS = ("grad_norm", "train/grad_norm")
# What is learned from answers of the model itself has figures of this name, and a loss without a level.
_REWARD = "reward"


@dataclass(frozen=True, slots=True)
class Odd:
    """The first value of a curve that is no finite number."""

    writer: str
    name: str
    step: int
    value: float


class RecordedRun:
    """A run folder with its logs. `refresh` reads what has come since; between two of them answers stay the same."""

    def __init__(self, folder: Path, logs: History | None = None) -> None:
        self.folder = Path(folder)
        self.logs = history(folder) if logs is None else logs
        self._series: dict[tuple[str, str], Series] = {}

    @property
    def name(self) -> str:
        return self.folder.resolve().name

    @property
    def is_live(self) -> bool:
        """Whether it runs, as far as is known."""
        return self.logs.status in ("new", "running")

    def refresh(self) -> None:
        """Read what was appended, and forget what was made of it before."""
        self.logs.refresh()
        self.forget()

    def forget(self) -> None:
        """Look at curves anew."""
        self._series.clear()
        self.__dict__.pop("config", None)

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """Settings by their places (`optimizer.lr`), or a script's config."""
        return dict(flat(said_of(self.folder, self.logs)["config"]))

    @property
    def loss(self) -> str | None:
        """The name of the training loss."""
        return self._first(_LOSSES)

    @property
    def held_out(self) -> str | None:
        """The name of the loss on what is held out."""
        return self._first(_HELD_OUT)

    @property
    def rate(self) -> str | None:
        """The name of the learning rate."""
        return self._first(_RATES)

    @property
    def norm(self) -> str | None:
        """The name of the gradient norm."""
        return self._first(_NORMS)

    @property
    def has_level(self) -> bool:
        """Whether a lower loss is a better one: not where a reward is learned from, and not where it goes below 0."""
        return self.loss is not None and _REWARD not in self.logs.names() and not (self.series(self.loss).low < 0).any()

    @property
    def waits_for_answers(self) -> bool:
        """Whether what it waits for between steps are answers of a model, which take their time."""
        return _REWARD in self.logs.names()

    def series(self, name: str | None, writer: str | None = None) -> Series:
        """A curve of a writer (by default the lowest rank's), of at most about `MOST` entries; empty without one."""
        key = name or "", writer or self.logs.speaker
        if key not in self._series:
            self._series[key] = self._read(*key)
        return self._series[key]

    def window(self, name: str, first: int, last: int, writer: str | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Steps and values (n,) of the points of a curve from one step to another, of which `MOST` are read."""
        level = self.logs.window(name, first, last, MOST, writer)
        return level.last_steps, level.high[0]

    def odd(self) -> list[Odd]:
        """Figures that are no finite numbers, the first of each, by step."""
        found = []
        for writer in self.logs.writers:
            for name in self.logs.names(writer):
                stretches = self.logs.non_finite(name, writer)
                found += [Odd(writer, name, one.first_step, float(one.kind)) for one in stretches[:1]]
        return sorted(found, key=lambda odd: odd.step)

    def rows(self, steps: Iterable[int]) -> dict[int, list[StepRows]]:
        """By step the rows that it learned from, a value a rank; nothing of steps without."""
        return rows_at(self.folder, set(steps))

    def digests(self) -> Iterable[Digests]:
        """What the rows of all steps are told by, in pieces."""
        return every_digest(self.folder)

    def evaluated(self) -> list[StepRows]:
        """The rows that were measured and not learned from; empty where they are not recorded."""
        return evaluated_rows(self.folder)

    def watched(self) -> list[Watched]:
        """Tokens that the run should train, with the steps at which it first read and trained them."""
        return watched_tokens(self.logs)

    def view(self, tab: str, *names: str | None, **places: int) -> str:
        """A tab of the run's page with those of these curves that were recorded, such as `charts?names=loss,lr`."""
        known = set(self.logs.names())
        told = ",".join(name for name in names if name in known)
        words = ([f"names={told}"] if told else []) + [f"{key}={value}" for key, value in places.items()]
        return f"{tab}?{'&'.join(words)}" if words else tab

    def resumes(self) -> list[tuple[int, int]]:
        """Of each attempt behind the first its number and first step."""
        return self.logs.resumes()

    def _first(self, names: Sequence[str]) -> str | None:
        known = set(self.logs.names())
        return next((name for name in names if name in known), None)

    def _read(self, name: str, writer: str) -> Series:
        import numpy as np

        if self.logs.num_points(name, writer) <= MOST:
            parts = self.logs.points(name, writer)
            if not parts:
                none = np.empty(0)
                return Series(none.astype(np.int64), none.astype(np.int64), none, none, none, none)
            steps, values, times = (
                np.concatenate([getattr(p, f) for p in parts]) for f in ("steps", "values", "times")
            )
            return Series(steps, steps, values, values, values, times)
        level = self.logs.curve(name, MOST, writer)
        places = level.first_steps, level.last_steps
        return Series(*places, level.low[0], level.high[0], level.mean[0], level.times, is_whole=False)


def worst_rows(found: Sequence[StepRows], most: int = 5) -> list[Row]:
    """The rows of a step with the highest losses; those that are no numbers come first."""
    import numpy as np

    rows = []
    for step in found:
        losses = step.columns.get("loss", np.empty(0)).astype(float)
        order = np.argsort(np.where(np.isfinite(losses), -losses, -np.inf), kind="stable")[:most]
        rows += [row_of(step, int(index)) for index in order]
    return sorted(rows, key=lambda row: -row.loss if is_finite(row.loss) else -np.inf)[:most]


def is_finite(loss: float | None) -> TypeGuard[float]:
    """Whether a loss was recorded that is a finite number."""
    return loss is not None and math.isfinite(loss)


def row_of(step: StepRows, index: int) -> Row:
    """One of a step's rows."""
    loss = float(step.columns["loss"][index]) if "loss" in step.columns else None
    return Row(step.step, step.rank, *step.place(index), loss, int(step.columns["tokens"][index]))

"""What is recorded beside a run: the machine and the console, as far as it is wanted."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Protocol

from whet.base.errors import RunError
from whet.track.logs.frames import Writer

# `never` records nothing of itself, whatever a script or a training asks for.
VARIABLE, NEVER = "WHET_RECORD", "never"


class Closable(Protocol):
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is wanted: environment, console, and samples of the hardware every so many seconds (0: none).

    Prices are those of an hour of the machine and of a kilowatt-hour.
    """

    environment: bool = True
    console: bool = True
    hardware_every_s: float = 5.0
    price_per_hour: float = 0.0
    price_per_kwh: float = 0.0

    @classmethod
    def of(cls, given: Mapping[str, Any] | None) -> Recorded:
        """What a script asks for. Raises RunError for a name that is none of these."""
        names = [one.name for one in fields(cls)]
        if unknown := sorted(set(given or {}) - set(names)):
            raise RunError(f"`record` has no `{unknown[0]}`", hint=f"one of {', '.join(names)}")
        return cls(**given) if given else cls()

    def without(self, settings: Any) -> Recorded:
        """Less what `settings` of wandb turn off: `console="off"`, `x_disable_stats=True`, `x_disable_meta=True`."""
        given = settings if isinstance(settings, Mapping) else {}
        off = {name for name in ("stats", "meta") if given.get(f"x_disable_{name}") or given.get(f"_disable_{name}")}
        return replace(
            self,
            environment=self.environment and "meta" not in off,
            console=self.console and given.get("console") != "off",
            hardware_every_s=0.0 if "stats" in off else self.hardware_every_s,
        )


def beside(logs: Path, writer: Writer, step: Callable[[], int], wanted: Recorded) -> list[Closable]:
    """Begin to record. The machine is told of by the first rank on it, the console by every writer.

    Raises nothing: what cannot be recorded is not.
    """
    if os.environ.get(VARIABLE) == NEVER:
        return []
    found: list[Closable] = []
    try:
        if writer.rank is not None and (wanted.environment or wanted.hardware_every_s > 0):
            from whet.track.recorded.energy import Prices
            from whet.track.recorded.machine import Machine, is_of_this_machine

            if is_of_this_machine():
                every_s, prices = wanted.hardware_every_s, Prices(wanted.price_per_hour, wanted.price_per_kwh)
                about, rank = wanted.environment, writer.rank
                found.append(Machine(logs, step, every_s=every_s, environment=about, prices=prices, rank=rank))
        if wanted.console:
            from whet.track.recorded.console import Console

            found.append(Console(logs, writer.name, step))
    except (RunError, RuntimeError):  # a disk that has become full, or no more threads
        pass
    return found

"""Stable-Baselines3: `model.learn(10_000, callback=WhetCallback())`."""

from __future__ import annotations

from typing import Any

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter

from whet.track.integrations.joining import joined, numbers
from whet.track.script.script_run import Run


class WhetWriter(KVWriter):
    """Takes what the algorithm's logger writes: the numbers of each dump, at its count of environment steps."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, Any], step: int = 0) -> None:
        self._run.log(numbers(key_values), step)

    def close(self) -> None:
        """The run stays open: the logger is closed after each `learn`."""


class WhetCallback(BaseCallback):
    """Adds a writer to the logger of the algorithm, and its settings to the config.

    `settings` are arguments of `whet.track.init`.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self._settings = settings

    def _on_training_start(self) -> None:
        plain = {name: value for name, value in vars(self.model).items() if isinstance(value, int | float | str)}
        run = joined(self._settings, {"algorithm": type(self.model).__name__, **plain})
        if not any(isinstance(one, WhetWriter) for one in self.logger.output_formats):
            self.logger.output_formats.append(WhetWriter(run))

    def _on_step(self) -> bool:
        return True

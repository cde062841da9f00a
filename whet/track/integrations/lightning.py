"""Lightning: `Trainer(logger=WhetLogger(project="mine"))`, of the package lightning or pytorch_lightning."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from whet.track.integrations.joining import joined
from whet.track.script.mappings import as_mapping
from whet.track.script.script_run import Run

if "pytorch_lightning" in sys.modules and "lightning" not in sys.modules:
    from pytorch_lightning.loggers.logger import Logger, rank_zero_experiment
    from pytorch_lightning.utilities.rank_zero import rank_zero_only
else:
    from lightning.pytorch.loggers.logger import Logger, rank_zero_experiment
    from lightning.pytorch.utilities.rank_zero import rank_zero_only


class WhetLogger(Logger):
    """A logger of Lightning's; `settings` are arguments of `whet.track.init`, for where no run is open."""

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self._settings = settings
        self._run: Run | None = None

    @property
    @rank_zero_experiment
    def experiment(self) -> Run:
        """The run, begun when it is first asked for."""
        if self._run is None or not self._run.is_open:
            self._run = joined(self._settings)
        return self._run

    @property
    def name(self) -> str:
        return str(self._settings.get("project") or "whet")

    @property
    def version(self) -> str | None:
        return None if self._run is None else self._run.id

    @property
    def save_dir(self) -> str | None:
        """Checkpoints go into the run folder's parent, under `name` and `version`."""
        return None if self._run is None else str(self._run.path.parent)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self.experiment.log(metrics, step)

    @rank_zero_only
    def log_hyperparams(self, params: Any, *more: Any, **named: Any) -> None:
        self.experiment.config.update({**as_mapping(params), **named})

    @rank_zero_only
    def log_image(self, key: str, images: list[Any], step: int | None = None, **more: Any) -> None:
        """Log pictures under a name, with `caption` and the like for each."""
        from whet.track.script.media import Image

        told = [{name: values[place] for name, values in more.items()} for place in range(len(images))]
        self.experiment.log({key: [Image(one, **said) for one, said in zip(images, told, strict=True)]}, step)

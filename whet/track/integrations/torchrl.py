"""TorchRL: `WhetLogger("name", project="mine")` where a `torchrl.record.loggers.Logger` is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torchrl.record.loggers.common import Logger

from whet.track.integrations.joining import joined
from whet.track.script.mappings import as_mapping
from whet.track.script.script_run import Run


class WhetLogger(Logger):
    """A logger of TorchRL's; `settings` are arguments of `whet.track.init`."""

    def __init__(self, exp_name: str, log_dir: str | None = None, **settings: Any) -> None:
        self._settings = {"name": exp_name, **settings}
        super().__init__(exp_name, log_dir or "")

    def _create_experiment(self) -> Run:
        return joined(self._settings)

    def log_scalar(self, name: str, value: float, step: int | None = None) -> None:
        self.experiment.log({name: value}, step)

    def log_video(self, name: str, video: Any, step: int | None = None, fps: int = 4, **more: Any) -> None:
        from whet.track.script.media import Video
        from whet.track.script.media.base import as_array

        self.experiment.log({name: [Video(one, fps=fps) for one in as_array(video)]}, step)

    def log_hparams(self, cfg: Any) -> None:
        self.experiment.config.update(as_mapping(cfg))

    def log_histogram(self, name: str, data: Any, *, step: int | None = None, **more: Any) -> None:
        from whet.track.script.media import Histogram

        self.experiment.log({name: Histogram(data)}, step)

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None, **more: Any) -> None:
        self.experiment.log(metrics, step)

    def __repr__(self) -> str:
        return f"WhetLogger({self.experiment.id})"

"""accelerate: `Accelerator(log_with=WhetTracker(project="mine"))`, then `init_trackers`, `log`, `end_training`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accelerate.tracking import GeneralTracker, on_main_process

from whet.track.integrations.joining import joined
from whet.track.script.script_run import Run


class WhetTracker(GeneralTracker):
    """A tracker of accelerate's; `settings` are arguments of `whet.track.init`. `end_training` ends the run."""

    name = "whet"
    requires_logging_directory = False
    main_process_only = True

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self._settings = settings

    @on_main_process
    def start(self) -> None:
        self._run = joined(self._settings)

    @property
    def tracker(self) -> Run:
        """The run."""
        return self._run

    @on_main_process
    def store_init_configuration(self, values: Mapping[str, Any]) -> None:
        self._run.config.update(values)

    @on_main_process
    def log(self, values: Mapping[str, Any], step: int | None = None, **more: Any) -> None:
        self._run.log(values, step)

    @on_main_process
    def log_images(self, values: Mapping[str, Any], step: int | None = None, **more: Any) -> None:
        from whet.track.script.media import Image

        self._run.log({name: [Image(one, **more) for one in images] for name, images in values.items()}, step)

    @on_main_process
    def finish(self) -> None:
        self._run.finish()

"""MMEngine: `visualizer=dict(type="Visualizer", vis_backends=[dict(type="WhetVisBackend")])` after this is imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.registry import VISBACKENDS
from mmengine.visualization.vis_backend import BaseVisBackend, force_init_env

from whet.track.integrations.joining import joined, numbers
from whet.track.script.script_run import Run


@VISBACKENDS.register_module()
class WhetVisBackend(BaseVisBackend):
    """Records scalars, pictures and the config that a Runner shows; `settings` are arguments of `whet.track.init`."""

    def __init__(self, save_dir: str | None = None, **settings: Any) -> None:
        super().__init__(save_dir)
        self._settings = settings

    def _init_env(self) -> None:
        self._run = joined(self._settings)

    @property
    @force_init_env
    def experiment(self) -> Run:
        """The run."""
        return self._run

    @force_init_env
    def add_config(self, config: Any, **more: Any) -> None:
        self._run.config.update(config.to_dict())

    @force_init_env
    def add_scalar(self, name: str, value: Any, step: int = 0, **more: Any) -> None:
        self._run.log(numbers({name: value}), step)

    @force_init_env
    def add_scalars(
        self, scalar_dict: Mapping[str, Any], step: int = 0, file_path: str | None = None, **more: Any
    ) -> None:
        self._run.log(numbers({name: value for name, value in scalar_dict.items() if name != "step"}), step)

    @force_init_env
    def add_image(self, name: str, image: Any, step: int = 0, **more: Any) -> None:
        from whet.track.script.media import Image

        self._run.log({name: Image(image)}, step)

    def close(self) -> None:
        if hasattr(self, "_run"):
            self._run.finish()

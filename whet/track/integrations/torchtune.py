"""torchtune: `metric_logger: {_component_: whet.track.integrations.torchtune.WhetLogger, project: mine}`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from whet.track.integrations.joining import joined, numbers
from whet.track.script.mappings import as_mapping


class WhetLogger:
    """A metric logger by torchtune's protocol, of which nothing is imported. Of several ranks the first records.

    `settings` are arguments of `whet.track.init`.
    """

    def __init__(self, **settings: Any) -> None:
        self._run = joined(settings) if os.environ.get("RANK", "0") == "0" else None

    def log(self, name: str, data: Any, step: int) -> None:
        """Log one number."""
        self.log_dict({name: data}, step)

    def log_dict(self, payload: Mapping[str, Any], step: int) -> None:
        """Log several numbers."""
        if self._run is not None:
            self._run.log(numbers(payload), step)

    def log_config(self, config: Any) -> None:
        """Take over the recipe's config, an OmegaConf."""
        if self._run is not None:
            from omegaconf import OmegaConf

            self._run.config.update(as_mapping(OmegaConf.to_container(config, resolve=True)))

    def close(self) -> None:
        """End the run."""
        if self._run is not None:
            self._run.finish()

"""PyTorch-Ignite: `WhetLogger(project="mine")`, attached like its other loggers; with `with`, or `close`, it ends."""

from __future__ import annotations

from typing import Any

from ignite.engine import Engine, Events
from ignite.handlers.base_logger import BaseLogger, BaseOptimizerParamsHandler, BaseOutputHandler

from whet.track.integrations.joining import joined, numbers


class OutputHandler(BaseOutputHandler):
    """Logs what an engine puts out, its metrics or its state as `tag/name`, at the step of `global_step_transform`."""

    def __call__(self, engine: Engine, logger: WhetLogger, event_name: Any) -> None:
        found = self._setup_output_metrics_state_attrs(engine, key_tuple=False)
        logger.run.log(numbers(found), self.global_step_transform(engine, event_name))


class OptimizerParamsHandler(BaseOptimizerParamsHandler):
    """Logs a setting of an optimizer (`lr`) of each group."""

    def __call__(self, engine: Engine, logger: WhetLogger, event_name: Any) -> None:
        tag = f"{self.tag}/" if self.tag else ""
        groups = enumerate(self.optimizer.param_groups)
        values = {f"{tag}{self.param_name}/group_{number}": float(one[self.param_name]) for number, one in groups}
        logger.run.log(values, engine.state.get_event_attrib_value(event_name or Events.ITERATION_COMPLETED))


class WhetLogger(BaseLogger):
    """`settings` are arguments of `whet.track.init`, for where no run is open."""

    def __init__(self, **settings: Any) -> None:
        self.run = joined(settings)

    def close(self) -> None:
        self.run.finish()

    def _create_output_handler(self, *args: Any, **kwargs: Any) -> OutputHandler:
        return OutputHandler(*args, **kwargs)

    def _create_opt_params_handler(self, *args: Any, **kwargs: Any) -> OptimizerParamsHandler:
        return OptimizerParamsHandler(*args, **kwargs)

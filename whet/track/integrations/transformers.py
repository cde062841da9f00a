"""transformers' Trainer, and what is built on it (TRL, sentence-transformers): `callbacks=[WhetCallback()]`."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback
from transformers.integrations import integration_utils

from whet.track.integrations.joining import joined, part_named
from whet.track.script.script_run import Run

NAME = "whet"


class WhetCallback(TrainerCallback):
    """Records what the Trainer logs, at its global step, and the arguments and the model's config.

    `settings` are arguments of `whet.track.init`, for where no run is open when training begins. `eval_loss` becomes
    `eval/loss`; other names stay. What is evaluated after training goes into the same run.
    """

    def __init__(self, **settings: Any) -> None:
        self._settings = settings
        self._run: Run | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **more: Any) -> None:
        if state.is_world_process_zero:
            self._begin(args, model)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, model: Any = None, **more: Any) -> None:
        if state.is_world_process_zero and logs:
            run = self._begin(args, model)
            run.log({part_named(name): value for name, value in logs.items()}, step=state.global_step)

    def _begin(self, args: Any, model: Any) -> Run:
        """The run, joined at the first word of the Trainer: an evaluation may come without any training."""
        if self._run is None or not self._run.is_open:
            named = {"name": args.run_name} if getattr(args, "run_name", None) else {}
            self._run = joined({**named, **self._settings}, {**args.to_dict(), "model": _config_of(model)})
        return self._run


def register() -> None:
    """Let `report_to="whet"` mean this callback, in all Trainers of the process."""
    integration_utils.INTEGRATION_TO_CALLBACK[NAME] = WhetCallback


def _config_of(model: Any) -> dict[str, Any]:
    """The model's config; one that is no model of transformers has none, or one of its own form."""
    told = getattr(getattr(model, "config", None), "to_dict", None)
    return dict(told()) if callable(told) else {}

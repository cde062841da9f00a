"""PaddleNLP's Trainer: `Trainer(..., callbacks=[WhetCallback()])`."""

from __future__ import annotations

from typing import Any

from paddlenlp.trainer import TrainerCallback

from whet.track.integrations.joining import joined, part_named
from whet.track.script.script_run import Run


class WhetCallback(TrainerCallback):
    """Records what the Trainer logs, at its global step, and its arguments.

    `settings` are arguments of `whet.track.init`, for where no run is open when training begins. `eval_loss` becomes
    `eval/loss`; other names stay.
    """

    def __init__(self, **settings: Any) -> None:
        self._settings = settings
        self._run: Run | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        if state.is_world_process_zero:
            self._begin(args)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **more: Any) -> None:
        if state.is_world_process_zero and logs:
            named = {part_named(name): value for name, value in logs.items()}
            self._begin(args).log(named, step=state.global_step)

    def _begin(self, args: Any) -> Run:
        """The run, joined at the first word of the Trainer: an evaluation may come without any training."""
        if self._run is None or not self._run.is_open:
            named = {"name": args.run_name} if getattr(args, "run_name", None) else {}
            self._run = joined({**named, **self._settings}, args.to_dict())
        return self._run

"""The door for objectives that learn from the model's own answers."""

from __future__ import annotations

from whet.base.catalogue import engine
from whet.base.errors import ConfigError
from whet.base.rollout import Rollout
from whet.base.run import Run
from whet.generate.tools import load_tools
from whet.rewards.build import build_grader
from whet.train.setup.chosen import Chosen


def check_online(run: Run, chosen: Chosen) -> None:
    """Raise ConfigError for what an objective lacks that learns from answers."""
    if not run.rewards.functions:
        raise ConfigError(
            f"`objective: {run.objective.kind}` learns from rewards, and there are none",
            at="rewards", hint="rewards: [exact]   (`whet slots reward` lists them)",
        )  # fmt: skip
    build_grader(run.rewards).close()
    if run.rollout.completions < chosen.traits.completions:
        raise ConfigError(
            f"`objective: {run.objective.kind}` compares the answers to a prompt, and there is only one of each",
            at="rollout.completions", hint="rollout.completions=8",
        )  # fmt: skip
    if run.rollout.updates > run.rollout.prompts:
        raise ConfigError(
            f"{run.rollout.prompts} prompts cannot be learned from in {run.rollout.updates} parts",
            at="rollout.updates", hint=f"rollout.updates={run.rollout.prompts}",
        )  # fmt: skip
    _check_tools(run.rollout)
    chosen_engine = run.rollout.engine
    if engine.get(chosen_engine.kind).facts.in_training and chosen_engine != Rollout().engine:
        raise ConfigError(
            "`rollout.engine.batch_tokens` does nothing: rollouts have a setting of their own",
            at="rollout.engine.batch_tokens", hint="rollout.batch_tokens=16384",
        )  # fmt: skip


def _check_tools(made: Rollout) -> None:
    """Tools that cannot be called."""
    if made.tools:
        try:
            load_tools(made.tools)
        except ConfigError as error:
            raise ConfigError(error.message, at=error.at or "rollout.tools", hint=error.hint) from error

"""The door for objectives that learn from the model's own answers, and for settings that only they use."""

from __future__ import annotations

import os

from whet.base.errors import ConfigError
from whet.base.run import Data, Rewards, Rollout, Run
from whet.generate.tools import load_tools
from whet.rewards.build import build_grader
from whet.train.setup.chosen import Chosen

# Settings of `data` and `train` that say how given replies become steps.
_OF_REPLIES = (("data", "train_on"), ("data", "loss_scale"), ("data", "streaming"))
_OF_STEPS = ("tokens", "batch_tokens", "batch_samples")


def check_online(run: Run, chosen: Chosen) -> None:
    """Raise ConfigError for what an objective lacks that learns from answers, or for what another leaves unused."""
    if not chosen.facts.rollouts:
        _check_unused(run)
        return
    if not run.rewards.functions:
        raise ConfigError(
            f"`objective: {run.objective.kind}` learns from rewards, and there are none",
            at="rewards", hint="rewards: [exact]   (`whet slots reward` lists them)",
        )  # fmt: skip
    build_grader(run.rewards).close()
    least = getattr(chosen.loss, "least_completions", 1)
    if run.rollout.completions < least:
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
    if run.rollout.engine.kind == "local" and run.rollout.engine != Rollout().engine:
        raise ConfigError(
            "`rollout.engine.batch_tokens` does nothing: rollouts have a setting of their own",
            at="rollout.engine.batch_tokens", hint="rollout.batch_tokens=16384",
        )  # fmt: skip
    is_elsewhere = run.rollout.engine.kind != "local"
    if run.rollout.staleness and is_elsewhere and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        # One rank sends weights, and cannot know in its thread when the others have their answers of older ones.
        raise ConfigError(
            f"`engine: {run.rollout.engine.kind}` makes answers ahead of their turn for one process, and this run has "
            "several",
            at="rollout.staleness", hint="rollout.staleness=0, or rollout.engine=local",
        )  # fmt: skip
    _check_of_replies(run)


def _check_tools(made: Rollout) -> None:
    """Tools that cannot be called, and settings of tools where there are none."""
    if made.tools:
        try:
            load_tools(made.tools)
        except ConfigError as error:
            raise ConfigError(error.message, at=error.at or "rollout.tools", hint=error.hint) from error
        return
    for name in ("max_turns", "tool_timeout_s"):
        if getattr(made, name) != Rollout.model_fields[name].default:
            raise ConfigError(
                f"`rollout.{name}` does nothing: there are no tools", at=f"rollout.{name}",
                hint="rollout.tools=[tools.py]",
            )  # fmt: skip


def _check_unused(run: Run) -> None:
    for section, value, default in (("rewards", run.rewards, Rewards()), ("rollout", run.rollout, Rollout())):
        if value != default:
            raise ConfigError(
                f"`{section}` does nothing: `objective: {run.objective.kind}` does not learn from answers",
                at=section, hint="objective: grpo",
            )  # fmt: skip


def _check_of_replies(run: Run) -> None:
    for section, name in _OF_REPLIES:
        if getattr(run.data, name) != Data.model_fields[name].default:
            shown = {"train_on": "assistant", "loss_scale": "{}", "streaming": "false"}[name]
            raise ConfigError(
                f"`{section}.{name}` does nothing: `objective: {run.objective.kind}` learns from the model's answers",
                at=f"{section}.{name}", hint=f"{section}.{name}={shown}",
            )  # fmt: skip
    if run.data.truncation in ("cut", "split"):
        raise ConfigError("a prompt cannot be cut", at="data.truncation", hint="data.truncation=skip")
    for name in _OF_STEPS:
        if getattr(run.train, name) is not None:
            raise ConfigError(
                f"`train.{name}` does nothing: a step has the answers to rollout.prompts / rollout.updates prompts",
                at=f"train.{name}", hint="rollout.prompts=16",
            )  # fmt: skip

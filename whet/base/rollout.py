"""Rollout: how a run's model answers where it learns from its own answers. A section of a run's config."""

from __future__ import annotations

from pydantic import Field

from whet.base.schema import Settings
from whet.base.settings import Count, Fraction, Natural, Place, Positive, Size, choice


class Rollout(Settings):
    """How the model's own answers are made, for objectives that learn from them."""

    engine: choice("engine", "local") = Field(  # type: ignore[valid-type]
        None, description="who answers: `local` with the weights as they are, or a server that is sent them"
    )
    prompts: Size = Field(8, description="prompts that are answered before anything is learned")
    completions: Size = Field(8, description="answers to each of them")
    updates: Count = Field(1, description="optimizer steps in which they are learned from, a part of them in each")
    passes: Count = Field(1, description="times that they are learned from")
    max_new_tokens: Size = Field(256, description="tokens that an answer may have, results of tools included")
    temperature: Positive = Field(1.0, description="of the draws; training reads its logits at the same")
    top_k: Natural = Field(0, description="draw from so many of the likeliest tokens; 0: from all")
    top_p: Fraction = Field(1.0, description="draw from the likeliest tokens that have this probability together")
    min_p: Fraction = Field(0.0, description="draw from tokens with this share of the likeliest one's probability")
    resample: Natural = Field(
        0, description="how often further prompts are drawn in place of those whose answers all got the same (DAPO)"
    )
    patience: Count = Field(5, description="rollouts in a row that teach nothing before the run stops")
    batch_tokens: Size = Field(
        65536,
        description="tokens of KV cache that the local engine's answers may fill, a rank, with what conversations "
        "keep between turns",
    )
    tools: list[Place] = Field(
        [],
        description="functions that the model may call: `tools.py`, `tools.py:name` or `package.module:name`",
        examples=[["tools.py"]],
    )
    max_turns: Count = Field(8, description="turns of the model in a conversation with tools")
    tool_timeout_s: Positive = Field(30.0, description="seconds that a call of a tool may take")
    staleness: Natural = Field(
        0, description="rollouts that may be made while others are learned from; answers are at most so many older"
    )
    timeout_s: Positive = Field(1800.0, description="seconds that a rollout may be without progress")
    restarts: Natural = Field(2, description="how often it is begun anew before the run stops")

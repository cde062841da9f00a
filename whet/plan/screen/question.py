"""What the screen of the plan asks. The schema of how a model is trained or served makes the form."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Le
from pydantic import Field

from whet.base.schema import Settings

# What each way to train adds to a command.
WORDS: dict[str, tuple[str, ...]] = {
    "full": (), "lora": ("tuner=lora",), "qlora": ("tuner=lora", "model.quantize=nf4"), "serve": ("--serve",),
}  # fmt: skip
MOST_GPUS = 2**20


class How(Settings):
    """How a model is trained or served."""

    precision: Literal["bf16", "bf16-pure", "fp32"] = Field(
        "bf16", description="of training: `bf16` keeps trained weights in fp32, `bf16-pure` does not"
    )
    optimizer: Literal["adamw", "adam-mini", "adafactor", "lion", "muon", "sgd", "galore", "apollo"] = Field(
        "adamw", description="of training: the optimizer, for what it keeps of each weight"
    )
    state: Literal["fp32", "8bit"] = Field("fp32", description="format of the optimizer's state, where it has one")
    weights: Literal["bf16", "int8", "nf4"] = Field("bf16", description="of serving: format of the weights")
    cache: Literal["bf16", "fp8"] = Field("bf16", description="of serving: format of keys and values")


class FitQuestion(Settings):
    """All ways to train a model on so many cards: `config` is the config.json of one that is not known."""

    model: str = Field("llama-3.1-8b", description="a known model", max_length=200)
    config: dict[str, Any] | None = Field(None, description="a config.json, in place of a known model")
    gpu: str = Field("rtx-4090", description="the card", max_length=100)
    gpus: Annotated[int, Ge(1), Le(MOST_GPUS)] = Field(1, description="how many of them")
    length: Annotated[int, Ge(1), Le(2**24)] = Field(2048, description="tokens of the longest sample")

"""What the screen of the plan asks: a model, a card, and how it is trained or served. Its schema makes the form."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Le
from pydantic import Field

from whet.base.schema import Settings

MODES = ("full", "lora", "qlora", "serve")
# Formats of an optimizer's state.
STATES: tuple[Literal["fp32", "8bit"], ...] = ("fp32", "8bit")
# Cards that share a model by shards or, where it is served, by its heads.
CARDS = (1, 2, 4, 8)
# What each way to train adds to a command.
WORDS: dict[str, tuple[str, ...]] = {
    "full": (), "lora": ("tuner=lora",), "qlora": ("tuner=lora", "model.quantize=nf4"), "serve": ("--serve",),
}  # fmt: skip


class How(Settings):
    """How a model is trained or served, beside what sliders change."""

    mode: Literal["full", "lora", "qlora", "serve"] = Field(
        "lora", description="train all weights, adapters, adapters beside weights in nf4; or serve"
    )
    gpus: Annotated[int, Ge(1), Le(8)] = Field(1, description="cards that share the model")
    precision: Literal["bf16", "bf16-pure", "fp32"] = Field(
        "bf16", description="of training: `bf16` keeps trained weights in fp32, `bf16-pure` does not"
    )
    optimizer: Literal["adamw", "adam-mini", "adafactor", "lion", "muon", "sgd", "galore", "apollo"] = Field(
        "adamw", description="of training: the optimizer, for what it keeps of each weight"
    )
    state: Literal["fp32", "8bit"] = Field("fp32", description="format of the optimizer's state, where it has one")
    recompute: bool = Field(True, description="layers are computed again in the backward pass, and keep their input")
    weights: Literal["bf16", "int8", "nf4"] = Field("bf16", description="of serving: format of the weights")
    cache: Literal["bf16", "fp8"] = Field("bf16", description="of serving: format of keys and values")


class Question(How):
    """A question: `config` is the config.json of a model that is not among the known ones."""

    model: str = Field("llama-3.1-8b", description="a known model", max_length=200)
    config: dict[str, Any] | None = Field(None, description="a config.json, in place of a known model")
    gpu: str = Field("rtx-4090", description="the card", max_length=100)

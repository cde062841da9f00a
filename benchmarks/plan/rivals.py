"""What other estimators say of a training's memory, written down from their public documentation.

accelerate (`estimate-memory`, training with Adam): the largest of model, gradients, optimizer and step, from the size
of the weights in float32: four times it in float32, twice it in mixed precision. DeepSpeed (ZeRO-2 estimator, one GPU,
no offload): 20 bytes a parameter. Textbook: weights, gradients and Adam's moments of what is trained, weights of the
rest, and 34 s b h bytes of activations a layer in 16 bits (Korthikanti et al. 2022, attention in a flash kernel), or
2 s b h where layers are recomputed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Facts:
    """Parameters of the model, those that are trained, layers, width, tokens at once, and how it is computed."""

    parameters: int
    trained: int
    layers: int
    width: int
    tokens: int
    precision: str
    recompute: bool


def accelerate(facts: Facts) -> float:
    return 4 * facts.parameters * (4 if facts.precision == "fp32" else 2)


def deepspeed(facts: Facts) -> float:
    return 20 * facts.parameters


def textbook(facts: Facts) -> float:
    item = 2 if facts.precision == "bf16-pure" else 4
    states = item * facts.parameters + (item + 8) * facts.trained
    a_token = (2 if facts.recompute else 34) * facts.width * (2 if facts.precision == "fp32" else 1)
    return states + facts.layers * facts.tokens * a_token


RIVALS: Mapping[str, Callable[[Facts], float]] = {
    "accelerate": accelerate, "DeepSpeed": deepspeed, "textbook": textbook,
}  # fmt: skip

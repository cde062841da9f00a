"""How far a written model may drift from the trained one, by what was done to its weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch


@dataclass(frozen=True, slots=True)
class Limits:
    """How far an export may drift.

    `largest` and `mean` are logit differences in standard deviations of the logits (None: not limited): of the token
    whose logit has moved most, in the median over places, and of all. `kl` is the mean divergence in nats, `agreement`
    the share of positions whose most likely token must stay, `generation` the share of greedily generated tokens that
    must stay, `perplexity` the factor by which that of held-out data may grow.

    No limit is on a single number: where a sum cancels, or a token stands between two experts, rounding moves one place
    as far as it likes.
    """

    largest: float | None
    mean: float
    kl: float
    agreement: float
    generation: float = 0.0
    perplexity: float = math.inf


# A number that is no deviation of logits.
TINY = 1e-30
# In fp32 only the order of sums differs: with a unit roundoff u of 6e-8 and N roundings on the way to a logit, each
# independent and of the size of the logits, by u sqrt(N), which is 6e-5 for a million of them (100 layers of sums over
# 10,000). The limit on the mean is that, the one on a token's logit ten times it.
# Rounding random models of 2 to 28 layers to bf16 moved logits by a mean of 0.3 to 0.6 % of the deviation and the
# largest one by 3 to 4 %; one with weights three times as wide, which amplifies every rounding, by 3.8 % and 34 %. fp16
# moved them a tenth of that. What is generated leaves the old path for good at the first close call, so rounding may
# cost much of it; in fp32 calls are not that close.
DENSE = {
    torch.float32: Limits(1e-3, 1e-4, 1e-6, 0.99, 0.9),
    torch.float16: Limits(0.05, 6e-3, 1e-4, 0.97, 0.5),
    torch.bfloat16: Limits(0.5, 0.06, 0.01, 0.9),
}
# Where a token stands between two experts, rounding sends it to the other one: single positions move by as much as the
# logits' deviation (measured: 2 of 360 in fp16), and only averages tell drift from rounding.
ROUTED = {
    torch.float32: Limits(None, 1e-3, 1e-4, 0.97),
    torch.float16: Limits(None, 0.02, 2e-3, 0.95),
    torch.bfloat16: Limits(None, 0.06, 0.02, 0.9),
}
# Limits on models that compute in fp32, or in more.
EXACT = DENSE[torch.float32]
# Logits that are closer than both may have moved by rounding in fp32 are one choice.
TIE = 2 * EXACT.mean
# Of what an adapter does, this share may be lost; less than the rounding of 30,000 sums in fp32 cannot be told.
CHANGE, FLOOR = 0.05, 1e-5
# How much further two roundings of one model may lie apart than one of them from what is exact: each side rounds, and
# the trained one adds in other orders (packed attention, adapters that are not merged).
APART = 4
# llama.cpp keeps its cache in fp16 and rounds activations to the kind of the weights, so even F32 differs. Random
# models of seven families (4 layers of 256) drifted by a mean of 0.03 to 0.12 % of the deviation in F32, 0.4 to 1.7 %
# in BF16, 1.4 to 5 % in Q8_0, 4 to 15 % in Q6_K, 8 to 31 % in Q5_0, 13 to 47 % in Q4_K_M, 16 to 54 % in Q4_0; the
# upper ends are of weights five times as wide as models start with, which amplify every rounding.
GGUF = {
    "F32": Limits(0.1, 0.01, 1e-4, 0.97, 0.5),
    "F16": Limits(0.2, 0.02, 1e-3, 0.95, 0.5),
    "BF16": Limits(0.5, 0.06, 0.01, 0.9),
    "Q8_0": Limits(None, 0.1, 0.02, 0.85),
    "Q6_K": Limits(None, 0.2, 0.06, 0.7),
    "Q5_0": Limits(None, 0.35, 0.2, 0.5),
    "Q4_K_M": Limits(None, 0.4, 0.3, 0.4),
    "Q4_0": Limits(None, 0.5, 0.4, 0.35),
}
# Quantized linear layers, by bits of a weight and what engines do with their inputs. A trained Llama of 1 M weights
# (3 layers of 128) drifted by a mean of 0.2 % of the deviation in 8 bits, 0.7 % with activations too, 0.9 and 1.6 % in
# FP8, 2.2 to 3.9 % in 4 bits, and its perplexity grew by at most 0.2 %. Random Llamas (2 layers of 32) as wide as they
# start drifted by 0.2, 1.1 and 3.1 % in 8 bits, FP8 and 4 bits, with weights five times as wide by 0.8, 5.4 and 17 %,
# fifteen times by 2.2, 15 and 35 %. Mixtures of experts as wide as they start drifted by 0.2 to 1.6, 1.2 to 7.6 and
# 2.8 to 17 % (2 and 4 layers of 32 and 128, 4 to 16 experts).
QUANTIZED = {
    "8 bits": Limits(None, 0.1, 0.02, 0.85, perplexity=1.02),
    "8 bits, activations too": Limits(None, 0.2, 0.05, 0.7, perplexity=1.05),
    "FP8": Limits(None, 0.2, 0.06, 0.7, perplexity=1.05),
    "FP8, activations too": Limits(None, 0.25, 0.08, 0.7, perplexity=1.1),
    "4 bits": Limits(None, 0.5, 0.4, 0.35, perplexity=1.5),
}


def of_change(limits: Limits, moved: float) -> Limits:
    """The limits for an adapter that has moved its base's logits by `moved` deviations on average: after few steps that
    is less than `limits` leave open, and an adapter that is lost would pass."""
    return replace(limits, mean=min(limits.mean, max(FLOOR, CHANGE * moved)))


def beyond_rounding(limits: Limits, rounding: Mapping[str, float]) -> Limits:
    """The limits, none of them tighter than `rounding`: the figures of the written model against itself in float64.

    Random weights, deep stacks and attention without a scale amplify every rounding; an error of what was written is
    amplified as much, and is at least 1,000 roundings large. KL grows with the square of a difference.
    """
    deviation, largest = max(rounding["deviation"], TINY), limits.largest
    generation = rounding["generation"]
    return replace(
        limits,
        largest=None if largest is None else max(largest, APART * rounding["shift"] / deviation),
        mean=max(limits.mean, APART * rounding["mean_difference"] / deviation),
        kl=max(limits.kl, APART**2 * rounding["mean_kl"]),
        agreement=min(limits.agreement, 1 - APART * (1 - rounding["agreement"])),
        generation=min(limits.generation, math.inf if math.isnan(generation) else 1 - APART * (1 - generation)),
    )

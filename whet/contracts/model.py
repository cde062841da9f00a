"""What an objective sees of a model, and what a model source hands to the loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from whet.contracts.batch import Batch

if TYPE_CHECKING:
    import torch


class ParamRole(StrEnum):
    """What a parameter is for; optimizers group by it."""

    EMBEDDING = "embedding"
    HEAD = "head"
    NORM = "norm"
    BIAS = "bias"
    MATRIX = "matrix"
    EXPERT = "expert"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Readout:
    """How logits are read: divided by `temperature`; how many of the likeliest tokens `top` lists; which tokens'
    log-probabilities `candidates` gives, (P, K) int64."""

    temperature: float = 1.0
    top: int = 0
    candidates: torch.Tensor | None = None


PLAIN = Readout()


class Model(Protocol):
    """A model as objectives use it: ask for quantities by name, never for a module's attribute.

    `run(batch, want, readout)` returns a tensor for each wanted name, at the P positions with weight > 0, in order:

    - `nll`: scalar, the sum over trained positions of weight x -log p(target), differentiable.
    - `logprobs`: (P,) float32 log p(target), differentiable.
    - `hits`: (P,) bool, whether the target is the most likely token (no gradient).
    - `entropy`: (P,) float32 of the distribution, in nats, differentiable.
    - `candidates`: (P, K) float32 log p of the readout's candidates, differentiable.
    - `top_ids`, `top_logprobs`: (P, K) the likeliest tokens and their log p, most likely first (no gradient).
    - `samples`: (P,) int64, tokens drawn from the distribution (no gradient).
    - `hidden`: (T, D) last hidden states.
    - `scores`: (N, C) float32 numbers of each sequence, from models with a scoring head.
    - `logits`: (N, C) for models without tokens.
    """

    def run(self, batch: Batch, want: frozenset[str], readout: Readout = PLAIN) -> dict[str, torch.Tensor]: ...


@dataclass(frozen=True, slots=True)
class Models:
    """The trained model, and named further ones (reference, value, teacher)."""

    policy: Model
    others: Mapping[str, Model] = field(default_factory=dict)

    def run(self, batch: Batch, want: frozenset[str], readout: Readout = PLAIN) -> dict[str, torch.Tensor]:
        return self.policy.run(batch, want, readout)

    def __getitem__(self, name: str) -> Model:
        return self.others[name]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a loaded model can do. `notices` are sentences for the user, each a fact and its reason.

    `shares`: branches of a group may see one computed beginning; else each gets its own.
    """

    tokens: bool = True
    packed: bool = True
    shares: bool = False
    head: str = "chunked"
    generates: bool = True
    batch_norm: bool = False
    context: int | None = None
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a model source returns: the module on its device, its tokenizer if it has one, what it can do."""

    module: torch.nn.Module
    processor: Any | None
    capabilities: Capabilities
    model: Model
    roles: Mapping[str, ParamRole]

"""What an objective sees of a model, and what a model source hands to the loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, Protocol

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


# What the families of language models are called in messages.
FAMILIES = {"causal": "a causal language model", "masked": "an encoder", "seq2seq": "an encoder-decoder"}


@dataclass(frozen=True, slots=True)
class Divergence:
    """How far a student is from its teacher: the kind, its `beta` (of `jsd`), the temperature of both, and the weight
    of the next-token loss beside it."""

    kind: Literal["forward_kl", "reverse_kl", "jsd"] = "forward_kl"
    beta: float = 0.5
    temperature: float = 1.0
    sft: float = 0.0


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says of the next token at P positions, before it is read: `states` (P, E) and the head's `weight`
    (V, E) and `bias`, whose product is computed in `dtype`; without a weight `states` are the logits (P, V)."""

    states: torch.Tensor
    weight: torch.Tensor | None = None
    bias: torch.Tensor | None = None
    logit_scale: float = 1.0
    softcap: float | None = None
    dtype: torch.dtype | None = None

    @property
    def vocab(self) -> int:
        return self.states.shape[-1] if self.weight is None else len(self.weight)

    def part(self, at: slice | torch.Tensor) -> Prediction:
        """The same at some of the positions."""
        return replace(self, states=self.states[at])


@dataclass(frozen=True, slots=True)
class Readout:
    """How logits are read: divided by `temperature`; how many of the likeliest tokens `top` lists; which tokens'
    log-probabilities `candidates` gives, (P, K) int64; the `teacher` that they are compared with, and by what measure;
    the `draws` (P,) in [0, 1) that `samples` come of.
    """

    temperature: float = 1.0
    top: int = 0
    candidates: torch.Tensor | None = None
    teacher: Prediction | None = None
    measure: Divergence = Divergence()
    draws: torch.Tensor | None = None

    def part(self, at: slice | torch.Tensor) -> Readout:
        """The same at some of the positions."""
        candidates, draws = (None if own is None else own[at] for own in (self.candidates, self.draws))
        return replace(self, candidates=candidates, draws=draws, teacher=self.teacher and self.teacher.part(at))


PLAIN = Readout()


@dataclass(frozen=True, slots=True)
class Head:
    """What a model gives instead of next tokens.

    `sequence`: `scores`, one a label, of each sequence; `token`: `token_scores` of each trained token; `none`: hidden
    states alone. `labels` name the numbers (None: those of the data). `problem` is transformers' word for what they
    are. Not `is_causal`, tokens see what follows them, in the written model too. `notes` are further values of the
    written config.
    """

    kind: Literal["sequence", "token", "none"]
    labels: tuple[str, ...] | None = ()
    problem: str | None = None
    is_causal: bool = True
    notes: Mapping[str, Any] = field(default_factory=dict)


class Model(Protocol):
    """A model as objectives use it: ask for quantities by name, never for a module's attribute.

    `run(batch, want, readout)` returns a tensor for each wanted name, at the P positions with weight > 0, in order:

    - `nll`: scalar, the sum over trained positions of weight x -log p(target), differentiable. With it may come
      `token_nll` (P,) float32, -log p(target) of each, without gradient.
    - `logprobs`: (P,) float32 log p(target), differentiable.
    - `target_logprobs`: (P,) float32 log p(target) at temperature 1, whatever the readout's, differentiable.
    - `hits`: (P,) bool, whether the target is the most likely token (no gradient).
    - `entropy`: (P,) float32 of the distribution, in nats, differentiable.
    - `candidates`: (P, K) float32 log p of the readout's candidates, differentiable.
    - `top_ids`, `top_logprobs`: (P, K) the likeliest tokens and their log p, most likely first (no gradient).
    - `samples`: (P,) int64, tokens drawn from the distribution (no gradient).
    - `divergence`: scalar, the sum of weight x (divergence from the readout's teacher + sft x -log p(target)),
      differentiable. With it come `divergences` (P,), `target_logprobs` (P,) and `agrees` (P,) bool, whether both find
      the same token likeliest, without gradient.
    - `ahead`: (n,) sums of weight x -log p of the tokens after the next one, from models that look n further ahead.
    - `hidden`: (T, D) last hidden states.
    - `values`: (P,) float32, what the value head says, from models that have one, differentiable.
    - `scores`: (N, C) float32 numbers of each sequence, from models with a head of the kind `sequence`.
    - `token_scores`: (P, C) float32, from models with a head of the kind `token`.
    - `logits`: (N, C) for models without tokens.
    """

    def run(self, batch: Batch, want: frozenset[str], readout: Readout = PLAIN) -> dict[str, torch.Tensor]: ...


class Teacher(Model, Protocol):
    """A model that others are compared with over the whole vocabulary."""

    def prediction(self, batch: Batch) -> Prediction: ...


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

    `batch_norm`: while it trains, samples of a micro-batch are normalised by each other. `shares`: branches of a group
    may see one computed beginning; else each gets its own. `family` is `causal`, `masked` (an encoder) or `seq2seq`
    (an encoder-decoder). Packed rows go through the `attention` of that name (None: the
    model's own), and parts of the classes `mixers` take them sample by sample. A model without tokens `reads` fields of
    these shapes, each without the dimension of samples.
    """

    tokens: bool = True
    packed: bool = True
    shares: bool = False
    head: str = "chunked"
    generates: bool = True
    batch_norm: bool = False
    context: int | None = None
    family: str = "causal"
    attention: str | None = None
    mixers: tuple[str, ...] = ()
    reads: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Costs:
    """What a model is made of: how many `parameters` have each role, tied ones once, and the `weight_bytes` of all
    parameters in each dtype, by torch's name for it; packed weights count what their parts take."""

    parameters: Mapping[ParamRole, int] = field(default_factory=dict)
    weight_bytes: Mapping[str, int] = field(default_factory=dict)


def _says_nothing(module: torch.nn.Module) -> Sequence[str]:
    return ()


class Readable(Protocol):
    """A tensor that lies somewhere in its own shape, from where any rank may read a part of it."""

    def part(self, place: tuple[slice, ...]) -> torch.Tensor:
        """What lies at `place`, a slice for each dimension, in any dtype. It is copied at once, so it may be a view."""
        ...


@dataclass(frozen=True, slots=True)
class Weights:
    """Where the values of a module come from that was built on meta.

    `make` builds the same module again with values, on the CPU: one rank of all calls it, and what it gives is used up.
    Parameters and buffers (by name) that are `stored` need no values there: every rank reads the part that it holds.
    `tried` is called on every rank with the module when it has its values: what can be found out only then, as
    sentences for the user.
    """

    make: Callable[[], torch.nn.Module]
    stored: Mapping[str, Readable] = field(default_factory=dict)
    tried: Callable[[torch.nn.Module], Sequence[str]] = _says_nothing


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a model source returns: a module, its tokenizer if it has one, what it can do.

    The module is on meta, with everything but values: they come from `weights` when it has been cut among the ranks,
    and `weights` is None from then on.
    `layers` are the names of the module's repeated blocks, from the input on: what is sharded, compiled, frozen in turn
    or given a rate by its depth. `vocab` is the number of tokens that have an embedding; None without tokens.
    `embedder` says of a model that makes embeddings how it does.
    """

    module: torch.nn.Module
    processor: Any | None
    capabilities: Capabilities
    model: Model
    roles: Mapping[str, ParamRole]
    layers: Sequence[str] = ()
    vocab: int | None = None
    costs: Costs = Costs()
    weights: Weights | None = None
    embedder: Embedder | None = None


@dataclass(frozen=True, slots=True)
class Embedder:
    """How texts become embeddings: what is put before them, which hidden states count, whether length is taken off.

    `pooling` is the mean over the tokens, the last token, or the first (`cls`). `prompts` stand before `query` and
    `document`, and are pooled along or not. `dims` are shorter beginnings of an embedding that are trained to do.
    """

    pooling: Literal["mean", "last", "cls"] = "mean"
    normalize: bool = True
    prompts: Mapping[str, str] = field(default_factory=dict)
    pools_prompt: bool = True
    dims: tuple[int, ...] = ()

"""A language model as objectives see it: packed, and with logits for trained positions only."""

# T tokens  P trained positions  C those of a chunk  D model  V vocab  K tokens a position  N sequences

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from inspect import signature
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import PretrainedConfig

from whet.base.at_once import at_once
from whet.base.errors import ModelError
from whet.contracts.batch import Batch, Stream
from whet.contracts.feature import Seen
from whet.contracts.model import PLAIN, Prediction, Readout
from whet.kernels.head_chunks import product_dtype
from whet.kernels.layout import local
from whet.kernels.linear_divergence import Distances, linear_divergence, logits_distances
from whet.kernels.linear_loss import cap_and_scale, linear_nlls, logits_logprobs
from whet.kernels.linear_scores import Scores, linear_logprobs, linear_scores, linear_top, logits_scores
from whet.kernels.vocabulary import held, part
from whet.models.features.carried import features_of, running, share_of
from whet.models.forward import backbone, encoder_decoder, encoder_heads, heads, positions, rescaling, rope
from whet.models.forward.backbone import Way, before_output, decoder_of, unwrapped
from whet.models.forward.encoder_decoder import output_bias, output_scale
from whet.models.forward.mixers import isolate
from whet.models.loading.classes import Family
from whet.models.loading.families import family_of, first_position
from whet.models.text import text_config

__all__ = ["LanguageModel", "decoder_of", "logit_shape", "unwrapped"]

TOP = frozenset({"top_ids", "top_logprobs"})
# What is read from hidden states, and not from the logits of trained positions.
HEADS = frozenset({"hidden", "scores", "token_scores"})
PREDICTION = "prediction"  # not a quantity of `run` but what another model is compared with
STATES = "states"  # what a stage of a pipeline passes on: hidden states of the tokens that this rank runs
TOKEN_NLL = "token_nll"  # what comes with `nll`: that of each trained position
WANTS = TOP | HEADS | {
    "nll", "logprobs", "target_logprobs", "hits", "entropy", "candidates", "samples", "divergence",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunFacts:
    """How this module is run: packed or a sample a row, chunked head or the model's own, and its logits' shape.

    `head` is chunked, keep (the model's own), or alone (its own, with a forward for each sample).

    `first` is the number of a sample's first position.
    """

    vocab: int
    family: Family = "causal"
    first: int = 0
    packed: bool = True
    head: str = "chunked"
    chunk: int | None = None
    logit_scale: float = 1.0
    softcap: float | None = None

    @property
    def way(self) -> Way:
        """A model that agrees with itself neither packed nor padded (convbert) runs sample by sample."""
        return Way(self.family == "causal", self.packed, self.head == "alone", self.first)

    def shape(self) -> dict[str, Any]:
        return {"chunk": self.chunk, "logit_scale": self.logit_scale, "softcap": self.softcap}


class LanguageModel:
    """Runs a language model of transformers over packed batches (contract: `whet.contracts.model.Model`).

    `mixers` are the classes of parts that are called once for each sample of a packed row.

    Everything that touches parameters happens inside `module.whet_run`, so that FSDP2's
    `register_fsdp_forward_method(module, "whet_run")` gathers and frees them around it.
    """

    def __init__(
        self,
        module: Any,
        *,
        packed: bool = True,
        head_mode: str = "chunked",
        chunk: int | None = None,
        mixers: Sequence[str] = (),
    ) -> None:
        self.module = module
        config = unwrapped(module).config
        text, family = text_config(config), family_of(config, allow_code=True) or "causal"
        how = (family, first_position(config), packed, head_mode, chunk)
        scale, softcap = logit_shape(text)
        if family == "seq2seq":
            scale *= output_scale(unwrapped(module))
        self.facts = RunFacts(text.vocab_size, *how, scale, softcap)
        rescaling.keep(module)
        if packed:
            rope.isolate(module)
            if family == "seq2seq":
                encoder_decoder.isolate(module)
            elif "position_ids" not in signature(unwrapped(module).forward).parameters:
                positions.follow(module)
            isolate(module, mixers)
        self.module.whet_run = MethodType(partial(_run, facts=self.facts), module)

    def run(self, batch: Batch, want: frozenset[str], readout: Readout = PLAIN) -> dict[str, Tensor]:
        if unknown := want - WANTS - {STATES} - _given(self.module):
            raise ModelError(f"a language model cannot give {', '.join(sorted(unknown))}", hint=f"want {sorted(WANTS)}")
        if batch.media:
            raise ModelError(
                f"the samples hold {', '.join(sorted(batch.media))}, and this model reads tokens alone",
                at="model.kind", hint="a model source whose model reads them",
            )  # fmt: skip
        with running(self.module, batch):
            return self.module.whet_run(batch, frozenset(want), readout)

    def prediction(self, batch: Batch) -> Prediction:
        """What the model says at the trained positions, for another one to be compared with."""
        return self.module.whet_run(batch, frozenset({PREDICTION}))[PREDICTION]


def logit_shape(config: PretrainedConfig) -> tuple[float, float | None]:
    """The factor and the soft-cap that the model's own forward applies to the head's output.

    Read from the names that configs use for them; a model that means something else by them fails the head probe.
    """
    scale = 1.0
    for name, power in (("logit_scale", 1), ("lm_head_multiplier", 1), ("logits_scaling", -1)):
        factor = getattr(config, name, None)
        if isinstance(factor, int | float) and factor:
            scale *= float(factor) ** power
    softcap = getattr(config, "final_logit_softcapping", None) or getattr(config, "logits_soft_cap", None)
    return scale, softcap


# A Batch is passed whole: FSDP2's mixed precision would round the weights, as float tensors, to bfloat16.
def _run(
    module: nn.Module, batch: Batch, want: frozenset[str], readout: Readout = PLAIN, *, facts: RunFacts
) -> dict[str, Any]:
    stream, body = batch.trained, encoder_decoder if facts.family == "seq2seq" else backbone
    scoring = encoder_heads if facts.family == "masked" else heads
    trained_P, given = stream.trained_at, want & _given(module)
    want -= given
    asked = _Asked(stream.targets[trained_P], stream.weights[trained_P], want, readout)
    results: dict[str, Tensor] = {}
    if facts.head != "chunked" and want - HEADS:
        logits_PV = body.own_logits(module, batch, trained_P, facts.way)
        if PREDICTION in want:
            return {PREDICTION: Prediction(cap_and_scale(logits_PV, 1.0, None))}
        results = asked.of_logits(cap_and_scale(logits_PV, 1.0, None, readout.temperature))
        if not want & HEADS and not given:
            return results
    share = share_of(module, stream)
    if share is not None and facts.family != "seq2seq":  # whose two streams are shared where they are read
        batch = replace(batch, streams={**batch.streams, "text": share.own(stream)})
    hidden_TD = body.hidden(module, batch, facts.way)
    if STATES in want:
        return {STATES: hidden_TD.clone()}  # no view: FSDP warns of one, and halves of a backward pass take none
    if share is not None and (want & HEADS or given):
        hidden_TD, share = share.tokens(hidden_TD), None
    if "hidden" in want:
        results["hidden"] = hidden_TD
    mine_p, places_p = (None, trained_P) if share is None else share.mine(trained_P)
    at_trained = cache(lambda: hidden_TD.index_select(0, places_p))
    seen = Seen(stream, hidden_TD, at_trained, partial(_inputs, module, stream, facts), partial(_nll, module, facts))
    for feature in features_of(module):
        results |= feature.read(module, seen) if feature.gives & given else {}
    if "scores" in want:
        results["scores"] = scoring.sequence_scores(unwrapped(module), hidden_TD, stream)
    hidden_PD, model = at_trained(), unwrapped(module)
    if "token_scores" in want:
        results["token_scores"] = scoring.token_scores(model, hidden_PD)
    if facts.head != "chunked" or not want - HEADS:
        return results
    if facts.family == "masked":
        hidden_PD = before_output(model, [model.base_model_prefix], hidden_PD)
    head, bias = model.get_output_embeddings(), output_bias(model)
    if PREDICTION in want:
        if share is not None and mine_p is not None:  # whoever reads it has places of its own
            hidden_PD = share.places(hidden_PD, mine_p, len(trained_P))
        return {PREDICTION: _prediction(head, hidden_PD, facts, bias)}
    found = _from_hidden(head, hidden_PD, asked.part(mine_p), facts, bias)
    if share is not None and mine_p is not None:
        found = {name: share.places(value, mine_p, len(trained_P)) for name, value in found.items()}
    return results | found


def _given(module: nn.Module) -> frozenset[str]:
    """The quantities that features of the module give."""
    return frozenset().union(*(feature.gives for feature in features_of(module)))


def _inputs(module: nn.Module, stream: Stream, facts: RunFacts) -> dict[str, Any]:
    """What the decoder takes of a packed row beside its tokens."""
    [(inputs, _)] = facts.way.inputs(module, stream)
    return {name: value for name, value in inputs.items() if name != "input_ids"}


def _nll(module: Any, facts: RunFacts, hidden_TD: Tensor, targets_T: Tensor, weights_T: Tensor) -> Tensor:
    trained_P = torch.nonzero(weights_T > 0).squeeze(1)
    asked = _Asked(targets_T[trained_P], weights_T[trained_P], frozenset({"nll"}), PLAIN)
    head, hidden_PD = module.get_output_embeddings(), hidden_TD.index_select(0, trained_P)
    return _from_hidden(head, hidden_PD, asked, facts, output_bias(module))["nll"]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is wanted at the trained positions."""

    targets_P: Tensor
    weights_P: Tensor
    want: frozenset[str]
    readout: Readout

    @property
    def ids_PK(self) -> Tensor:
        """The tokens whose log p is needed: the target, and the candidates where they are wanted."""
        if "candidates" not in self.want or self.readout.candidates is None:
            return self.targets_P[:, None]
        return torch.cat([self.targets_P[:, None], self.readout.candidates], dim=1)

    @property
    def entropy(self) -> bool:
        return "entropy" in self.want

    @property
    def is_nll(self) -> bool:
        """Whether nothing but the sum of the loss is wanted, which is computed without a second pass."""
        return self.want - HEADS == {"nll"} and self.readout.temperature == 1.0

    def part(self, at: slice | Tensor | None) -> _Asked:
        """The same at some of the positions; None: at all."""
        if at is None:
            return self
        targets_P, weights_P = self.targets_P[at], self.weights_P[at]
        return replace(self, targets_P=targets_P, weights_P=weights_P, readout=self.readout.part(at))

    def of_logits(self, logits_PV: Tensor) -> dict[str, Tensor]:
        """All that is wanted, from logits in their final shape."""
        found = self.named(logits_scores(logits_PV, self.ids_PK, entropy=self.entropy))
        if "target_logprobs" in self.want - found.keys():
            found["target_logprobs"] = logits_logprobs(logits_PV * self.readout.temperature, self.targets_P)
        if "samples" in self.want:
            found["samples"] = _drawn(logits_PV.detach(), self.readout.draws)
        if self.want & TOP:
            logprobs_PK, ids_PK = torch.log_softmax(logits_PV.detach(), -1).topk(self.readout.top, -1)
            found |= {"top_ids": ids_PK, "top_logprobs": logprobs_PK}
        if "divergence" in self.want and self.readout.teacher is not None:
            rest = (self.readout.teacher, self.targets_P, self.weights_P, self.readout.measure)
            found |= _distances(logits_distances(logits_PV, *rest))
        return found

    def named(self, scores: Scores) -> dict[str, Tensor]:
        logprobs_P = scores.logprobs_PK[:, 0]
        found = {"logprobs": logprobs_P, "hits": scores.hits_P, "entropy": scores.entropy_P}
        if self.readout.temperature == 1:
            found["target_logprobs"] = logprobs_P
        found["candidates"] = scores.logprobs_PK[:, 1:]
        if "nll" in self.want:
            found["nll"] = -torch.dot(logprobs_P, self.weights_P.to(logprobs_P.dtype))
        told = {name: found[name] for name in found if name in self.want}
        return told | ({TOKEN_NLL: -logprobs_P.detach()} if "nll" in self.want else {})


def _drawn(logits_PV: Tensor, draws_P: Tensor | None) -> Tensor:
    """A token (P,) of each distribution: the one in whose share of [0, 1) the draw lies."""
    shares_PV = torch.softmax(logits_PV, -1, dtype=torch.float64).cumsum(-1)
    draws_P = torch.rand(len(logits_PV), dtype=torch.float64, device=logits_PV.device) if draws_P is None else draws_P
    found = torch.searchsorted(shares_PV, draws_P[:, None] * shares_PV[:, -1:], right=True).squeeze(-1)
    return found.clamp(max=logits_PV.shape[-1] - 1)


def _from_hidden(
    head: nn.Module, hidden_PD: Tensor, asked: _Asked, facts: RunFacts, bias: Tensor | None
) -> dict[str, Tensor]:
    if type(head) is not nn.Linear or "samples" in asked.want:
        return _from_module(head, hidden_PD, asked, facts, bias)
    weight, vocabulary = held(head.weight)
    own = None if head.bias is None else local(head.bias)
    shape = facts.shape() | {"bias": own if bias is None else part(bias, vocabulary, facts.vocab)}
    shape |= {} if vocabulary is None else {"vocabulary": vocabulary}
    if asked.is_nll:
        total, nlls_P = linear_nlls(hidden_PD, weight, asked.targets_P, asked.weights_P, **shape)
        return {"nll": total, TOKEN_NLL: nlls_P}
    found: dict[str, Tensor] = {}
    if "divergence" in asked.want and (teacher := asked.readout.teacher) is not None:
        rest = (teacher, asked.targets_P, asked.weights_P, asked.readout.measure)
        found = _distances(linear_divergence(hidden_PD, weight, *rest, **shape))
    elif "target_logprobs" in asked.want and asked.readout.temperature != 1:
        found["target_logprobs"] = linear_logprobs(hidden_PD, weight, asked.targets_P, **shape)[0]
    shape["temperature"] = asked.readout.temperature
    if asked.want & TOP:
        ids_PK, logprobs_PK = linear_top(hidden_PD, weight, asked.readout.top, **shape)
        found |= {"top_ids": ids_PK, "top_logprobs": logprobs_PK}
    if asked.want - TOP - HEADS - {"divergence"}:
        found |= asked.named(linear_scores(hidden_PD, weight, asked.ids_PK, entropy=asked.entropy, **shape))
    return found


def _distances(distances: Distances) -> dict[str, Tensor]:
    return dict(zip(("divergence", "divergences", "target_logprobs", "agrees"), distances, strict=True))


def _prediction(head: nn.Module, hidden_PD: Tensor, facts: RunFacts, bias: Tensor | None) -> Prediction:
    """Hidden states with the head. Under FSDP2 its weight stays whole: the root does not shard again after it."""
    if type(head) is nn.Linear:
        bias = head.bias if bias is None else bias
        return Prediction(hidden_PD, head.weight, bias, facts.logit_scale, facts.softcap, product_dtype(head.weight))
    logits_PV = head(hidden_PD) if bias is None else head(hidden_PD) + bias
    return Prediction(cap_and_scale(logits_PV, facts.logit_scale, facts.softcap))


def _from_module(
    head: nn.Module, hidden_PD: Tensor, asked: _Asked, facts: RunFacts, bias: Tensor | None
) -> dict[str, Tensor]:
    """The head as a module, chunk by chunk, each recomputed in the backward pass: for adapters and sharded heads."""

    def of_chunk(hidden_CD: Tensor, part: _Asked) -> dict[str, Tensor]:
        temperature = part.readout.temperature
        logits_CV = head(hidden_CD) if bias is None else head(hidden_CD) + bias
        return part.of_logits(cap_and_scale(logits_CV, facts.logit_scale, facts.softcap, temperature))

    rows = facts.chunk or max(1, at_once(hidden_PD.device.type).logits_bytes // (4 * facts.vocab))
    edges = range(0, max(len(hidden_PD), 1), rows)
    parts = [
        checkpoint(of_chunk, hidden_PD[at : at + rows], asked.part(slice(at, at + rows)), use_reentrant=False)
        for at in edges
    ]
    return {
        name: torch.stack([part[name] for part in parts]).sum()
        if name in ("nll", "divergence")
        else torch.cat([part[name] for part in parts])
        for name in parts[0]
    }

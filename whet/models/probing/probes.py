"""Probes: facts about a model that are measured on its twin before anything expensive starts."""

# T tokens  D model  S samples

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PretrainedConfig

from whet.base.errors import one_line
from whet.contracts.batch import Batch
from whet.contracts.sample import Sample
from whet.data.order.collate import collate
from whet.models.forward import attention
from whet.models.forward import mixers as mixers_of
from whet.models.forward.language import LanguageModel
from whet.models.probing.probe_cases import AGREEMENT, TRIALS, Trial, vocabulary
from whet.models.text import text_config

EXPERTS_ISOLATION = 1e-6
# Kinds of layers that a model may have.
MOST_MIXERS = 6
CAUSAL = TRIALS["causal"]
Build = Callable[[str | None], nn.Module]


@dataclass(frozen=True, slots=True)
class Packing:
    """A way to run a packed row: whose attention (None: the model's own), and which parts run sample by sample."""

    attention: str | None = attention.NAME
    mixers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a model may be run, and what the user should know about it."""

    packed: bool
    head: str
    notices: tuple[str, ...] = ()
    shares: bool = False
    packing: Packing = Packing()
    is_probed: bool = True

    @property
    def attention(self) -> str | None:
        """The attention to build it with; None: its own."""
        return self.packing.attention if self.packed else None

    @property
    def how(self) -> dict[str, Any]:
        """What `LanguageModel` takes of it."""
        return {"packed": self.packed, "head_mode": self.head, "mixers": self.packing.mixers if self.packed else ()}


def probe(build: Build, name: str, trial: Trial = CAUSAL) -> Verdict:
    """The fastest way to run a model that gives what its own forward gives.

    `build(attention)` makes its twin, equal in weights for every `attention`. Ways are tried from the fastest: packed
    with our attention, with parts that run sample by sample, with the model's own attention among those; each with the
    chunked head, then with its own; then a sample a row with either. What is left, a sample a forward, is its own
    forward. About half a second for a dense model. Whether branches may share a beginning is
    probed by itself: embeddings that turn with the length of a sample cannot. `trial` is that of the model's family.
    """
    reasons: list[str] = []
    for packing in _packings(build, trial, reasons):
        failures: dict[str, str] = {}
        for head in ("chunked", "keep") if trial.keeps_logits else ("chunked",):
            failure = _failure(partial(_check_agreement, build, trial, packing, head))
            if failure is None:
                shares = trial.is_causal and _failure(partial(_check_sharing, build, head, packing)) is None
                notices = _on_logits(name, failures["chunked"]) if failures else ()
                return Verdict(True, head, notices, shares, packing)
            failures[head] = failure
        reasons.append(failures["keep" if trial.keeps_logits else "chunked"])
    padded: dict[str, str] = {}
    for head in ("chunked", "keep"):
        failure = _failure(partial(_check_agreement, build, trial, None, head))
        if failure is None:
            notices = _on_logits(name, padded["chunked"]) if padded else ()
            return Verdict(False, head, (_on_padding(name, reasons[0]), *notices))
        padded[head] = failure
    why = f"packing and padding change what it computes: {reasons[0]}; {padded['keep']}"
    return Verdict(False, "alone", (f"{name} trains each sample in a forward of its own, because {why}.",))


def _packings(build: Build, trial: Trial, reasons: list[str]) -> Iterator[Packing]:
    """Ways that keep packed samples apart; why others do not is added to `reasons`."""
    for whose in (attention.NAME, None):
        if whose is not None and (failure := _failure(partial(_check_plain, build, trial, whose))):
            reasons.append(failure)
            continue
        failure = _failure(partial(_check_isolation, build, trial, Packing(whose)))
        if failure is None:
            yield Packing(whose)
            continue
        reasons.append(failure)
        mixers = _mixers(build, trial, whose)
        if mixers and _failure(partial(_check_isolation, build, trial, Packing(whose, mixers))) is None:
            yield Packing(whose, mixers)


def check_own_forward(build: Build, name: str, trial: Trial = CAUSAL) -> None:
    """Run the twin's own forward and backward. Raises ModelError when a causal one lets tokens see what follows."""
    module = build(None)
    samples = trial.samples(module.config)
    trial.own_loss(module, samples).backward()
    trial.check(module, samples, name)


def unprobed(name: str, reason: str, *, is_causal: bool) -> Verdict:
    """The verdict on a model that cannot be probed: only its own forward is trusted, and of padding only what a causal
    model never sees."""
    how, head = ("one sample a row", "keep") if is_causal else ("each sample alone", "alone")
    return Verdict(False, head, (f"{name} trains {how}, through its own forward: {reason}.",), is_probed=False)


def _on_padding(name: str, reason: str) -> str:
    return f"{name} trains one sample a row, padded, because packing changes what it computes: {reason}."


def _on_logits(name: str, reason: str) -> tuple[str, ...]:
    return (f"{name} makes all logits of a batch at once, because chunks change what it computes: {reason}.",)


def has_experts(config: PretrainedConfig) -> bool:
    """Whether tokens are routed: then shapes depend on the other tokens, and rounding with them."""
    values = text_config(config).to_dict()
    return any(re.search(r"(num|n)_(local_|routed_)?experts", key) and value for key, value in values.items())


def _check_plain(build: Build, trial: Trial, whose: str) -> None:
    """The model as others call it, decoding and reading back included: under this attention it must say the same.

    BigBird-Pegasus (transformers 5.23) does not say of its decoder's attention that it is causal.
    """
    with torch.no_grad():
        own, ours = (float(trial.own_loss(m, trial.samples(m.config))) for m in (build(None), build(whose)))
    if not abs(ours - own) <= AGREEMENT * abs(own):
        raise _Differs(
            "its attention is of a kind of its own, which a row of several samples cannot have (with ours, a small "
            f"random model of its type has the loss {ours:.6g} instead of {own:.6g})"
        )


def _check_isolation(build: Build, trial: Trial, packing: Packing) -> None:
    """Change each sample in turn: hidden states and gradients of the others must stay as they are."""
    model = LanguageModel(build(packing.attention), mixers=packing.mixers)
    config = model.module.config
    samples = trial.samples(config)
    with torch.no_grad():
        base = model.run(trial.batch(samples), frozenset({"hidden"}))["hidden"]
    limit = gradient_limit = 8 * torch.finfo(base.dtype).eps
    if has_experts(config):
        limit, gradient_limit = EXPERTS_ISOLATION, 10 * EXPERTS_ISOLATION
    noise_TD = torch.randn(base.shape, generator=torch.Generator().manual_seed(1)).to(base)
    owner_T = torch.repeat_interleave(torch.arange(len(samples)), torch.tensor(trial.sizes(samples)))
    for index, sample in enumerate(samples):
        other = trial.changed(sample, vocabulary(config))
        changed = [*samples[:index], other, *samples[index + 1 :]]
        others_T1 = (owner_T != index)[:, None].to(base)
        before, before_grads = _with_gradients(model, trial.batch(samples), noise_TD * others_T1)
        after, after_grads = _with_gradients(model, trial.batch(changed), noise_TD * others_T1)
        _check_unmoved("", before * others_T1, after * others_T1, limit)
        for name in before_grads:
            _check_unmoved(f"' gradient of {name}", before_grads[name], after_grads[name], gradient_limit)


def _mixers(build: Build, trial: Trial, whose: str | None) -> tuple[str, ...]:
    """Classes of the parts that mix the samples of a row, or cannot take as long a row, found one after the other.

    The first sample moves those behind it, and where tokens see what follows, the last one those before it.
    """
    if "source" in trial.batch(trial.samples(build(None).config)).streams:
        return ()
    found: list[str] = []
    while len(found) < MOST_MIXERS:
        try:
            leak = _leak(LanguageModel(build(whose), mixers=found), trial)
        except Exception as error:  # whatever a model raises on this way rules it out
            leak = _raised_in(error)
        if leak is None or leak in found:
            break
        found.append(leak)
    return tuple(found)


def _raised_in(error: Exception) -> str | None:
    """The class of the innermost part that raised: GPT-Neo's attention has a mask of its longest text's size."""
    seen = [frame.f_locals.get("self") for frame, _ in traceback.walk_tb(error.__traceback__)]
    return next((type(part).__name__ for part in reversed(seen) if isinstance(part, nn.Module)), None)


def _leak(model: LanguageModel, trial: Trial) -> str | None:
    config = model.module.config
    samples = trial.samples(config)
    owner_T = torch.repeat_interleave(torch.arange(len(samples)), torch.tensor(trial.sizes(samples)))
    limit = 10 * EXPERTS_ISOLATION
    for index in (0, len(samples) - 1):
        other = trial.changed(samples[index], vocabulary(config))
        changed = [*samples[:index], other, *samples[index + 1 :]]
        batches = trial.batch(samples), trial.batch(changed)
        run: Callable[[Batch], object] = partial(model.run, want=frozenset({"hidden"}))
        if leak := mixers_of.first_leak(run, model.module, batches, owner_T != index, limit):
            return leak
    return None


def _check_unmoved(what: str, before: Tensor, after: Tensor, limit: float) -> None:
    moved = ((after - before).abs().max() / before.abs().max().clamp(1e-3)).item()
    if not moved <= limit:
        raise _Differs(f"a packed sample moves its neighbours{what} by {moved:.1g} of their scale")


def _check_agreement(build: Build, trial: Trial, packing: Packing | None, head: str) -> None:
    """Loss and the gradient of every trained parameter against the model's own forward, sample by sample.

    Without a `packing` a sample a row.
    """
    own, ours = build(None), build(packing.attention if packing else None)
    samples = trial.samples(own.config)
    expected = trial.own_loss(own, samples)
    expected.backward()
    model = LanguageModel(ours, packed=packing is not None, head_mode=head, mixers=packing.mixers if packing else ())
    found = model.run(trial.batch(samples), frozenset({"nll"}))["nll"]
    found.backward()
    ours_loss, own_loss = found.item(), expected.item()
    if not abs(ours_loss - own_loss) <= AGREEMENT * abs(own_loss):
        raise _Differs(f"the loss is {ours_loss:.6g} and its own forward gives {own_loss:.6g}")
    _check_gradients(_gradients(ours), _gradients(own))


def _check_sharing(build: Build, head: str, packing: Packing) -> None:
    """Two branches behind one beginning against each with its own: loss and gradients."""
    ids = CAUSAL.samples(build(None).config)
    beginning, *branches = (part.numpy() for part in ids)
    tokens = np.concatenate([beginning, *branches])
    cuts = (len(beginning), len(beginning) + len(branches[0]))
    weights = np.ones(len(tokens))
    weights[: cuts[0]] = 0
    weights[list(cuts)] = 0  # the first token of a branch is the beginning's last one again, and predicted there
    group = Sample(tokens, weights.astype(np.float32), cuts=cuts)
    results = []
    for shared in (False, True):
        model = LanguageModel(build(packing.attention), head_mode=head, mixers=packing.mixers)
        loss = model.run(collate([group], shared=shared), frozenset({"nll"}))["nll"]
        loss.backward()
        results.append((loss.item(), _gradients(model.module)))
    (expected, gradients), (found, found_gradients) = results
    if not abs(found - expected) <= AGREEMENT * abs(expected):
        raise _Differs(f"with a shared beginning the loss is {found:.6g}, and with two it is {expected:.6g}")
    _check_gradients(found_gradients, gradients)


def _check_gradients(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    norms = {name: gradient.norm() for name, gradient in expected.items()}
    floor = 1e-3 * torch.stack(list(norms.values())).norm()
    for name, gradient in expected.items():
        error = (found[name] - gradient).norm() / max(norms[name], floor)
        if not error <= AGREEMENT:
            raise _Differs(f"the gradient of {name} is off by {float(error):.1g}")


class _Differs(Exception):
    """A probe measured a difference; the message says which."""


def _failure(check: Callable[[], None]) -> str | None:
    """Why a check fails, or None. Whatever a model raises on a way of running it rules out that way."""
    try:
        check()
    except _Differs as difference:
        return str(difference)
    except Exception as error:
        return _said(error)
    return None


def _said(error: Exception) -> str:
    """What an error of a model's code means to who trains it; as it is where that is not known."""
    text = one_line(error)
    if isinstance(error, TypeError) and re.search(
        r"unexpected keyword argument '(segments|across|position_ids)'", text
    ):
        return "its code cannot be told where the samples of a row begin and end"
    if isinstance(error, TypeError) and "required positional argument" in text:
        return "its decoder cannot be run apart from its output layer"
    return text


def _with_gradients(model: LanguageModel, batch: Batch, noise_TD: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    model.module.zero_grad()
    hidden_TD = model.run(batch, frozenset({"hidden"}))["hidden"]
    if hidden_TD.requires_grad:  # not where only the head is trained
        (hidden_TD * noise_TD).sum().backward()
    return hidden_TD.detach(), _gradients(model.module)


def _gradients(module: nn.Module) -> dict[str, Tensor]:
    trained = {name: p for name, p in module.named_parameters() if p.requires_grad}
    return {n: torch.zeros_like(p) if p.grad is None else p.grad.clone() for n, p in trained.items()}

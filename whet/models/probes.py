"""Probes: facts about a model that are measured on its twin before anything expensive starts."""

# T tokens  D model  S samples

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PretrainedConfig

from whet.contracts.batch import Batch
from whet.contracts.sample import Sample
from whet.data.collate import collate
from whet.models import attention
from whet.models.language import LanguageModel
from whet.models.trials import AGREEMENT, TRIALS, Trial, vocabulary

EXPERTS_ISOLATION = 1e-6
CAUSAL = TRIALS["causal"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a model may be run, and what the user should know about it."""

    packed: bool
    head: str
    notices: tuple[str, ...] = ()
    shares: bool = False


def probe(build: Callable[[str | None], nn.Module], name: str, trial: Trial = CAUSAL) -> Verdict:
    """The fastest way to run a model that gives what its own forward gives.

    `build(attention)` makes its twin, equal in weights for every `attention`. Ways are tried from the fastest: packed
    with the chunked head, packed with its own head, a sample a row with the chunked head. What is left, a sample a row
    with its own head, is its own forward. About half a second for a dense model. Whether branches may share a beginning
    is probed by itself: embeddings that turn with the length of a sample cannot. `trial` is that of the model's family.
    """
    mixes = _failure(partial(_check_isolation, build, trial))
    failures: dict[tuple[bool, str], str] = {}
    for way in ((True, "chunked"), (True, "keep"), (False, "chunked"), (False, "keep")):
        if way == (False, "keep"):
            break
        failure = mixes if way[0] and mixes else _failure(partial(_check_agreement, build, trial, *way))
        if failure is None:
            break
        failures[way] = failure
    shares = trial.is_causal and way[0] and _failure(partial(_check_sharing, build, way[1])) is None
    return Verdict(*way, tuple(_notices(name, way, failures, trial)), shares)


def check_own_forward(build: Callable[[str | None], nn.Module], name: str, trial: Trial = CAUSAL) -> None:
    """Run the twin's own forward and backward. Raises ModelError when a causal one lets tokens see what follows."""
    module = build(None)
    samples = trial.samples(module.config)
    trial.own_loss(module, samples).backward()
    trial.check(module, samples, name)


def unprobed(name: str, reason: str) -> Verdict:
    """The verdict on a model that cannot be probed: only its own forward is trusted."""
    return Verdict(False, "keep", (f"{name} trains one sample a row, through its own forward: {reason}.",))


def one_line(error: Exception) -> str:
    """An exception's type and the first line of what it says."""
    return f"{type(error).__name__}: {str(error).strip()}".splitlines()[0].removesuffix(":")


def _notices(name: str, way: tuple[bool, str], failures: dict[tuple[bool, str], str], trial: Trial) -> list[str]:
    notices = []
    if way == (False, "keep") and not trial.is_causal:
        reason = failures[False, "chunked"]
        return [f"{name} trains each sample in a forward of its own: packed and padded it computes another: {reason}."]
    if not way[0]:
        reason = failures[True, "keep"]
        notices.append(f"{name} trains one sample a row, padded, because packing changes what it computes: {reason}.")
    if way[1] == "keep":
        reason = failures[way[0], "chunked"]
        notices.append(f"{name} makes all logits of a batch at once, because chunks change what it computes: {reason}.")
    return notices


def has_experts(config: PretrainedConfig) -> bool:
    """Whether tokens are routed: then shapes depend on the other tokens, and rounding with them."""
    values = config.get_text_config().to_dict()
    return any(re.search(r"(num|n)_(local_|routed_)?experts", key) and value for key, value in values.items())


def _check_isolation(build: Callable[[str | None], nn.Module], trial: Trial) -> None:
    """Change each sample in turn: hidden states and gradients of the others must stay as they are."""
    model = LanguageModel(build(attention.NAME))
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


def _check_unmoved(what: str, before: Tensor, after: Tensor, limit: float) -> None:
    moved = ((after - before).abs().max() / before.abs().max().clamp(1e-3)).item()
    if not moved <= limit:
        raise _Differs(f"a packed sample moves its neighbours{what} by {moved:.1g} of their scale")


def _check_agreement(build: Callable[[str | None], nn.Module], trial: Trial, packed: bool, head: str) -> None:
    """Loss and the gradient of every trained parameter against the model's own forward, sample by sample."""
    own, ours = build(None), build(attention.NAME if packed else None)
    samples = trial.samples(own.config)
    expected = trial.own_loss(own, samples)
    expected.backward()
    model = LanguageModel(ours, packed=packed, head_mode=head)
    found = model.run(trial.batch(samples), frozenset({"nll"}))["nll"]
    found.backward()
    ours_loss, own_loss = found.item(), expected.item()
    if not abs(ours_loss - own_loss) <= AGREEMENT * abs(own_loss):
        raise _Differs(f"the loss is {ours_loss:.6g} and its own forward gives {own_loss:.6g}")
    _check_gradients(_gradients(ours), _gradients(own))


def _check_sharing(build: Callable[[str | None], nn.Module], head: str) -> None:
    """Two branches behind one beginning against each with its own: loss and gradients."""
    ids = CAUSAL.samples(build(None).config)
    beginning, *branches = (part.numpy() for part in ids)
    tokens = np.concatenate([beginning, *branches])
    weights = np.concatenate([np.zeros(len(beginning)), *(np.ones(len(branch)) for branch in branches)])
    cuts = (len(beginning), len(beginning) + len(branches[0]))
    group = Sample(tokens, weights.astype(np.float32), cuts=cuts)
    results = []
    for shared in (False, True):
        model = LanguageModel(build(attention.NAME), head_mode=head)
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
        return one_line(error)
    return None


def _with_gradients(model: LanguageModel, batch: Batch, noise_TD: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    model.module.zero_grad()
    hidden_TD = model.run(batch, frozenset({"hidden"}))["hidden"]
    if hidden_TD.requires_grad:  # not where only the head is trained
        (hidden_TD * noise_TD).sum().backward()
    return hidden_TD.detach(), _gradients(model.module)


def _gradients(module: nn.Module) -> dict[str, Tensor]:
    trained = {name: p for name, p in module.named_parameters() if p.requires_grad}
    return {n: torch.zeros_like(p) if p.grad is None else p.grad.clone() for n, p in trained.items()}

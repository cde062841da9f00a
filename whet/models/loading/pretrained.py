"""A transformers model made ready for training: probed on a twin, built on meta, tuned; and its values, later."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from transformers import PretrainedConfig

from whet.base.errors import ModelError, WhetError, one_line
from whet.base.seeds import forked
from whet.contracts.model import Capabilities, Loaded, Weights
from whet.contracts.tuner import Tuner
from whet.models.checkpoints.direct import StoredTensor, direct
from whet.models.checkpoints.quantized import check_frozen, check_stays, stored_method
from whet.models.decoding.proof import decoding_of, generates, is_proven, prove
from whet.models.forward import attention, encoder_heads
from whet.models.forward.heads import DRAWN, REDRAWN
from whet.models.forward.language import LanguageModel
from whet.models.loading.building import build_module, hollow_module
from whet.models.loading.classes import Family
from whet.models.loading.context import BuildContext
from whet.models.loading.families import auto_class, family_of, first_position, stated_length
from whet.models.loading.loaded import loaded
from whet.models.loading.reading import context_length, new_pieces, read
from whet.models.loading.spec import Spec
from whet.models.probing import bidirectional
from whet.models.probing.config_check import rehearse
from whet.models.probing.probe_cases import LENGTHS, TRIALS
from whet.models.probing.probes import Verdict, check_own_forward, probe, unprobed
from whet.models.probing.twin import build_twin, copies, twin_config
from whet.models.tokenizers import read_back
from whet.models.tuning.adapters import stored_adapter
from whet.models.tuning.new_tokens import grow
from whet.models.tuning.targets import left_out

# A twin whose widths could not be shrunk is built only up to this size (4 bytes each, two copies and gradients).
LARGEST_TWIN = 200e6
# Tokens that an expert of a twin takes, where experts take only so many.
CAPACITY = 4


def on_meta(spec: Spec, context: BuildContext) -> Loaded:
    """The model that `spec` names, on meta: probed on a small twin, tuned, with all but its values.

    Raises ModelError for what its config, the headers of its files and the tuner tell, before any weight is read.
    """
    attention.register()
    config, tokenizer = read(spec)
    _check_together(spec, context)
    verdict = context.verdict or verdict_of(spec, config, context)
    if context.head is not None and not context.head.is_causal:
        bidirectional.check(config, allow_code=spec.allow_code)
    if context.head is not None and context.head.kind != "none":
        encoder_heads.check(config, context.head)
    pieces = new_pieces(spec)
    base = _base(spec, config, verdict, context, pieces, on_meta=True)
    readable = _readable(spec, config, base, verdict, context)
    module = context.prepared(base, "meta")
    _check_tuned(spec, config, module, context.tuner)
    writes = context.head is None and generates(module)
    capabilities = Capabilities(
        packed=verdict.packed,
        shares=verdict.shares,
        head=verdict.head,
        generates=writes,
        context=context_length(config),
        family=_family(spec, config),
        attention=verdict.packing.attention,
        mixers=verdict.packing.mixers,
        notices=(
            *verdict.notices,
            *(_decoding(module, context) if writes else ()),
            *read_back.notices(tokenizer, config),
            *(left_out(module) if context.tuner is not None else ()),
        ),
    )
    stored, make = {}, partial(_made, spec, config, verdict, context, pieces)
    if readable:
        tensors = (*module.named_parameters(), *module.named_buffers())
        stored = {name: readable[id(tensor)] for name, tensor in tensors if id(tensor) in readable}
        make = partial(_hollow, spec, config, verdict, context)
    weights = Weights(make, stored, partial(_tried, spec, context, writes=writes))
    return loaded(module, tokenizer, capabilities, LanguageModel(module, **verdict.how), weights=weights)


def _readable(
    spec: Spec, config: PretrainedConfig, base: nn.Module, verdict: Verdict, context: BuildContext
) -> dict[int, StoredTensor]:
    """Tensors of the module before it is tuned that every rank may read for itself, by the identity of their objects.

    None where one rank must have the whole: to draw it, fold an adapter in, pack it, or give the tuner its weights.
    """
    is_plain = spec.path is not None and spec.under is None and spec.quantization is None and not spec.new_tokens
    if not is_plain or stored_method(config) is not None or context.head is not None or not verdict.is_probed:
        return {}
    if context.tuner is not None and context.tuner.starts_from_weights:
        return {}
    assert spec.path is not None
    return direct(spec.path, base)


def _made(
    spec: Spec,
    config: PretrainedConfig,
    verdict: Verdict,
    context: BuildContext,
    pieces: Mapping[int, Sequence[int]],
) -> nn.Module:
    """The module as it is trained, with its values on the CPU."""
    return context.prepared(_base(spec, config, verdict, context, pieces, on_meta=False), "cpu")


def _hollow(spec: Spec, config: PretrainedConfig, verdict: Verdict, context: BuildContext) -> nn.Module:
    """As `_made`, without the weights that lie in files: what the tuner draws, and buffers that are computed."""
    how: Any = {"dtype": context.dtype, "attention": verdict.attention}
    return context.prepared(hollow_module(spec, deepcopy(config), **how), "cpu")


def _base(
    spec: Spec,
    config: PretrainedConfig,
    verdict: Verdict,
    context: BuildContext,
    pieces: Mapping[int, Sequence[int]],
    *,
    on_meta: bool,
) -> nn.Module:
    """The module before it is tuned, on meta or with its values on the CPU: the same steps lead to both."""
    module: Any = build_module(
        spec,
        deepcopy(config),
        dtype=context.dtype,
        seed=context.seed,
        attention=verdict.attention,
        on_meta=on_meta,
        merge=context.tuner is not None,
        head=context.head,
    )
    if not on_meta and (spec.init is not None or not verdict.is_probed) and context.head is None:
        rehearse(module, _family(spec, config), at="model.init" if spec.init is not None else "model")
    if context.head:
        module.config.architectures = [type(module).__name__]
    if pieces:
        with forked(context.seed, "new tokens"):
            grow(module, pieces)
    return module


def verdict_of(spec: Spec, config: PretrainedConfig, context: BuildContext) -> Verdict:
    """How the model may be run, from probes on its twin. Raises ModelError when the model is not causal."""
    name = config.model_type
    trial = TRIALS[_family(spec, config)]
    prepare = partial(_prepared, context=context)
    reason = "no twin of it could be built"
    for shrink in (True, False):
        try:
            small = twin_config(config, shrink=shrink)
            if not shrink and _size(small, spec) > LARGEST_TWIN:
                break
            _look_back(small)
            _fill_experts(small)
            _outgrow(small)
            build = copies(partial(build_twin, small, prepare=prepare, allow_code=spec.allow_code))
            check_own_forward(build, name, trial)
        except ModelError:
            raise
        except Exception as error:
            # Names and limits in configs are not standardised: a twin that does not fit together tells nothing.
            reason = f"no twin of it could be built ({one_line(error)})"
            continue
        return probe(build, name, trial)
    return unprobed(name, reason, is_causal=trial.is_causal)


def _family(spec: Spec, config: PretrainedConfig) -> Family:
    return family_of(config, allow_code=spec.allow_code) or "causal"


def _look_back(small: PretrainedConfig) -> None:
    """A decoder whose tokens were trained to see what follows is probed as it was made."""
    if getattr(small, "is_causal", True) is False:
        small.is_causal = True


def _fill_experts(small: PretrainedConfig) -> None:
    """Experts that take only so many tokens are full in the twin, as they are in training: others then move a sample.

    Switch Transformers drops the tokens of a row that are too many, NLLB-MoE those of a batch, in training alone.
    """
    if getattr(small, "expert_capacity", None):
        small.expert_capacity = CAPACITY
        if hasattr(small, "moe_eval_capacity_token_fraction"):
            small.moe_eval_capacity_token_fraction = -1.0


def _outgrow(small: PretrainedConfig) -> None:
    """The twin's longest text is shorter than the row of a trial, as packed rows may be of any length."""
    longest = stated_length(small)
    if longest is not None:
        small.max_position_embeddings = min(longest, max(sum(LENGTHS) - 1, max(LENGTHS) + first_position(small)))


def _check_tuned(spec: Spec, config: PretrainedConfig, module: nn.Module, tuner: Tuner | None) -> None:
    """Raise what there is to say against a tuner that has prepared the module, on meta."""
    if tuner is not None:
        check_stored(module, tuner)
        check_frozen(module, tuner)
        check_stays(config, spec.path, module, tuner)


def _check_together(spec: Spec, context: BuildContext) -> None:
    """Raise ModelError where a tuner cannot train this kind of model."""
    if context.head and context.tuner is not None and not context.tuner.holds_heads:
        raise ModelError(
            "virtual tokens cannot hold the head that this objective trains", at="tuner", hint="tuner=lora"
        )
    if context.tuner is not None and context.tuner.is_adapter and spec.init is not None:
        raise ModelError(
            "an adapter needs a base model that is stored, and `model.init` is a new one",
            at="model.init",
            hint="tuner=full, or train and save the model first",
        )


def _decoding(module: nn.Module, context: BuildContext) -> tuple[str, ...]:
    """What to say of how the module decodes, as far as a twin tells."""
    found = prove(module, _virtual(context))
    return () if found is None else found.notices


def _tried(spec: Spec, context: BuildContext, module: nn.Module, *, writes: bool) -> tuple[str, ...]:
    """What is known of a module that has its values: which parts were drawn, and how it decodes where it has no twin.

    For want of a twin the module itself is tried, which shares of ranks do when all of them are there.
    """
    decodes: tuple[str, ...] = ()
    is_shared = dist.is_available() and dist.is_initialized()
    if writes and context.tuner is None and not is_shared and not is_proven(module):
        decodes = decoding_of(module).notices
    return (*decodes, *_drawn(module, spec))


def _virtual(context: BuildContext) -> Callable[[nn.Module], nn.Module] | None:
    """What makes a twin have virtual tokens, which change how it decodes; other tuners do not."""
    tuner = context.tuner
    return partial(_prepared, context=context) if tuner is not None and not tuner.holds_heads else None


def check_stored(module: nn.Module, tuner: Tuner) -> None:
    """Raise ModelError when the adapter of a prepared module (on meta) could not be stored by the names it has."""
    if not tuner.is_adapter or not tuner.holds_heads:
        return
    try:
        names = tuner.saved_names(module)
        _, tensors = stored_adapter(module, {n: p for n, p in module.named_parameters() if n in names})
    except Exception as error:  # PEFT's state depends on what each method keeps, and fails in as many ways
        raise ModelError(
            f"the adapter could not be stored: {one_line(error)}", at="tuner", hint="tuner.targets=all-linear"
        ) from error
    if not tensors:
        raise ModelError("the adapter would hold no tensors", at="tuner", hint="tuner.targets=all-linear")


def _drawn(module: Any, spec: Spec) -> list[str]:
    """Say which part of a head starts at random, for want of weights."""
    told = []
    if names := module.__dict__.get(DRAWN):
        told.append(f"{spec.path} has no weights for {', '.join(names)}: they start at random.")
    if names := module.__dict__.get(REDRAWN):
        count = module.config.num_labels
        told.append(
            f"The head that is stored in {spec.path} has not the {count} labels of the data: "
            f"{', '.join(names)} start at random."
        )
    return told


def _prepared(module: nn.Module, context: BuildContext) -> nn.Module:
    """The twin as the tuner makes it; or all of it trained, where the tuner names layers that the twin lacks.

    A model that is only asked has no gradients to compare: its twin is trained whole, or every probe would fail.
    """
    if context.tuner is None:
        return module
    try:
        prepared = context.tuner.prepare(module)
    except WhetError:
        return module
    return prepared if any(p.requires_grad for p in prepared.parameters()) else prepared.requires_grad_(True)


def _size(config: PretrainedConfig, spec: Spec) -> int:
    with torch.device("meta"):
        kind = auto_class(config, allow_code=spec.allow_code)
        module = kind.from_config(config, trust_remote_code=spec.allow_code)
    return sum(parameter.numel() for parameter in module.parameters())

"""A transformers model made ready for training: probed on a twin, loaded, tuned, wrapped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from transformers import PretrainedConfig

from whet.base.errors import ModelError, WhetError, one_line
from whet.base.seeds import forked
from whet.contracts.model import Capabilities, Loaded
from whet.contracts.tuner import Tuner
from whet.models.checkpoints.quantized import check_frozen, check_stays
from whet.models.decoding.proof import decoding_of, generates, prove
from whet.models.forward import attention, encoder_heads, value_head
from whet.models.forward.heads import DRAWN, REDRAWN
from whet.models.forward.language import LanguageModel
from whet.models.forward.mtp import look_further
from whet.models.loading.building import build_module
from whet.models.loading.classes import Family
from whet.models.loading.context import BuildContext
from whet.models.loading.families import auto_class, family_of, first_position
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


def load(spec: Spec, context: BuildContext) -> Loaded:
    """Build the model that `spec` names.

    What can be packed and chunked is probed on a small twin before any weight is read.
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
    check_tuner(spec, config, context, pieces)
    module = build_module(
        spec,
        config,
        dtype=context.dtype,
        seed=context.seed,
        attention=verdict.attention,
        on_meta=not context.is_leader,
        merge=context.tuner is not None,
        head=context.head,
    )
    if context.is_leader and (spec.init is not None or not verdict.is_probed) and context.head is None:
        rehearse(module, _family(spec, config), at="model.init" if spec.init is not None else "model")
    if context.head:
        module.config.architectures = [type(module).__name__]
    if pieces:
        grow(module, pieces)
    writes = context.head is None and generates(module)
    capabilities = Capabilities(
        packed=verdict.packed,
        shares=verdict.shares,
        head=verdict.head,
        generates=writes,
        batch_norm=any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in module.modules()),
        context=context_length(config),
        family=_family(spec, config),
        notices=(
            *verdict.notices,
            *(_decoding(module, context) if writes else ()),
            *_drawn(module, spec),
            *read_back.notices(tokenizer, config),
        ),
    )
    if context.tuner is not None:
        with forked(context.seed, "tuner"):
            module = context.tuner.prepare(module)
        capabilities = replace(capabilities, notices=(*capabilities.notices, *left_out(module)))
    if context.values:
        value_head.attach(module, config.get_text_config().hidden_size, context.dtype, on_meta=not context.is_leader)
    if context.ahead:
        _look_further(module, verdict, context)
    if context.is_leader:
        module = module.to(context.device)
    model = LanguageModel(module, **verdict.how)
    return loaded(module, tokenizer, capabilities, model)


def _look_further(module: Any, verdict: Verdict, context: BuildContext) -> None:
    if context.tuner is not None and context.tuner.is_adapter:
        raise ModelError("an adapter cannot hold the modules that look further ahead", at="tuner", hint="tuner=full")
    if not verdict.packed or verdict.head != "chunked" or verdict.packing.mixers:
        raise ModelError(
            f"`{module.config.model_type}` cannot look further ahead: it does not pack, or has a head of its own kind",
            at="objective.mtp", hint="objective.mtp=0",
        )  # fmt: skip
    look_further(module, context.ahead, dtype=context.dtype, seed=context.seed, on_meta=not context.is_leader)


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
    longest = getattr(small, "max_position_embeddings", None)
    if isinstance(longest, int):
        small.max_position_embeddings = min(longest, max(sum(LENGTHS) - 1, max(LENGTHS) + first_position(small)))


def check_tuner(
    spec: Spec, config: PretrainedConfig, context: BuildContext, pieces: Mapping[int, Sequence[int]]
) -> None:
    """Raise what the tuner says of this architecture before any weight is read."""
    if context.tuner is not None:
        how: dict[str, Any] = {"dtype": context.dtype, "seed": 0, "attention": None, "on_meta": True}
        with forked(0):
            module = build_module(spec, deepcopy(config), head=context.head, **how)
            if pieces:
                grow(module, pieces)
            module = context.tuner.prepare(module)
            check_stored(module, context.tuner)
            check_frozen(module, context.tuner)
            check_stays(config, spec.path, module, context.tuner)


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
    """What to say of how the module decodes. Without a twin it is tried itself, which shares of ranks do when all
    of them are there."""
    found = prove(module, _virtual(context))
    if found is None and not (dist.is_available() and dist.is_initialized()) and context.tuner is None:
        found = decoding_of(module)
    return () if found is None else found.notices


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

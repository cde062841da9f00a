"""Decoding is proven before it is used: every manner of it against the plain forward, on the model's twin."""

# B rows  T tokens  V vocab

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any, TypeVar

import torch
from torch import nn
from transformers import DynamicCache, PretrainedConfig, PreTrainedModel

from whet.base.seeds import forked
from whet.models.decoding.checks import check_pairs, check_rows, fails, plain_logits, texts_of
from whet.models.decoding.manner import PLAIN, Manner, turn_of
from whet.models.decoding.pairs import start_of
from whet.models.forward.backbone import unwrapped
from whet.models.forward.encoder_decoder import start_fed
from whet.models.loading.families import family_of, first_position
from whet.models.probing.probe_cases import vocabulary
from whet.models.probing.twin import TWIN, randomise_parameters, twin_config
from whet.models.tuning.prompting import PLACE

# The manner of a module, by the name of an attribute that its copies have too.
_KEPT = "whet_decoding"
# A twin whose widths could not be shrunk is built only up to this size (4 bytes each).
LARGEST_TWIN = 100e6
# From the fastest. What is left is the plain forward itself.
MANNERS = (
    Manner(),
    Manner(grows=False),
    Manner(rows="equal"),
    Manner(rows="equal", grows=False),
    Manner(rows="single", grows=False),
    Manner(cached=False),
)

Prepare = Callable[[nn.Module], nn.Module]
Found = TypeVar("Found")


def generates(module: nn.Module) -> bool:
    """Whether the module is a language model that continues or answers a text."""
    own: Any = unwrapped(module)
    config, can = getattr(own, "config", None), getattr(own, "can_generate", None)
    return config is not None and can is not None and can() and family_of(config, allow_code=True) != "masked"


def decoding_of(module: nn.Module) -> Manner:
    """How the module decodes: as it was proven when it was loaded, else as it is proven now.

    Where no twin of it can be built the module itself is tried, which all ranks that share it do together.
    """
    own: Any = unwrapped(module)
    if _KEPT not in vars(own) and prove(own) is None:
        with _evaluating(own):
            _keep(own, proven(own, own.config.model_type))
    return vars(own)[_KEPT]


def decode_anew(module: nn.Module) -> None:
    """From now on every token of the module is computed anew for each that follows."""
    own: Any = unwrapped(module)
    object.__setattr__(own, _KEPT, replace(decoding_of(own), cached=False))


def is_proven(module: nn.Module) -> bool:
    """Whether it is known already how the module decodes."""
    return _KEPT in vars(unwrapped(module))


def prove(module: nn.Module, prepare: Prepare | None = None) -> Manner | None:
    """Find out how the module decodes, and keep it for `decoding_of`. About a tenth of a second, once a config.

    `prepare` makes a twin what the module was made after it was built, where that matters. None where there is no twin.
    """
    own: Any = unwrapped(module)
    find = _proven if prepare is None else partial(_built_and_proven, prepare=prepare)
    found = None if prepare is None and hasattr(own, PLACE) else _of_twin(own, find)
    return None if found is None else _keep(own, found)


def on_twin(module: Any, find: Callable[[Any, Manner], Found]) -> Found:
    """What `find` says of the module's twin, or of the module itself where no twin can be built. Without gradients.

    It is asked once for twins that are the same: a function of these two, and not a closure.
    """
    manner = decoding_of(module)
    with torch.no_grad():
        found = _of_twin(module, lambda twin: _found_of(twin, find, manner))
        if found is not None:
            return found
        with _evaluating(module):
            return find(module, manner)


@lru_cache(maxsize=128)
def _found_of(twin: _Twin, find: Callable[[Any, Manner], Found], manner: Manner) -> Found:
    return find(unwrapped(twin.build()), manner)


def _keep(own: Any, found: Manner) -> Manner:
    """The manner with the module's own numbers in place of its twin's."""
    found = _numbered(found, own.config)
    object.__setattr__(own, _KEPT, found)
    return found


def _numbered(manner: Manner, config: PretrainedConfig) -> Manner:
    turn, turns_always = turn_of(config)
    return replace(manner, first=first_position(config), turn=turn, turns_always=turns_always)


def proven(module: Any, name: str) -> Manner:
    """The fastest manner in which the module's rows get what its plain forward gives."""
    check = check_pairs if module.config.is_encoder_decoder else check_rows
    failures: dict[str, str] = {}
    found = PLAIN
    with torch.no_grad():
        for manner in MANNERS:
            failure = fails(check, module, _numbered(manner, module.config))
            if failure is None:
                found = manner
                break
            if not manner.cached:  # what fails here is not why nothing is kept
                continue
            failures[manner.rows] = failure
        found = _numbered(found, module.config)
        if found.rows == "single" and not found.cached and module.config.is_encoder_decoder:
            said = fails(check_pairs, module, found)
            if said is not None:
                return _refusing(module, name, found, said)
    return replace(found, notices=tuple(_notices(name, found, failures)))


def _refusing(module: Any, name: str, found: Manner, said: str) -> Manner:
    """No manner is right: even alone and without a cache the beginning of an answer is not what the whole one is."""
    start, trained = start_of(module), start_fed(module)
    refused = (
        f"{name} cannot answer: beginning with the token {start}, its own forward says something else of the beginning "
        f"of an answer than of the whole one ({said})"
    )
    if start is not None and start == module.config.pad_token_id:
        refused += ", because it takes that token for padding"
    remedy = "another model" if trained in (None, start) else f'"decoder_start_token_id": {trained}, as in training'
    return replace(found, refused=refused, remedy=remedy, notices=(f"{refused}.",))


def _notices(name: str, found: Manner, failures: Mapping[str, str]) -> Iterator[str]:
    """What the user should know, by why rows that were padded, equal and single failed."""
    if found.cached and found.rows == "equal":
        reason = failures["padded"]
        yield f"{name} decodes texts of one length at a time, because padding changes what it says: {reason}."
    elif found.cached and found.rows == "single":
        yield f"{name} decodes one text at a time, because others beside it change what it says: {failures['equal']}."
    elif not found.cached:
        alone = "" if found.rows == "padded" else ", one text at a time"
        yield (
            f"{name} decodes without a cache{alone}, which takes longer with every token, because with one it "
            f"fails: {failures['single']}."
        )


@dataclass(frozen=True, slots=True)
class _Twin:
    """What a twin is built of. Twins of the same class, config and attention are the same."""

    kind: type[PreTrainedModel]
    text: str
    attention: str | None
    config: PretrainedConfig = field(compare=False)

    def build(self, prepare: Prepare = lambda module: module) -> nn.Module:
        with forked("twin"):
            module: nn.Module = self.kind._from_config(
                deepcopy(self.config), dtype=torch.float32, attn_implementation=self.attention
            )
            object.__setattr__(module, TWIN, True)
            module = prepare(module)
        randomise_parameters(module)
        return module.eval()


def _of_twin(module: Any, find: Callable[[_Twin], Found]) -> Found | None:
    """What is found on the module's twin; None where none can be built."""
    for shrink in (True, False):
        try:
            small = twin_config(module.config, shrink=shrink)
            small.name_or_path = ""
            if getattr(small, "is_causal", True) is False:
                small.is_causal = True
            if _layers(small) != _layers(module.config):
                continue
            if small.is_encoder_decoder:
                _begin_alike(small, module)
            twin = _Twin(_own_class(module), _text(small), module.config._attn_implementation, small)
            return find(twin)
        except Exception:
            # Names and limits in configs are not standardised: a twin that does not fit together tells nothing.
            if shrink and sum(p.numel() for p in module.parameters()) > LARGEST_TWIN:
                break
    return None


@lru_cache(maxsize=64)
def _proven(twin: _Twin) -> Manner:
    return _built_and_proven(twin, lambda module: module)


def _built_and_proven(twin: _Twin, prepare: Prepare) -> Manner:
    """Raises what the twin's own forward raises."""
    module = twin.build(prepare)
    own = unwrapped(module)
    with torch.no_grad():
        plain_logits(own, texts_of(own, (3,)), texts_of(own, (3,)) if twin.config.is_encoder_decoder else ())
    return proven(own, twin.config.model_type)


def _begin_alike(small: Any, module: Any) -> None:
    """Let a twin's answers begin as the module's: with padding where these do, which some models do not look at."""
    start, padding = start_of(module), small.pad_token_id
    if start is None:
        return
    if start == module.config.pad_token_id:
        small.decoder_start_token_id = padding
    else:
        token = start % vocabulary(small)
        small.decoder_start_token_id = token if token != padding else (token + 1) % vocabulary(small)


def _layers(config: PretrainedConfig) -> set[str]:
    """The kinds of layers that a cache has for a model: a twin that lacks one tells nothing of it."""
    if config.is_encoder_decoder:
        return set()
    return {type(layer).__name__ for layer in DynamicCache(config=config).layers}


def _text(config: PretrainedConfig) -> str:
    return json.dumps(config.to_dict(), sort_keys=True, default=str)


def _own_class(module: nn.Module) -> type[PreTrainedModel]:
    """The class that transformers has: FSDP puts one of its own before it."""
    from torch.distributed.fsdp import FSDPModule

    return next(kind for kind in type(module).__mro__ if not issubclass(kind, FSDPModule))


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    training = [part for part in module.modules() if part.training]
    for part in training:
        part.training = False
    try:
        yield
    finally:
        for part in training:
            part.training = True

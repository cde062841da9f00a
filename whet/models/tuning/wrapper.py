"""PEFT's wrapper around a model with an adapter in it, kept beside the module that it wraps."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

NAME = "default"
_PLACE = "_whet_adapter"


def hold(module: nn.Module, wrapper: Any) -> nn.Module:
    """Keep PEFT's wrapper with the module that it wraps. Not as a submodule: the wrapper holds the module already."""
    object.__setattr__(module, _PLACE, wrapper)
    return module


def let_go(module: nn.Module) -> Any | None:
    """PEFT's wrapper around the module, which from now on has none."""
    return module.__dict__.pop(_PLACE, None)


def wrapper_of(module: nn.Module) -> Any | None:
    """PEFT's wrapper around the module, if an adapter is in it."""
    return module.__dict__.get(_PLACE)


def adapter_state(wrapper: Any, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The part of a wrapper's `state` that PEFT stores, by the names of its file."""
    from peft import get_peft_model_state_dict

    return get_peft_model_state_dict(wrapper, state_dict=dict(state), adapter_name=NAME, save_embedding_layers=False)


@contextmanager
def quiet() -> Iterator[None]:
    """PEFT 0.21 asks transformers 5.23 for an attribute by the name that it had before, and is warned for it.

    It also warns that merging an adapter of one end of tied weights is delicate: ours unties them, which a notice says.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated")
        warnings.filterwarnings("ignore", message="Model (has|with) `tie_word_embeddings=True` and")
        yield

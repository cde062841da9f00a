"""Features that a module carries, and the moments at which they are called."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from transformers import PretrainedConfig

from whet.base.errors import ModelError
from whet.contracts.batch import Batch, Stream
from whet.contracts.feature import ModelFeature, Share
from whet.contracts.model import Loaded
from whet.models.text import text_config

PLACE = "whet_features"


def install(model: Loaded, feature: ModelFeature) -> None:
    """Let the model have a feature, behind those that it has. Raises ModelError where it cannot."""
    if not model.module._modules.keys() >= set(feature.parts):
        raise ModelError(
            f"this model source gives its models no `{feature.parts[0]}`", at="model.kind", hint="model=hf"
        )
    feature.install(model)
    carry(model.module, feature)


def carry(module: nn.Module, feature: ModelFeature) -> None:
    """From now on the module has the feature. A copy of the module has a copy of it."""
    if not any(one is feature for one in features_of(module)):
        object.__setattr__(module, PLACE, (*features_of(module), feature))


def features_of(module: nn.Module) -> tuple[ModelFeature, ...]:
    """Those that the module carries, in the order that they were installed in."""
    return vars(module).get(PLACE, ())


def is_added(module: nn.Module, name: str) -> bool:
    """Whether a parameter or buffer of this name is part of a feature, which no written model has."""
    return any(name.startswith(f"{part}.") for one in features_of(module) for part in one.parts)


def config_for(module: Any, what: str) -> PretrainedConfig:
    """The config of a language model of transformers. Raises ModelError where another module was to have `what`."""
    config = getattr(module, "config", None)
    if not isinstance(config, PretrainedConfig):
        raise ModelError(f"a {type(module).__name__} cannot have {what}", at="model.kind", hint="model=hf")
    return text_config(config)


def forward_kwargs(module: nn.Module, stream: Stream) -> dict[str, Any]:
    """What all features add to a forward over a packed row."""
    features = features_of(module)
    found = {name: value for one in features for name, value in one.forward_kwargs(module, stream).items()}
    around = tuple(change for one in features if (change := one.around(module, stream)) is not None)
    return {**found, "around": around} if around else found


def across_kwargs(module: nn.Module, target: Stream, source: Stream) -> dict[str, Any]:
    """What all features add to a decoder's forward over a packed row that reads another."""
    found = (one.across(module, target, source) for one in features_of(module))
    around = tuple(change for change in found if change is not None)
    return {"around_across": around} if around else {}


def share_of(module: nn.Module, stream: Stream) -> Share | None:
    """Which tokens of a packed row this rank runs; None: all."""
    return next((share for one in features_of(module) if (share := one.share(stream)) is not None), None)


@contextmanager
def running(module: nn.Module, batch: Batch) -> Iterator[None]:
    """Inside, the features know what the model runs over."""
    features = features_of(module)
    for feature in features:
        feature.begin_run(batch)
    try:
        yield
    finally:
        for feature in features:
            feature.end_run()

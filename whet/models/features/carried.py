"""Features that a module carries, and the moments at which they are called."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from whet.contracts.batch import Batch, Stream
from whet.contracts.feature import ModelFeature
from whet.contracts.model import Loaded

PLACE = "whet_features"


def install(model: Loaded, feature: ModelFeature) -> None:
    """Let the model have a feature, behind those that it has."""
    feature.install(model)
    carry(model.module, feature)


def carry(module: nn.Module, feature: ModelFeature) -> None:
    """A copy of the module has a copy of the feature."""
    object.__setattr__(module, PLACE, (*features_of(module), feature))


def features_of(module: nn.Module) -> tuple[ModelFeature, ...]:
    """Those that the module carries, in the order that they were installed in."""
    return vars(module).get(PLACE, ())


def forward_kwargs(module: nn.Module, stream: Stream) -> dict[str, Any]:
    """What all features add to a forward over a packed row."""
    features = features_of(module)
    found = {name: value for one in features for name, value in one.forward_kwargs(module, stream).items()}
    around = tuple(change for one in features if (change := one.around(module, stream)) is not None)
    return {**found, "around": around} if around else found


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

"""A small classifier over columns of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whet.base.catalogue import model_source
from whet.base.settings import Count, Momentum

if TYPE_CHECKING:
    from whet.contracts.model import Loaded
    from whet.models.loading.context import BuildContext


@model_source("mlp", tokens=False)
def mlp(
    context: BuildContext,
    *,
    features: Count,
    classes: Count,
    hidden: tuple[Count, ...] = (64,),
    dropout: Momentum = 0.0,
) -> Loaded:
    """A multilayer perceptron with ReLU that classifies `fields["features"]`.

    features: numbers a sample
    classes: classes to tell apart
    hidden: width of each hidden layer
    dropout: share of hidden values dropped while training
    """
    from whet.models.forward.tabular import build_mlp

    return build_mlp(context, [features, *hidden, classes], dropout)

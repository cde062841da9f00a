"""Matrices to one optimizer, everything else to another."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from whet.base.catalogue import optimizer
from whet.base.errors import ConfigError
from whet.optim.costs import Trained, takes_matrix
from whet.optim.groups import NamedParameter, ParamGroups

if TYPE_CHECKING:
    from torch.optim import Optimizer


def matrices_and_rest(
    groups: ParamGroups, kind: str, build: Callable[[ParamGroups], Optimizer], rest: Any
) -> Optimizer:
    """`build` steps the matrices (also those of experts); the kind chosen under `rest` steps embeddings, head, norms.

    Raises ConfigError where no matrix is trained.
    """
    from whet.optim.together import Together

    rest = rest if rest is not None else optimizer.get("adamw").settings()
    matrices, others = groups.where(is_matrix), groups.where(lambda m: not is_matrix(m))
    if "rest" in optimizer.get(rest.kind).settings.model_fields:
        raise ConfigError(
            f"`optimizer.rest: {rest.kind}` steps matrices, and those are left to `optimizer: {kind}`",
            at="optimizer.rest.kind",
            hint="optimizer.rest.kind=adamw",
        )
    if not matrices.members:
        raise ConfigError(f"`optimizer: {kind}` steps matrices, and none is trained", hint="optimizer: adamw")
    parts = [build(matrices)]
    if others.members:
        parts.append(optimizer.get(rest.kind).build(others, **rest.values()))
    return Together(parts)


def is_matrix(member: NamedParameter) -> bool:
    """Whether matrix rules take this parameter."""
    return takes_matrix(Trained(member.parameter.shape, member.role))

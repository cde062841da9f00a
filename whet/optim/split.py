"""Matrices to one optimizer, everything else to another."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from whet.base.catalogue import optimizer
from whet.base.errors import ConfigError
from whet.optim.costs import Trained, takes_matrix
from whet.optim.groups import NamedParameter, ParamGroups

if TYPE_CHECKING:
    from whet.contracts.optimizer import Optimizer


def matrices_and_rest(
    groups: ParamGroups, kind: str, build: Callable[[ParamGroups], Optimizer], rest: Any, rank: int = 0
) -> Optimizer:
    """`build` steps the matrices (also those of experts); the kind chosen under `rest` steps embeddings, head, norms.

    Matrices with a side below `rank` have no subspace of so many dimensions, and go to `rest` too. Raises ConfigError
    where no matrix is trained.
    """
    from whet.optim.adapted import adapted
    from whet.optim.composite import Composite

    rest = rest if rest is not None else optimizer.get("adamw").settings()
    matrices, others = groups.where(lambda m: is_matrix(m, rank)), groups.where(lambda m: not is_matrix(m, rank))
    if "rest" in optimizer.get(rest.kind).settings.model_fields:
        raise ConfigError(
            f"`optimizer.rest: {rest.kind}` steps matrices, and those are left to `optimizer: {kind}`",
            at="optimizer.rest.kind",
            hint="optimizer.rest.kind=adamw",
        )
    if not matrices.members and (small := below(groups, rank)):
        widest = max(min(member.parameter.shape[-2:]) for member in small)
        raise ConfigError(
            f"`optimizer.rank` is {rank}, and no matrix that is trained has sides of so many rows and columns",
            at="optimizer.rank",
            hint=f"optimizer.rank={widest} or less, or another kind than `{kind}`",
        )
    if not matrices.members:
        raise ConfigError(f"`optimizer: {kind}` steps matrices, and none is trained", hint="optimizer: adamw")
    parts = [build(matrices)]
    if others.members:
        parts.append(adapted(optimizer.get(rest.kind).build(others, **rest.values())))
    return Composite(parts)


def is_matrix(member: NamedParameter, rank: int = 0) -> bool:
    """Whether matrix rules (of this rank) take this parameter."""
    return takes_matrix(Trained(member.parameter.shape, member.role), rank)


def below(groups: ParamGroups, rank: int) -> list[NamedParameter]:
    """Matrices that only a lower rank would take."""
    return [member for member in groups.members if is_matrix(member) and not is_matrix(member, rank)]

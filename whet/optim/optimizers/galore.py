"""GaLore: Adam in a subspace of the gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from whet.base.catalogue import optimizer
from whet.base.settings import Betas, Count, NonNegative, Positive, choice
from whet.optim.costs import Trained, low_rank, with_rest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from whet.contracts.optimizer import Optimizer
    from whet.optim.groups import ParamGroups


def _bytes(trained: Trained, settings: Mapping[str, Any]) -> float:
    return low_rank(trained.shape, settings)


@optimizer("galore", state_bytes=with_rest(_bytes), one_by_one=True)
def galore(
    groups: ParamGroups,
    *,
    lr: Positive = 8e-4,
    rank: Count = 128,
    gap: Count = 200,
    scale: Positive = 0.25,
    basis: Literal["svd", "gram"] = "svd",
    betas: Betas = (0.9, 0.999),
    eps: Positive = 1e-6,
    weight_decay: NonNegative = 0.0,
    decay: tuple[str, ...] = ("matrix", "expert"),
    state: Literal["fp32", "bf16", "8bit"] = "fp32",
    rest: choice("optimizer", "adamw") = None,  # type: ignore[valid-type]
) -> Optimizer:
    """Adam on the gradient's leading singular directions (Zhao et al. 2024, algorithm 2).

    lr: peak learning rate of matrices; times `scale` it is AdamW's
    rank: dimensions of the subspace
    gap: steps between two bases
    scale: multiplies every step
    basis: from the singular vectors of the gradient, or from the eigenvectors of its Gram matrix, which is quicker
    betas: decay rates of the moments in the subspace
    eps: added to the root of the second moment
    weight_decay: fraction of the new weight removed per step, times the rate
    decay: parameter roles that decay
    state: how the moments are stored
    rest: the optimizer of embeddings, head, norms and biases
    """
    from whet.optim.family import Family
    from whet.optim.projected import GaLore
    from whet.optim.split import matrices_and_rest

    def build(chosen: ParamGroups) -> Optimizer:
        rule = GaLore(rank, gap, scale, basis, betas, eps, state)
        return Family(chosen, chosen.with_decay(weight_decay, decay), rule, lr=lr)

    return matrices_and_rest(groups, "galore", build, rest, rank)

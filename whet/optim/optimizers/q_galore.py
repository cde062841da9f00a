"""Q-GaLore: GaLore with an 8-bit basis that is renewed less and less often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from whet.base.catalogue import optimizer
from whet.base.settings import Betas, Count, Fraction, NonNegative, Positive, choice
from whet.optim.costs import Trained, low_rank, with_rest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from whet.contracts.optimizer import Optimizer
    from whet.optim.groups import ParamGroups


def _bytes(trained: Trained, settings: Mapping[str, Any]) -> float:
    return low_rank(trained.shape, settings, basis="8bit")


@optimizer("q-galore", state_bytes=with_rest(_bytes), one_by_one=True)
def q_galore(
    groups: ParamGroups,
    *,
    lr: Positive = 8e-4,
    rank: Count = 128,
    gap: Count = 200,
    scale: Positive = 0.25,
    basis: Literal["svd", "gram"] = "svd",
    similarity: Fraction = 0.4,
    window: Count = 5,
    betas: Betas = (0.9, 0.999),
    eps: Positive = 1e-6,
    weight_decay: NonNegative = 0.0,
    decay: tuple[str, ...] = ("matrix", "expert"),
    state: Literal["fp32", "bf16", "8bit"] = "8bit",
    rest: choice("optimizer", "adamw") = None,  # type: ignore[valid-type]
) -> Optimizer:
    """GaLore with 8-bit moments and basis, renewed lazily (Zhang et al. 2024); weights are not quantized.

    lr: peak learning rate of matrices; times `scale` it is AdamW's
    rank: dimensions of the subspace
    gap: steps between two bases
    scale: multiplies every step
    basis: from the singular vectors of the gradient, or from the eigenvectors of its Gram matrix, which is quicker
    similarity: cosine of the first direction, old and new, from which on it counts as standing still
    window: renewals in a row that must stand still on average before `gap` doubles
    betas: decay rates of the moments in the subspace
    eps: added to the root of the second moment
    weight_decay: fraction of the new weight removed per step, times the rate
    decay: parameter roles that decay
    state: how the moments are stored
    rest: the optimizer of embeddings, head, norms and biases
    """
    from whet.optim.family import Family
    from whet.optim.projected import QGaLore
    from whet.optim.split import matrices_and_rest

    def build(chosen: ParamGroups) -> Optimizer:
        rule = QGaLore(rank, gap, scale, basis, betas, eps, state, similarity=similarity, window=window)
        return Family(chosen, chosen.with_decay(weight_decay, decay), rule, lr=lr)

    return matrices_and_rest(groups, "q-galore", build, rest, rank)

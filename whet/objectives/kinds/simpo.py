"""Simple preference optimisation: log-probabilities a token with a margin, without a reference."""

from __future__ import annotations

from whet.base.catalogue import objective
from whet.base.settings import NonNegative, Positive
from whet.contracts.objective import Objective


@objective("simpo", takes=("preference",))
def simpo(*, beta: Positive = 2.0, margin: NonNegative = 1.0, sft: NonNegative = 0.0) -> Objective:
    """Prefer chosen replies by their log-probability a token (Meng et al. 2024).

    beta: scale of the difference
    margin: by how much the chosen reply should win (gamma, after beta)
    sft: weight of the next-token loss of chosen replies, a mean over their tokens
    """
    from whet.objectives import pair_losses
    from whet.objectives.preference import SFT, Preference

    coefficients = {"simpo": 1.0, **({SFT: sft} if sft else {})}
    shape = pair_losses.Shape(beta, margin=margin)
    return Preference({"simpo": pair_losses.simpo}, coefficients, shape, reference=None)

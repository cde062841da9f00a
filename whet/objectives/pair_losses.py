"""Losses of preference pairs: each a function of the scores of a chosen and a rejected reply, one number a pair."""

# G pairs

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Divergence = Literal["reverse_kl", "forward_kl", "js", "alpha"]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Scores of the chosen and rejected replies, each (G,) float64.

    Summed log-probabilities under the policy, the same minus the reference's (`ratio`), and the number of
    trained tokens. Without a reference the ratios are the log-probabilities themselves.
    """

    chosen: Tensor
    rejected: Tensor
    chosen_ratio: Tensor
    rejected_ratio: Tensor
    chosen_length: Tensor
    rejected_length: Tensor


@dataclass(frozen=True, slots=True)
class Shape:
    """What the losses share: temperature `beta`, the chance that a label is wrong, the divergence, and so on."""

    beta: float
    label_smoothing: float = 0.0
    divergence: Divergence = "reverse_kl"
    alpha: float = 0.5
    tau: float = 0.05
    margin: float = 0.0

    def scores(self, ratio_G: Tensor) -> Tensor:
        """f'(policy / reference) up to a constant (Wang et al. 2024, "Beyond Reverse KL", table 1)."""
        if self.divergence == "forward_kl":
            return 1 - torch.exp(-ratio_G)
        if self.divergence == "js":
            return math.log(2) + F.logsigmoid(ratio_G)
        if self.divergence == "alpha" and self.alpha != 1:
            return torch.expm1(((self.alpha - 1) * ratio_G).clamp(max=80)) / (self.alpha - 1)
        return ratio_G

    def logits(self, pairs: Pairs) -> Tensor:
        return self.beta * (self.scores(pairs.chosen_ratio) - self.scores(pairs.rejected_ratio))

    def mean_difference(self, pairs: Pairs) -> Tensor:
        """Difference of the scores a token."""
        chosen_G = self.scores(pairs.chosen_ratio) / pairs.chosen_length
        return chosen_G - self.scores(pairs.rejected_ratio) / pairs.rejected_length


Loss = Callable[[Pairs, Shape], Tensor]


def sigmoid(pairs: Pairs, shape: Shape) -> Tensor:
    """DPO (Rafailov et al. 2023, equation 7); with label smoothing cDPO (Mitchell 2023)."""
    return _smoothed(shape.logits(pairs), shape.label_smoothing)


def sigmoid_mean(pairs: Pairs, shape: Shape) -> Tensor:
    """DPO with scores a token, so that long replies weigh no more than short ones."""
    return _smoothed(shape.beta * shape.mean_difference(pairs), shape.label_smoothing)


def robust(pairs: Pairs, shape: Shape) -> Tensor:
    """Unbiased under labels that are wrong with chance `label_smoothing` (Chowdhury et al. 2024, equation 8)."""
    logits_G, share = shape.logits(pairs), shape.label_smoothing
    return (share * F.logsigmoid(-logits_G) - (1 - share) * F.logsigmoid(logits_G)) / (1 - 2 * share)


def hinge(pairs: Pairs, shape: Shape) -> Tensor:
    """SLiC and RSO (Liu et al. 2023, equation 12)."""
    return torch.relu(1 - shape.logits(pairs))


def ipo(pairs: Pairs, shape: Shape) -> Tensor:
    """Squared distance to 1 / (2 beta) (Azar et al. 2023, equation 17), with scores a token, as its authors run it."""
    return (shape.mean_difference(pairs) - 1 / (2 * shape.beta)) ** 2


def exo(pairs: Pairs, shape: Shape) -> Tensor:
    """Reverse KL to the smoothed labels (Ji et al. 2024, equation 16 for two replies)."""
    logits_G = shape.logits(pairs)
    right_G, wrong_G = F.logsigmoid(logits_G), F.logsigmoid(-logits_G)
    right = right_G.exp() * (right_G - math.log1p(-shape.label_smoothing))
    return right + wrong_G.exp() * (wrong_G - math.log(shape.label_smoothing))


def nca(pairs: Pairs, shape: Shape) -> Tensor:
    """Noise contrastive alignment of a pair (Chen et al. 2024, equation 11 for two replies)."""
    chosen_G, rejected_G = shape.beta * pairs.chosen_ratio, shape.beta * pairs.rejected_ratio
    return -F.logsigmoid(chosen_G) - 0.5 * F.logsigmoid(-chosen_G) - 0.5 * F.logsigmoid(-rejected_G)


def bco(pairs: Pairs, shape: Shape) -> Tensor:
    """Binary classifier of good and bad replies (Jung et al. 2024, equation 10), without its reward shift."""
    return -F.logsigmoid(shape.beta * pairs.chosen_ratio) - F.logsigmoid(-shape.beta * pairs.rejected_ratio)


def sppo(pairs: Pairs, shape: Shape) -> Tensor:
    """Self-play with the winner's chance taken as 1 (Wu et al. 2024, equation 4.7)."""
    goal = 0.5 / shape.beta
    return (pairs.chosen_ratio - goal) ** 2 + (pairs.rejected_ratio + goal) ** 2


def apo_zero(pairs: Pairs, shape: Shape) -> Tensor:
    """For chosen replies better than the model's own (D'Oosterlinck et al. 2024, equation 7)."""
    return torch.sigmoid(-shape.beta * pairs.chosen_ratio) + torch.sigmoid(shape.beta * pairs.rejected_ratio)


def apo_down(pairs: Pairs, shape: Shape) -> Tensor:
    """For chosen replies worse than the model's own (D'Oosterlinck et al. 2024, equation 8)."""
    difference_G = pairs.chosen_ratio - pairs.rejected_ratio
    return torch.sigmoid(shape.beta * pairs.chosen_ratio) + torch.sigmoid(-shape.beta * difference_G)


def discopop(pairs: Pairs, shape: Shape) -> Tensor:
    """Log-ratio modulated loss (Lu et al. 2024, equation 5)."""
    logits_G = shape.logits(pairs)
    share_G = torch.sigmoid(logits_G / shape.tau)
    return -F.logsigmoid(logits_G) * (1 - share_G) + torch.exp(-logits_G) * share_G


def odds(pairs: Pairs, shape: Shape) -> Tensor:
    """-beta log sigmoid of the log odds ratio, with log-probabilities a token (Hong et al. 2024, equation 7)."""
    chosen_G, rejected_G = pairs.chosen / pairs.chosen_length, pairs.rejected / pairs.rejected_length
    return -shape.beta * F.logsigmoid(_log_odds(chosen_G) - _log_odds(rejected_G))


def simpo(pairs: Pairs, shape: Shape) -> Tensor:
    """Log-probabilities a token with a target margin, no reference (Meng et al. 2024, equation 6)."""
    difference_G = pairs.chosen / pairs.chosen_length - pairs.rejected / pairs.rejected_length
    return _smoothed(shape.beta * difference_G - shape.margin, shape.label_smoothing)


LOSSES: dict[str, Loss] = {
    "sigmoid": sigmoid, "sigmoid_mean": sigmoid_mean, "robust": robust, "hinge": hinge, "ipo": ipo, "exo": exo,
    "nca": nca, "bco": bco, "sppo": sppo, "apo_zero": apo_zero, "apo_down": apo_down, "discopop": discopop,
}  # fmt: skip


def _smoothed(logits_G: Tensor, share: float) -> Tensor:
    right_G = -(1 - share) * F.logsigmoid(logits_G)
    return right_G - share * F.logsigmoid(-logits_G) if share else right_G


def _log_odds(logp_G: Tensor) -> Tensor:
    """log (p / (1 - p)) from log p < 0."""
    return logp_G - torch.log(-torch.expm1(logp_G))

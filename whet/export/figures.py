"""Figures of two observations: how far logits and greedy answers of a written model are from the trained one's."""

# P positions  V vocab

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from whet.export.limits import TIE
from whet.export.observation import Observed


def figures_of(trained: Observed, written: Observed) -> dict[str, Any]:
    """Numbers over the prompts that both tokenised alike, a prompt at a time: a large vocabulary fills memory."""
    parts, shifts = [], []
    for ids, again, before, after in zip(trained.ids, written.ids, trained.logits, written.logits, strict=False):
        if list(ids) == list(again):
            parts.append(_differences(before.double(), after.double()))
            shifts.append(_shifts(before, after))
    if not parts:
        nan = float("nan")
        names = ("max_difference", "mean_difference", "deviation", "max_kl", "mean_kl", "agreement", "generation")
        return {"positions": 0, **dict.fromkeys((*names, "shift"), nan)}
    difference_P, largest_P, deviation_P, kl_P, agrees_P = (torch.cat(columns) for columns in zip(*parts, strict=True))
    return {
        "positions": len(kl_P),
        "max_difference": float(largest_P.max()),
        "mean_difference": float(difference_P.mean()),
        "deviation": float(deviation_P.mean()),
        "max_kl": float(kl_P.max()),
        "mean_kl": float(kl_P.mean()),
        "agreement": float(agrees_P.mean()),
        "generation": _generated_alike(trained, written, TIE * float(deviation_P.mean())),
        "shift": float(torch.stack(shifts).mean(0).max()),
    }


def _generated_alike(trained: Observed, written: Observed, tie: float) -> float:
    """The share of tokens before the first difference of each prompt. What follows a tie, in which both had the choice
    between tokens of logits not more than `tie` apart, tells nothing and does not count."""
    before, after = trained.continued, written.continued
    if not sum(map(len, before)) or len(before) != len(after):
        return float("nan") if not before and not after else 0.0
    alike, total = 0, 0
    for row, (ours, theirs) in enumerate(zip(before, after, strict=True)):
        same = [a == b for a, b in zip(ours, theirs, strict=False)]
        first = same.index(False) if False in same else len(same)
        is_tie = False in same and all(one.leads and one.leads[row][first] <= tie for one in (trained, written))
        alike, total = alike + first, total + (first if is_tie else len(ours))
    return alike / total if total else float("nan")


def _shifts(before_PV: Tensor, after_PV: Tensor) -> Tensor:
    """How far the logit of each token (V,) has moved, in the median over places."""
    difference_PV = (before_PV - after_PV).abs().float()
    both_PV = (before_PV == -torch.inf) & (after_PV == -torch.inf)
    return difference_PV.masked_fill(both_PV, 0.0).median(0).values.double()


def _differences(before_PV: Tensor, after_PV: Tensor) -> tuple[Tensor, ...]:
    """Mean and largest difference of the logits, their deviation, KL, and whether the greedy token is the same (P,)."""
    # Some models rule tokens out with -inf; those have no difference.
    possible_V = ((before_PV > -torch.inf) | (after_PV > -torch.inf)).any(0)
    before_PV, after_PV = before_PV[:, possible_V], after_PV[:, possible_V]
    difference_PV = (before_PV - after_PV).abs()
    logs = before_PV.log_softmax(-1), after_PV.log_softmax(-1)
    kl_P = torch.nn.functional.kl_div(logs[1], logs[0], reduction="none", log_target=True).sum(-1)
    # A single score has no deviation: its size stands for it.
    deviation_P = before_PV.std(-1) if before_PV.shape[-1] > 1 else before_PV[:, 0].abs()
    chosen_P = before_PV.gather(-1, after_PV.argmax(-1, keepdim=True))[:, 0]
    agrees_P = (before_PV.amax(-1) - chosen_P <= TIE * deviation_P).double()
    return difference_PV.mean(-1), difference_PV.amax(-1), deviation_P, kl_P, agrees_P

"""Answers in the making, side by side: tokens as tensors until they end, rows that have ended leave the batch."""

# B rows (answers in the making)  S starts (contexts they go on from)  T tokens  V vocab  N tokens of an answer

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn

from whet.base.errors import ModelError
from whet.generate.eval_mode import Lockstep
from whet.generate.protocol import GenerateSettings
from whet.generate.sampling import draw_told
from whet.models.decoding.cache import Held
from whet.models.decoding.proof import decoding_of
from whet.models.decoding.rows import rows_of
from whet.parallel.pipeline.over_stages import OverStages

# Rows that have ended are dropped when so large a share of the batch has.
_DROP_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Start:
    """A context that answers go on from, with the draws (N,) of each and the most tokens that each may have.

    `held` is what is known of its first tokens; at least the last one is run.
    """

    ids: Sequence[int]
    uniforms: Sequence[Tensor]
    limits: Sequence[int]
    held: Held | None = None


@dataclass(slots=True)
class Drawn:
    """An answer: its ids with the one that ended it, their log p at the temperature of the draws, without filters, and
    whether it ended itself. `held` is the cache of all its tokens but the last, where that was asked for."""

    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    is_whole: bool = False
    held: Held | None = None


class Rows:
    """One batch of answers. Without starts it runs the module as often as other ranks need."""

    def __init__(
        self,
        module: nn.Module,
        starts: Sequence[Start],
        settings: GenerateSettings,
        stops: Tensor,
        context: int | None,
        *,
        goes_on: bool = False,
    ) -> None:
        """`goes_on` lets every layer keep what it has seen, so that answers can be held and gone on from."""
        self._settings, self._is_idle = settings, not starts
        self._told: _Telling = _chosen
        if isinstance(module, OverStages):
            module, self._told = module.quiet(), module.told
        starts = starts or [Start([0], [torch.zeros(1)], [1])]
        self._device = next(module.parameters()).device
        self._stops = stops.to(self._device)
        self._counts = [len(start.uniforms) for start in starts]
        self._lengths = [len(start.ids) for start in starts for _ in start.uniforms]
        self._uniforms_BN = torch.stack([own for start in starts for own in start.uniforms]).to(self._device)
        self._limits_B = torch.tensor([n for start in starts for n in start.limits], device=self._device)
        self._growing = rows_of(
            module, decoding_of(module), [start.ids for start in starts], context,
            known=[start.held for start in starts], holds=goes_on,
        )  # fmt: skip

    def run(
        self, together: Lockstep, at: Callable[[str], None], keep: Callable[[int], bool] | None = None
    ) -> list[Drawn]:
        """Every answer, those of a start one after the other.

        `keep` is asked, with its number of tokens, whether the cache of an answer that ended itself is kept.
        """
        logits_BV = self._spread(self._growing.logits())
        rows = len(logits_BV)
        alive = torch.arange(rows, device=self._device)
        drawn = [Drawn() for _ in range(0 if self._is_idle else rows)]
        active_B = torch.full((rows,), not self._is_idle, device=self._device)
        step = 0
        while True:
            at(f"token {step + 1} of {len(alive)} answers")
            if not self._is_idle:
                next_B, logp_B = self._told(partial(self._choose, logits_BV, alive, step), len(alive))
                if logp_B.isnan().any():  # one logit that is no number makes the sum none
                    raise ModelError("the model's logits are not numbers (NaN)", hint="its weights may have diverged")
                has_ended_B = torch.isin(next_B, self._stops)
                facts = zip(
                    alive.tolist(), next_B.tolist(), logp_B.tolist(), has_ended_B.tolist(), active_B.tolist(),
                    strict=True,
                )  # fmt: skip
                for row, token, logp, has_ended, is_active in facts:
                    if is_active:
                        drawn[row].ids.append(token)
                        drawn[row].logprobs.append(logp)
                        drawn[row].is_whole = has_ended
                active_B &= ~has_ended_B & (step + 1 < self._limits_B[alive])
            step += 1
            if not together.most(int(active_B.sum())):
                self._leave(drawn, enumerate(alive.tolist()), keep)
                return drawn
            if self._is_idle:
                next_B = torch.zeros(len(alive), dtype=torch.long, device=self._device)
            elif active_B.any() and (~active_B).float().mean() >= _DROP_SHARE:
                left = (~active_B).nonzero().squeeze(1).tolist()
                self._leave(drawn, [(place, int(alive[place])) for place in left], keep)
                kept = active_B.nonzero().squeeze(1)
                alive, next_B, active_B = alive[kept], next_B[kept], active_B[kept]
                self._growing.choose(kept)
            self._growing.push(next_B)
            logits_BV = self._growing.logits()

    def _choose(self, logits_BV: Tensor, alive: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Ids (B,) drawn from the filtered distribution, and their log p in the unfiltered one at the temperature."""
        if self._settings.temperature > 0:
            ids_B, logp_B = draw_told(logits_BV, self._uniforms_BN[alive, step], self._settings)
        else:
            ids_B = logits_BV.argmax(-1)
            logp_B = logits_BV.gather(1, ids_B[:, None]).squeeze(1) - logits_BV.logsumexp(-1)
        return ids_B, logp_B

    def _spread(self, logits_SV: Tensor) -> Tensor:
        """Logits (B, V), a cache row and a padding for each answer of each start."""
        if max(self._counts) == 1:
            return logits_SV
        start_B = torch.arange(len(self._counts)).repeat_interleave(torch.tensor(self._counts)).to(self._device)
        self._growing.choose(start_B)
        return logits_SV[start_B]

    def _leave(
        self, drawn: Sequence[Drawn], rows: Iterable[tuple[int, int]], keep: Callable[[int], bool] | None
    ) -> None:
        """Take the cache of answers, given by place and number, before they are gone, where it is to be kept."""
        if keep is None or self._is_idle or not self._growing.can_hold:
            return
        for place, row in rows:
            count = self._lengths[row] + len(drawn[row].ids) - 1
            if drawn[row].is_whole and keep(count):
                drawn[row].held = self._growing.held(place, count)


_Telling = Callable[[Callable[[], tuple[Tensor, Tensor]], int], tuple[Tensor, Tensor]]


def _chosen(choose: Callable[[], tuple[Tensor, Tensor]], rows: int) -> tuple[Tensor, Tensor]:
    """What is chosen, where the logits are here."""
    return choose()

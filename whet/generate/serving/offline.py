"""Answers for one caller who waits for all of them: the batcher in the caller's thread, without clients."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from whet.contracts.rewards import unheard
from whet.generate.eval_mode import Lockstep
from whet.generate.protocol import Completion, Piece, Token
from whet.generate.serving.alike import choose_alike
from whet.generate.serving.batcher import Batcher
from whet.generate.serving.caches import cache_of, context_length
from whet.generate.serving.choosing import Chooser, Draws, choose_of_numbers
from whet.generate.serving.entry import Entry
from whet.generate.serving.request import Handle, Limits, Request, Told
from whet.models.decoding.manner import Manner
from whet.models.decoding.pairs import is_paired_model, start_token
from whet.models.decoding.proof import decoding_of
from whet.models.decoding.sequences import Beginning, Part
from whet.parallel.pipeline.over_stages import OverStages
from whet.parallel.placed import sharing_matrices

# Answers in the making at once, at most: each has logits of the whole vocabulary.
MOST_ANSWERS = 256
# Tokens of prompts that a step reads. Nobody waits for the answers beside them, and more at once took no less time.
_STEP_TOKENS = 2048
# Ended answers that others may begin like.
_KEPT = 4096
# The key of the lone token that a rank runs while others still answer.
_IDLE = -1


class Offline:
    """Answers with a module as it is now: in evaluation mode, without gradients, and with the same weights all along.

    At most `batch_tokens` tokens of cache are held at once, one answer's at least. What was read is kept as long as
    this lives, for answers that begin alike. With FSDP every rank has one, and calls it as often as the others, with
    any number of requests; the module runs equally often on all ranks.
    """

    def __init__(self, module: nn.Module, batch_tokens: int, *, tells_draws: bool = False) -> None:
        """`tells_draws` says that all requests do, and nobody asks for more of a token: that is then all that the
        stages of a model are told of it."""
        chooser: Chooser = choose_of_numbers
        if isinstance(module, OverStages) and tells_draws:
            module = module.quiet()
            chooser = partial(_told_by_last_stage, module)
        elif (group := sharing_matrices(module)) is not None:
            chooser = partial(choose_alike, group)
        self._ranks, self._manner = Lockstep(module), decoding_of(module)
        self._context, self._batch_tokens = context_length(module), batch_tokens
        self._start = start_token(module) if is_paired_model(module) else None
        self._cache = cache_of(module, batch_tokens, kept=_KEPT, most=self._ranks.most)
        is_shared = self._cache.is_shared
        limits = Limits(
            sequences=MOST_ANSWERS if is_shared else 1 << 30, step_tokens=_STEP_TOKENS if is_shared else 1 << 30,
            cache_tokens=batch_tokens,
        )  # fmt: skip
        self._batcher = Batcher(self._cache, limits, chooser=chooser)

    @property
    def is_busy(self) -> bool:
        """Whether an answer is not whole yet."""
        return self._batcher.is_busy

    def answers(
        self, requests: Sequence[Request], tokenizer: Any, stops: frozenset[int], at: Callable[[str], None] = unheard
    ) -> list[Completion]:
        """One answer a request, in their order; without text where the tokenizer is None.

        `at` is told what comes next, and raises when nobody waits any more.
        """
        entries = [self._entry(request, tokenizer, stops, _ignored) for request in requests]
        batches = self._batches(entries)
        for index in range(self._ranks.most(len(batches))):
            for one in batches[index] if index < len(batches) else []:
                self._batcher.add(one)
            num_steps = 0
            while self._ranks.most(self.is_busy):
                num_steps += 1
                at(f"step {num_steps} of {len(entries)} answers")
                self.step()
        return [_whole(one.handle) for one in entries]

    def begin(self, request: Request, tokenizer: Any, stops: frozenset[int], tell: Callable[[Piece], None]) -> None:
        """Let an answer begin, which `step` goes on with."""
        self._batcher.add(self._entry(request, tokenizer, stops, tell))

    def step(self) -> None:
        """Run the module once: a token more for each answer, or a lone one that nobody wants."""
        if self.is_busy:
            self._batcher.step()
            return
        self._cache.begin(_IDLE, Beginning([0], takes_over=False))
        self._cache.run([Part(_IDLE, 0, [0])])
        self._cache.leave(_IDLE, 0)

    def _entry(self, request: Request, tokenizer: Any, stops: frozenset[int], tell: Callable[[Piece], None]) -> Entry:
        def told(what: Told) -> None:
            if isinstance(what, BaseException):
                raise what
            assert what is not None
            tell(what)

        return Entry(Handle(request, told), tokenizer, stops, self._context, self._start)

    def _batches(self, entries: Sequence[Entry]) -> list[list[Entry]]:
        """Those that are added together: all, or what goes side by side where none can join later."""
        if self._cache.is_shared:
            return [list(entries)]
        lengths, limits = [len(one.ids) for one in entries], [one.answer.limit for one in entries]
        return [[entries[i] for i in rows] for rows in together(lengths, limits, self._batch_tokens, self._manner)]


def together(prompts: Sequence[int], limits: Sequence[int], batch_tokens: int, manner: Manner) -> list[list[int]]:
    """Numbers of the prompts that go together, given by their lengths: the longest first, so that little is padding.

    `limits` are the most tokens that each gets. A batch has at most `batch_tokens`, and one prompt at least.
    """
    batches: list[list[int]] = []
    lengths = [prompt + limit for prompt, limit in zip(prompts, limits, strict=True)]
    apart = manner.rows != "padded"
    for row in sorted(range(len(lengths)), key=lambda row: (-lengths[row], -prompts[row] if apart else 0)):
        first = batches[-1][0] if batches else row
        has_room = bool(batches) and lengths[first] * (len(batches[-1]) + 1) <= batch_tokens
        if has_room and manner.joins(prompts[first], prompts[row], max(limits[first], limits[row])):
            batches[-1].append(row)
        else:
            batches.append([row])
    return batches


def _told_by_last_stage(module: OverStages, logits_BV: Tensor, draws: Sequence[Draws]) -> list[Token | None]:
    """What the last stage's rank chooses, on every rank."""

    def made() -> tuple[Tensor, Tensor]:
        found = choose_of_numbers(logits_BV, draws)
        ids, logprobs = zip(*((0, math.nan) if one is None else (one.id, one.logprob) for one in found), strict=True)
        return torch.tensor(ids), torch.tensor(logprobs, dtype=torch.float64)

    ids_B, logprobs_B = module.told(made, len(draws))
    tokens = [Token(*one) for one in zip(ids_B.tolist(), logprobs_B.tolist(), strict=True)]
    if not module.is_last:
        for one, token in zip(draws, tokens, strict=True):
            one.take(token.id)
    return [None if math.isnan(token.logprob or 0.0) else token for token in tokens]


def _whole(handle: Handle) -> Completion:
    assert handle.completion is not None
    return handle.completion


def _ignored(piece: Piece) -> None:
    pass

"""What a manner of decoding is held against: contexts of a twin, and the logits that a plain forward gives of each."""

# B rows  T tokens  V vocab

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from whet.base.errors import WhetError, one_line
from whet.models.decoding.manner import Manner
from whet.models.decoding.pairs import Pairs, start_of
from whet.models.decoding.rows import rows_of
from whet.models.forward.rope import forget
from whet.models.probing.probe_cases import random_tokens
from whet.models.probing.twin import TURN

# Contexts before and after the twin's windows are full, in no order that a sort would hide, and what comes after them:
# together shorter than where a rotary embedding turns.
LENGTHS, NUM_NEW = (9, 4, 6), 5


class _Differs(Exception):
    """A manner says something else; the message says how far off."""


def fails(check: Callable[[Any, Manner], None], module: Any, manner: Manner) -> str | None:
    """Why a manner fails, or None. Whatever a model raises on it rules it out."""
    try:
        check(module, manner)
    except (_Differs, WhetError) as said:
        return str(said).splitlines()[0]
    except Exception as error:
        return one_line(error)
    return None


def texts_of(module: Any, lengths: Sequence[int], seed: int = 0) -> list[Tensor]:
    device = next(module.parameters()).device
    return [text.to(device) for text in random_tokens(module.config, lengths, seed)]


def plain_logits(module: Any, ids: Sequence[Tensor], sources: Sequence[Tensor] = ()) -> list[Tensor]:
    """Logits (T, V) of each text, by a forward of its own."""
    found = []
    for i, text in enumerate(ids):
        read = (
            {"input_ids": sources[i][None], "decoder_input_ids": text[None]} if sources else {"input_ids": text[None]}
        )
        forget(module)
        found.append(module(**read, use_cache=False).logits[0].float())
    return found


class Texts:
    """Contexts of these many tokens with NUM_NEW more each, and another continuation of the first one; with the logits
    that a plain forward gives of each: of the whole text, or where it `turns` of as much as there is at each step."""

    def __init__(self, module: Any, lengths: Sequence[int], *, turns: bool = False) -> None:
        self.lengths = [*lengths, lengths[0]]
        self.ids = texts_of(module, [n + NUM_NEW for n in self.lengths])
        self.ids[-1][: lengths[0]] = self.ids[0][: lengths[0]]
        self._logits: list[list[Tensor]] = []
        if turns:
            for ids, n in zip(self.ids, self.lengths, strict=True):
                parts = plain_logits(module, [ids[: n + step] for step in range(NUM_NEW + 1)])
                self._logits.append([logits[-1] for logits in parts])
        else:
            whole = plain_logits(module, self.ids)
            self._logits = [list(logits[n - 1 :]) for logits, n in zip(whole, self.lengths, strict=True)]

    def first(self, i: int, num_new: int = 0) -> list[int]:
        """The context of a text, and so many of what comes after it."""
        return self.ids[i][: self.lengths[i] + num_new].tolist()

    def tokens(self, rows: Sequence[int], step: int) -> Tensor:
        """The token (B,) that comes at a step after the contexts of these texts."""
        return torch.stack([self.ids[i][self.lengths[i] + step] for i in rows])

    def compare(self, found_BV: Tensor, rows: Sequence[int], step: int) -> None:
        """Raise where the logits, of the token at this step, are not those of the plain forward."""
        _compare(found_BV, [self._logits[i][step] for i in rows])


def _compare(found_BV: Tensor, expected: Sequence[Tensor]) -> None:
    """Raise where logits are further off than rounding: by more than half of the digits."""
    expected_BV = torch.stack(list(expected))
    possible_BV = expected_BV > torch.finfo(expected_BV.dtype).min / 2
    scale = expected_BV[possible_BV].abs().max().clamp(1e-3)
    off = ((found_BV - expected_BV)[possible_BV].abs().max() / scale).item()
    if not off <= half_the_digits(found_BV.dtype):
        raise _Differs(f"logits are off by {off:.1g} of their scale")


def half_the_digits(dtype: torch.dtype) -> float:
    """The square root of a dtype's rounding: far above what sums in another order do, far below what an error does."""
    return torch.finfo(dtype).eps ** 0.5


def lengths_of(manner: Manner) -> tuple[int, ...]:
    return LENGTHS if manner.rows == "padded" else (LENGTHS[0],) * len(LENGTHS)


def check_rows(module: Any, manner: Manner) -> None:
    """Decode texts side by side; beyond the turn of a twin's rotary embedding too."""
    _decode(module, manner, Texts(module, lengths_of(manner)))
    if manner.turn is not None and manner.turn <= TURN:
        _decode(module, manner, Texts(module, (manner.turn - NUM_NEW // 2,) * 2, turns=True))


def _decode(module: Any, manner: Manner, texts: Texts) -> None:
    """Rows that get several answers, of which some leave, with another batch in between."""
    numbers = [0] if manner.rows == "single" else list(range(len(texts.lengths) - 1))
    rows, beside = (rows_of(module, manner, [texts.first(i) for i in some]) for some in (numbers, [1]))
    texts.compare(rows.logits(), numbers, 0)
    texts.compare(beside.logits(), [1], 0)
    if manner.rows != "single":
        _choose(rows, [*numbers, 0], texts)
        numbers.append(len(numbers))  # the other answer to the first
    for step in range(NUM_NEW):
        rows.push(texts.tokens(numbers, step))
        texts.compare(rows.logits(), numbers, step + 1)
        if step == NUM_NEW // 2 and manner.rows != "single":
            _choose(rows, [len(numbers) - 1, *range(1, len(numbers) - 1)], texts)
            numbers = [numbers[-1], *numbers[1:-1]]
    beside.push(texts.tokens([1], 0))
    texts.compare(beside.logits(), [1], 1)


def _choose(rows: Any, places: Sequence[int], texts: Texts) -> None:
    rows.choose(torch.tensor(places, device=texts.ids[0].device))


def check_pairs(module: Any, manner: Manner) -> None:
    """Answer sources side by side, with the token in front that the module's answers begin with."""
    lengths = lengths_of(manner)
    sources = texts_of(module, lengths)
    answers = texts_of(module, [LENGTHS[0] + NUM_NEW] * len(lengths), seed=1)
    named = start_of(module)
    start = int(answers[0][0]) if named is None else named
    for answer in answers:
        answer[0] = start
    expected = plain_logits(module, answers, sources)
    numbers = range(len(lengths))
    for some in [[i] for i in numbers] if manner.rows == "single" else [list(numbers)]:
        pairs = Pairs(module, manner, [sources[i].tolist() for i in some], start)
        for step in range(LENGTHS[0] + NUM_NEW):
            if step:
                pairs.push(torch.stack([answers[i][step] for i in some]))
            _compare(pairs.logits(), [expected[i][step] for i in some])

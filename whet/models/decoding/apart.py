"""Sequences that no packed forward takes: those that begin at one step go on side by side, if the model lets them."""

# B rows  V vocab

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from whet.models.decoding.manner import Manner
from whet.models.decoding.pairs import Pairs, is_paired_model, start_token
from whet.models.decoding.rows import rows_of
from whet.models.decoding.sequences import Beginning, Part
from whet.models.forward.backbone import unwrapped

# Rows that have ended are dropped when so large a share of a batch has.
_DROP_SHARE = 0.25


class Apart:
    """Batches in the manner that is proven for the model (contract: `whet.models.decoding.sequences.Sequences`).

    Nobody joins a batch that has begun. Sequences that begin with the same text read it once. Of an encoder-decoder a
    sequence begins with what is to be read, behind which its answer comes.
    """

    is_shared = False

    def __init__(
        self, module: nn.Module, manner: Manner, context: int | None, most_tokens: int = 1 << 30,
        most: Callable[[int], int] = int,
    ) -> None:  # fmt: skip
        """`most` is the largest of the ranks' numbers, where they must run the module equally often."""
        self._module, self._manner, self._context, self._most_tokens = module, manner, context, most_tokens
        self._most = most
        self._device = next(module.parameters()).device
        self._beginnings: dict[int, Beginning] = {}
        self._batches: dict[int, _Batch] = {}

    def begin(self, key: int, beginning: Beginning) -> int:
        self._beginnings[key] = beginning
        return 0

    @torch.no_grad()
    def run(self, parts: Sequence[Part]) -> list[Tensor]:
        for keys in self._joined([part.key for part in parts if part.start == 0]):
            self._batches |= dict.fromkeys(keys, self._begun(keys))
        asked = {part.key: part for part in parts}
        batches = {id(batch): batch for key in asked for batch in [self._batches[key]]}
        found: dict[int, Tensor] = {}
        for batch in batches.values():
            found |= batch.run(asked)
        for _ in range(self._most(len(batches)) - len(batches)):
            self._begun([], [(0,)]).run({})
        return [found[part.key][None][: part.told] if part.told <= 1 else self._told(part) for part in parts]

    def leave(self, key: int, num_tokens: int) -> None:
        self._beginnings.pop(key)
        batch = self._batches.pop(key, None)  # one that has not begun has none yet
        if batch is not None:
            batch.leave(key)

    def fits(self, lengths: Mapping[int, int], more: Beginning | None = None) -> bool:
        return sum(lengths.values()) + (0 if more is None else len(more.ids) + 1) <= self._most_tokens

    def spare(self, lengths: Mapping[int, int]) -> int:
        return 0

    def clear(self) -> None:
        self._batches.clear()
        self._beginnings.clear()

    def _joined(self, keys: Sequence[int]) -> list[list[int]]:
        """Those that begin now, in batches, the longest first."""
        batches: list[list[int]] = []
        for key in sorted(keys, key=lambda key: -len(self._beginnings[key].ids)):
            own = self._beginnings[key]
            first = self._beginnings[batches[-1][0]] if batches else own
            room = max(one.longest - len(one.ids) for one in (first, own))
            if batches and self._manner.joins(len(first.ids), len(own.ids), room):
                batches[-1].append(key)
            else:
                batches.append([key])
        return batches

    def _begun(self, keys: Sequence[int], texts: Sequence[tuple[int, ...]] = ()) -> _Batch:
        texts = texts or [tuple(self._beginnings[key].ids) for key in keys]
        if is_paired_model(self._module):
            forced = getattr(getattr(unwrapped(self._module), "generation_config", None), "forced_bos_token_id", None)
            pairs = Pairs(self._module, self._manner, texts, start_token(self._module), forced)
            return _Batch(pairs, keys, list(range(len(texts))), can_choose=False)
        places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        rows = rows_of(self._module, self._manner, list(places), self._context)
        return _Batch(rows, keys, [places[text] for text in texts], can_choose=self._manner.rows != "single")

    def _told(self, part: Part) -> Tensor:
        """Logits of several tokens of a part, which is a text as a whole."""
        ids = torch.tensor([part.ids], device=self._device)
        return self._module(input_ids=ids, use_cache=False).logits[0, -part.told :].float()


class _Batch:
    """Rows that go on side by side. Those that have left are run along until so many have that they are dropped."""

    def __init__(self, rows: Any, keys: Sequence[int], starts: Sequence[int], *, can_choose: bool) -> None:
        """`starts` are the rows that the keys' sequences go on from."""
        self._rows, self._keys, self._starts, self._can_choose = rows, list(keys), list(starts), can_choose
        self._left, self._has_begun = set[int](), False

    def leave(self, key: int) -> None:
        self._left.add(key)

    def run(self, asked: Mapping[int, Part]) -> dict[int, Tensor]:
        """Logits (V,) of the next token of each."""
        if self._has_begun:
            self._push(asked)
        logits_BV = self._rows.logits()
        self._device = logits_BV.device
        if not self._has_begun and self._starts != list(range(len(logits_BV))):
            start_B = torch.tensor(self._starts, device=self._device)
            self._rows.choose(start_B)
            logits_BV = logits_BV[start_B]
        self._has_begun = True
        return {key: row_V for key, row_V in zip(self._keys, logits_BV, strict=False) if key not in self._left}

    def _push(self, asked: Mapping[int, Part]) -> None:
        """A token more for each; those that have left get one that nobody wants."""
        if self._can_choose and len(self._left) >= _DROP_SHARE * len(self._keys):
            kept = [place for place, key in enumerate(self._keys) if key not in self._left]
            self._keys, self._left = [self._keys[place] for place in kept], set()
            self._rows.choose(torch.tensor(kept, device=self._device))
        tokens = [0 if key in self._left else asked[key].ids[-1] for key in self._keys]
        self._rows.push(torch.tensor(tokens, device=self._device))

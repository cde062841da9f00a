"""Which requests go on at each step: new ones come in, those that have ended leave, all others get a token more."""

# P told tokens  V vocab

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import compress

import torch
from torch import Tensor

from whet.base.errors import ModelError, is_out_of_memory
from whet.generate.protocol import Token
from whet.generate.serving.choosing import choose
from whet.generate.serving.going import Going, Trial
from whet.generate.serving.request import Adapters, Limits, NoAdapters
from whet.models.decoding.together import Part, Sequences

# A beginning that is known already is taken over from so many tokens on.
_LEAST_SHARED = 8


class Batcher:
    """Requests in order of arrival, and the rows of a cache. Used by one thread.

    Row i is that of `running[i]`. Rows behind them keep what ended there, for requests that begin alike.
    """

    def __init__(self, cache: Sequences, limits: Limits, adapters: Adapters | None = None) -> None:
        self.waiting: deque[Going] = deque()
        self.running: list[Going] = []
        self._cache, self._limits = cache, limits
        self._adapters: Adapters = adapters or NoAdapters()
        self._kept: dict[int, tuple[str | None, list[int]]] = {}
        self._serial, self.num_guessed, self.num_right = 0, 0, 0

    @property
    def is_busy(self) -> bool:
        """Whether a step has something to do."""
        return bool(self.waiting or self.running)

    def add(self, going: Going) -> None:
        """Let a request wait for its turn."""
        self.waiting.append(going)

    def step(self) -> None:
        """Run the model once; where adapters cannot go in one forward, once for each in use."""
        self._drop_cancelled()
        self._make_room()
        self._admit()
        if not self.running:
            return
        all_pairs = list(self._parts())
        longest = max(max(len(one.ids) for one in self.running), max(part.end for _, part in all_pairs))
        self._fit(len(self.running), longest)
        ended: list[Going] = []
        for adapter, pairs in self._together(all_pairs):
            self._adapters.use(adapter)
            ended += self._run(pairs)
        for going in ended:  # not before: rows of parts that are still to be read would move
            self._leave(going)

    def fail(self, error: BaseException) -> None:
        """After a step that failed: find out whose fault it is, so that nobody else is told.

        Who was alone in it is told. Of several each is let in again on trial (`Trial`). One that fails then beside
        others, who had just got their tokens without it, is told too; but where memory was out it waits for its end
        until they have gone.
        """
        running, self.running = self.running, []
        self._kept.clear()
        self._cache.clear()
        for going in [one for one in running if one.trial] or running:
            if going.has_ended:
                continue
            if len(running) == 1 or (going.trial and not is_out_of_memory(error)):
                going.fail(error)
            else:
                going.trial = Trial(going.trial + 1)
        for going in sorted(running, key=lambda one: -one.serial):
            if not going.has_ended:
                going.forget()
                self.waiting.appendleft(going)

    def end(self, error: BaseException | None) -> None:
        """Tell everybody the same, and forget them."""
        for going in (*self.running, *self.waiting):
            going.handle.tell(error)
        self.running.clear()
        self.waiting.clear()

    def _together(self, pairs: list[tuple[Going, Part]]) -> list[tuple[str | None, list[tuple[Going, Part]]]]:
        """What goes in one forward, and the adapter that is in use meanwhile."""
        if self._cache.is_shared and self._adapters.is_shared:
            return [(None, pairs)]
        groups: dict[str | None, list[tuple[Going, Part]]] = {}
        for going, part in pairs:
            groups.setdefault(going.adapter, []).append((going, part))
        return list(groups.items())

    def _run(self, pairs: Sequence[tuple[Going, Part]]) -> list[Going]:
        """Read parts and choose the tokens that come after those that are complete: of each one, and one more for each
        guess that was right. Gives those that have ended."""
        found = self._cache.run([part for _, part in pairs])
        ready: list[tuple[Going, Part, Tensor]] = []
        for (going, part), logits_PV in zip(pairs, found, strict=True):
            logits_NV = going.read(part, logits_PV)
            if logits_NV is not None:
                ready.append((going, part, logits_NV))
        guessed, ended, num = [(going, len(logits_NV) - 1) for going, _, logits_NV in ready], list[Going](), 0
        while ready:
            self._choose([going for going, _, _ in ready], torch.stack([logits_NV[num] for *_, logits_NV in ready]))
            num += 1
            ended += [going for going, _, _ in ready if going.has_ended]
            ready = [one for one in ready if _was_right(*one, num)]
            for going, _, _ in ready:
                going.num_read += 1  # its keys were read with the guess
        for going, count in guessed:
            num_right = going.num_read - going.num_sure
            self.num_guessed, self.num_right = self.num_guessed + count, self.num_right + num_right
            going.heard(count, num_right)
        return ended

    def _choose(self, all_of_them: Sequence[Going], logits_BV: Tensor) -> None:
        """Give each its next token."""
        wrong = logits_BV.isnan().any(-1).tolist()  # the device is waited for once, however many there are
        if any(wrong):
            for going in compress(all_of_them, wrong):
                said = "the model's logits are not numbers (NaN)"
                going.fail(ModelError(said, hint="its weights may have diverged"))
            logits_BV = logits_BV[[place for place, one in enumerate(wrong) if not one]]
        good = [going for going in all_of_them if not going.has_ended]
        if good:
            for going, token in zip(good, choose(logits_BV, [going.draws for going in good]), strict=True):
                _push(going, token)

    def _parts(self) -> Iterator[tuple[Going, Part]]:
        """What is read in this step: the last token of each answer, and of prompts as much as there is room for."""
        decoding = [(one, one.guessed(self._num_guesses)) for one in self.running if one.num_left == 1]
        yield from decoding
        most = self._limits.step_tokens
        room = max(most - sum(len(part.ids) for _, part in decoding), most // 4, 1)
        reading = [going for going in self.running if going.num_left > 1]
        for going in sorted(reading, key=lambda one: one.serial):
            if room <= 0:
                return
            part = going.part(room if self._cache.is_shared else None)
            room -= len(part.ids)
            yield going, part

    @property
    def _num_guesses(self) -> int:
        """How many tokens ahead there is room for in the cache."""
        if not self._cache.is_shared:
            return 0
        longest = max(len(one.ids) for one in self.running)
        return min(self._limits.guesses, self._limits.cache_tokens // len(self.running) - longest - 1)

    def _drop_cancelled(self) -> None:
        for going in [one for one in self.running if one.handle.is_cancelled]:
            going.handle.tell(None)
            self._leave(going)
        if any(one.handle.is_cancelled for one in self.waiting):
            for going in self.waiting:
                if going.handle.is_cancelled:
                    going.handle.tell(None)
            self.waiting = deque(one for one in self.waiting if not one.handle.is_cancelled)

    def _make_room(self) -> None:
        """Send the newest back to wait while all together are more than the cache may hold."""
        while len(self.running) > 1 and not self._fits(self.running):
            newest = max(self.running, key=lambda one: one.serial)
            self._leave(newest)
            newest.forget()
            self.waiting.appendleft(newest)

    def _fits(self, all_of_them: Sequence[Going]) -> bool:
        if not self._cache.is_shared:
            return sum(len(one.ids) + 1 for one in all_of_them) <= self._limits.cache_tokens
        return len(all_of_them) * (max(len(one.ids) for one in all_of_them) + 1) <= self._limits.cache_tokens

    def _admit(self) -> None:
        """Let in who waits, in order, as long as there is room; one always."""
        while self.waiting and len(self.running) < self._limits.sequences:
            going = self.waiting[0]
            if self.running and not (self._may_join(going) and self._fits([*self.running, going])):
                return
            self.waiting.popleft()
            going.row, going.serial = len(self.running), self._serial
            self._serial += 1
            self.running.append(going)  # before anything can fail: whoever runs is told of it
            if self._cache.is_shared:
                self._begin(going)

    def _may_join(self, going: Going) -> bool:
        return going.trial is not Trial.ALONE and not any(one.trial for one in self.running)

    def _begin(self, going: Going) -> None:
        """Take over the longest beginning that another row has of the same tokens."""
        longest = max(len(one.ids) for one in self.running)
        self._fit(going.row + 1, longest)
        row, known = self._best(going)
        if row > going.row:
            self._cache.swap(row, going.row)
            if going.row in self._kept:
                self._kept[row] = self._kept.pop(going.row)
            else:
                del self._kept[row]
        elif 0 <= row < going.row:
            self._cache.copy(row, going.row, known)
        self._kept.pop(going.row, None)
        going.num_read = known
        if not going.has_begun:  # what it reads again after it had to wait it knows from itself
            going.handle.num_cached = known
            going.has_begun = True

    def _fit(self, rows: int, places: int) -> None:
        """Make room, and forget what was kept where there is none any more."""
        num_rows, num_places = self._cache.fit(rows, places)
        for row, (adapter, ids) in list(self._kept.items()):
            if row >= num_rows:
                del self._kept[row]
            elif len(ids) > num_places:
                self._kept[row] = (adapter, ids[:num_places])

    def _best(self, going: Going) -> tuple[int, int]:
        """The row that begins most alike, and how many tokens it shares; at least one is left to be read."""
        if going.handle.request.tells_prompt:
            return -1, 0
        rows = {row: ids for row, (adapter, ids) in self._kept.items() if adapter == going.adapter}
        others = [one for one in self.running if one is not going and one.adapter == going.adapter]
        rows |= {one.row: one.ids[: one.num_read] for one in others}
        most = len(going.ids) - 1
        row, known = max(((row, _alike(ids, going.ids, most)) for row, ids in rows.items()), key=_second, default=_NONE)
        return (row, known) if known >= _LEAST_SHARED else _NONE

    def _leave(self, going: Going) -> None:
        """Free the row of one that has ended. The last one takes it; what it held stays behind the others."""
        last = self.running[-1]
        if self._cache.is_shared:
            if last is not going:
                self._cache.swap(going.row, last.row)
            self._kept[last.row] = (going.adapter, going.ids[: going.num_read])
        elif last is not going:
            self._cache.copy(last.row, going.row, last.num_read)
        else:
            self._cache.drop(going.row)
        self.running.pop()
        if last is not going:
            self.running[going.row] = last
            last.row = going.row


def _was_right(going: Going, part: Part, logits_NV: Tensor, num: int) -> bool:
    """Whether the token that was chosen last is the guess at that place, and the answer goes on."""
    return num < len(logits_NV) and not going.has_ended and going.ids[-1] == part.ids[num - len(logits_NV)]


def _push(going: Going, token: Token) -> None:
    """Give an answer its next token. What fails in it is its own: another try would not have its text whole."""
    try:
        going.push(token)
    except Exception as error:
        traceback.print_exc()
        going.fail(error)


_NONE = (-1, 0)


def _second(pair: tuple[int, int]) -> int:
    return pair[1]


def _alike(ids: Sequence[int], others: Sequence[int], most: int) -> int:
    """How many tokens two texts have in common at the front, at most so many."""
    count = min(len(ids), most)
    return next((i for i in range(count) if ids[i] != others[i]), count)

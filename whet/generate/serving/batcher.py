"""Which requests go on at each step: new ones come in, those that have ended leave, all others get a token more."""

# P told tokens  V vocab

from __future__ import annotations

import time
import traceback
from collections import deque
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from whet.base.errors import ModelError, is_out_of_memory
from whet.generate.protocol import Token
from whet.generate.serving.choosing import Chooser, choose_of_numbers
from whet.generate.serving.drafts import Drafts
from whet.generate.serving.entry import Entry, Trial
from whet.generate.serving.request import Adapters, Limits, NoAdapters
from whet.models.decoding.sequences import Part, Sequences


class Batcher:
    """Requests in order of arrival, and the cache of those that go on. Used by one thread."""

    def __init__(
        self, cache: Sequences, limits: Limits, adapters: Adapters | None = None, drafts: Drafts | None = None,
        chooser: Chooser = choose_of_numbers,
    ) -> None:  # fmt: skip
        self.waiting: deque[Entry] = deque()
        self.running: list[Entry] = []
        self._cache, self._limits = cache, limits
        self._adapters: Adapters = adapters or NoAdapters()
        self._drafts, self._chooser = drafts, chooser
        self._serial, self.num_guessed, self.num_right = 0, 0, 0

    @property
    def is_busy(self) -> bool:
        """Whether a step has something to do."""
        return bool(self.waiting or self.running)

    def add(self, entry: Entry) -> None:
        """Let a request wait for its turn."""
        self.waiting.append(entry)

    def step(self) -> None:
        """Run the model once; where adapters cannot go in one forward, once for each in use."""
        self._drop_cancelled()
        self._make_room()
        self._admit()
        if not self.running:
            return
        ended: list[Entry] = []
        for adapter, pairs in self._together(list(self._parts())):
            self._adapters.use(adapter)
            ended += self._run(pairs)
        for entry in ended:  # not before: of others parts are still to be read
            self._leave(entry)

    def fail(self, error: BaseException) -> None:
        """After a step that failed: find out whose fault it is, so that nobody else is told.

        Who was alone in it is told. Of several each is let in again on trial (`Trial`). One that fails then beside
        others, who had just got their tokens without it, is told too; but where memory was out it waits for its end
        until they have gone.
        """
        running, self.running = self.running, []
        self._cache.clear()
        if self._drafts is not None:
            self._drafts.clear()
        for entry in [one for one in running if one.trial] or running:
            if entry.has_ended:
                continue
            if len(running) == 1 or (entry.trial and not is_out_of_memory(error)):
                entry.fail(error)
            else:
                entry.trial = Trial(entry.trial + 1)
        for entry in sorted(running, key=lambda one: -one.serial):
            if not entry.has_ended:
                entry.forget()
                self.waiting.appendleft(entry)

    def end(self, error: BaseException | None) -> None:
        """Tell everybody the same, and forget them."""
        for entry in (*self.running, *self.waiting):
            entry.handle.tell(error)
        self.running.clear()
        self.waiting.clear()

    def _together(self, pairs: list[tuple[Entry, Part]]) -> list[tuple[str | None, list[tuple[Entry, Part]]]]:
        """What goes in one forward, and the adapter that is in use meanwhile."""
        if self._cache.is_shared and self._adapters.is_shared:
            return [(None, pairs)]
        groups: dict[str | None, list[tuple[Entry, Part]]] = {}
        for entry, part in pairs:
            groups.setdefault(entry.adapter, []).append((entry, part))
        return list(groups.items())

    def _run(self, pairs: Sequence[tuple[Entry, Part]]) -> list[Entry]:
        """Read parts and choose the tokens that come after those that are complete: of each one, and one more for each
        guess that was right. Gives those that have ended."""
        found = self._cache.run([part for _, part in pairs])
        if self._drafts is not None:
            self._drafts.follow(pairs)
        ready: list[tuple[Entry, Part, Tensor]] = []
        for (entry, part), logits_PV in zip(pairs, found, strict=True):
            logits_NV = entry.read(part, logits_PV)
            if logits_NV is not None:
                ready.append((entry, part, logits_NV))
        guessed, ended, num = [(entry, len(logits_NV) - 1) for entry, _, logits_NV in ready], list[Entry](), 0
        while ready:
            self._choose([entry for entry, _, _ in ready], torch.stack([logits_NV[num] for *_, logits_NV in ready]))
            num += 1
            ended += [entry for entry, _, _ in ready if entry.has_ended]
            ready = [one for one in ready if _was_right(*one, num)]
            for entry, _, _ in ready:
                entry.num_read += 1  # its keys were read with the guess
        for entry, count in guessed:
            num_right = entry.num_read - entry.num_sure
            self.num_guessed, self.num_right = self.num_guessed + count, self.num_right + num_right
            entry.heard(count, num_right)
        return ended

    def _choose(self, all_of_them: Sequence[Entry], logits_BV: Tensor) -> None:
        """Give each its next token."""
        tokens = self._chooser(logits_BV, [entry.draws for entry in all_of_them])
        for entry, token in zip(all_of_them, tokens, strict=True):
            if token is None:
                said = "the model's logits are not numbers (NaN)"
                entry.fail(ModelError(said, hint="its weights may have diverged"))
            else:
                _push(entry, token)

    def _parts(self) -> Iterator[tuple[Entry, Part]]:
        """What is read in this step: the last token of each answer, and of prompts as much as there is room for."""
        num_guesses = self._num_guesses
        asked = [one for one in self.running if one.num_unread == 1]
        if self._drafts is None:
            decoding = [(one, one.guessed(num_guesses)) for one in asked]
        else:
            drafted = self._drafts.guesses(asked, num_guesses)
            decoding = [(one, one.drafted(drafted.get(one.serial, ()))) for one in asked]
        yield from decoding
        most = self._limits.step_tokens
        room = max(most - sum(len(part.ids) for _, part in decoding), most // 4, 1)
        reading = sorted((one for one in self.running if one.num_unread > 1), key=lambda one: one.serial)
        for place, entry in enumerate(reading):
            if room <= 0:
                return
            if self._cache.is_shared and any(entry.is_behind(other) for other in reading[:place]):
                entry.waits = True  # until it can be taken over
                continue
            if entry.waits:
                entry.begin(self._cache.begin(entry.serial, entry.beginning))
            part = entry.part(room if self._cache.is_shared else None)
            room -= len(part.ids)
            yield entry, part

    @property
    def _num_guesses(self) -> int:
        """How many tokens ahead there is room for in the cache."""
        if not (self._cache.is_shared and self._limits.guesses):
            return 0
        return min(self._limits.guesses, self._cache.spare(self._lengths))

    @property
    def _lengths(self) -> dict[int, int]:
        """How many tokens each may have after the next step, by its key in the cache."""
        return {one.serial: len(one.ids) + 1 for one in self.running}

    def _drop_cancelled(self) -> None:
        for entry in [one for one in self.running if one.handle.is_cancelled]:
            entry.handle.tell(None)
            self._leave(entry)
        if any(one.handle.is_cancelled for one in self.waiting):
            for entry in self.waiting:
                if entry.handle.is_cancelled:
                    entry.handle.tell(None)
            self.waiting = deque(one for one in self.waiting if not one.handle.is_cancelled)

    def _make_room(self) -> None:
        """Send the newest back to wait while all together are more than the cache may hold."""
        while len(self.running) > 1 and not self._cache.fits(self._lengths):
            newest = max(self.running, key=lambda one: one.serial)
            self._leave(newest)
            newest.forget()
            self.waiting.appendleft(newest)

    def _admit(self) -> None:
        """Let in who waits, in order, as long as there is room; one always."""
        while self.waiting and len(self.running) < self._limits.sequences:
            entry = self.waiting[0]
            if self.running and not (self._may_join(entry) and self._cache.fits(self._lengths, entry.beginning)):
                return
            self.waiting.popleft()
            entry.handle.admitted_ns = entry.handle.admitted_ns or time.time_ns()
            entry.serial = self._serial
            self._serial += 1
            self.running.append(entry)  # before anything can fail: whoever runs is told of it
            entry.begin(self._cache.begin(entry.serial, entry.beginning))

    def _may_join(self, entry: Entry) -> bool:
        return entry.trial is not Trial.ALONE and not any(one.trial for one in self.running)

    def _leave(self, entry: Entry) -> None:
        """Take out one that has ended, or has to wait. What it held may stay for others."""
        self._cache.leave(entry.serial, entry.num_read)
        if self._drafts is not None:
            self._drafts.leave(entry.serial)
        self.running.remove(entry)


def _was_right(entry: Entry, part: Part, logits_NV: Tensor, num: int) -> bool:
    """Whether the token that was chosen last is the guess at that place, and the answer goes on."""
    return num < len(logits_NV) and not entry.has_ended and entry.ids[-1] == part.ids[num - len(logits_NV)]


def _push(entry: Entry, token: Token) -> None:
    """Give an answer its next token. What fails in it is its own: another try would not have its text whole."""
    try:
        entry.push(token)
    except Exception as error:
        traceback.print_exc()
        entry.fail(error)

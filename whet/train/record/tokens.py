"""Tokens that a run should train, watched until it has: new ones, and the one that ends answers."""

# T tokens of a micro-batch   K watched ones

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from whet.base.catalogue import objective
from whet.contracts.batch import Batch
from whet.contracts.steps import Step
from whet.models.tuning.new_tokens import new_tokens_of
from whet.track.logs.event_log import EventLog
from whet.track.recorded.watched import END, EVENT, NEW, Watched
from whet.train.setup.trained import Trained
from whet.train.step.losses import PartsRead


class TokenWatch:
    """Writes which of the tokens a step has read or trained for the first time; nothing once all have been."""

    def __init__(self, log: EventLog, tokens: Sequence[Watched]) -> None:
        self._log, self._tokens = log, {one.id: one for one in tokens}

    def begin(self, at: int) -> None:
        self._log.event(EVENT, at, {"tokens": [one.to_list() for one in self._tokens.values()]})

    def step(self, at: int, step: Step, batches: Sequence[Batch], parts: Sequence[PartsRead | None]) -> None:
        left_K = np.array([one.id for one in self._tokens.values() if one.read is None or one.trained is None])
        if not len(left_K):
            return
        news = dict[int, Watched]()
        for batch in batches:
            for stream in batch.streams.values():
                ids_T, trained_T = stream.ids.numpy(), stream.targets.numpy()[stream.trained_at.numpy()]
                self._note(news, np.intersect1d(left_K, ids_T), read=at)
                self._note(news, np.intersect1d(left_K, trained_T), trained=at)
        if news:
            self._log.event(EVENT, at, {"tokens": [one.to_list() for one in news.values()]})

    def close(self) -> None:
        self._log.close("done", "")

    def _note(self, news: dict[int, Watched], ids_K: np.ndarray, **seen: Any) -> None:
        for number in ids_K.tolist():
            one = self._tokens[number]
            fresh = {name: step for name, step in seen.items() if one.seen(name) is None}
            if fresh:
                self._tokens[number] = news[number] = replace(one, **fresh)


def watched_of(trained: Trained) -> list[Watched]:
    """Of a model that writes answers the tokens that the run should train; its own answers may never end."""
    tokenizer: Any = trained.loaded.processor
    if tokenizer is None or not trained.loaded.capabilities.tokens:
        return []
    new = new_tokens_of(trained.loaded.module)
    watched = dict.fromkeys(new.ids if new is not None else (), NEW)
    learns_from_others = not objective.get(trained.run.objective.kind).facts.rollouts
    end = getattr(tokenizer, "eos_token_id", None)
    if trained.loaded.capabilities.generates and learns_from_others and isinstance(end, int):
        watched.setdefault(end, END)
    return [Watched(number, str(tokenizer.convert_ids_to_tokens(number)), why) for number, why in watched.items()]

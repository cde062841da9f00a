"""What a run that learns from its own answers holds beside the step that learns: their cache, and other models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from whet.base.catalogue import engine, reward
from whet.base.run import Run
from whet.generate.serving.offline import MOST_ANSWERS
from whet.models.decoding.cache import with_room
from whet.plan.hardware.cards import Card
from whet.plan.models.find import find_config
from whet.plan.serving.cache import caches
from whet.plan.serving.served import ServedModel
from whet.plan.timeline import Moment
from whet.train.online.player import kept_bytes
from whet.train.setup.chosen import facts_of
from whet.train.setup.trained import Trained


def with_rollouts(
    run: Run, trained: Trained, config: Mapping[str, Any], card: Card, length: int, moments: Sequence[Moment]
) -> list[Moment]:
    """The moments of a step with what the run's models take beside it, and before them that of drawing answers."""
    if not facts_of(run).rollouts:
        return list(moments)
    copy = kept_bytes(run, trained.loaded, is_adapter=trained.tuner.is_adapter)
    beside = sum(_rewards(run, card)) + run.rollout.staleness * copy
    held = moments[-1].parts if moments else {}  # between steps
    draws = {
        "weights": held.get("weights", 0.0),
        "optimizer": held.get("optimizer", 0.0),
        **_cache(run, config, length),
    }
    if "beside" in held:
        draws["beside"] = held["beside"]
    drawing = _with(Moment("rollout", "", draws), beside + copy)  # the one that is due, and those ahead of it
    return [drawing, *(_with(moment, beside) for moment in moments)]


def _with(moment: Moment, beside: float) -> Moment:
    parts = dict(moment.parts)
    if beside:
        parts["beside"] = parts.get("beside", 0.0) + beside
    return replace(moment, parts=parts)


def _cache(run: Run, config: Mapping[str, Any], length: int) -> dict[str, float]:
    """Keys and values of the answers that are drawn at once, and logits of a token more of each."""
    settings = run.rollout
    if not engine.get(settings.engine.kind).facts.in_training:
        return {}
    rows = min(settings.prompts * settings.completions, MOST_ANSWERS)
    room = with_room(length)
    share = min(1.0, max(settings.batch_tokens, length) / (rows * room))
    item = 4.0 if run.train.precision == "fp32" else 2.0
    kept = share * sum(layer.bytes_of(room, item, block=1) for layer in caches(config))
    vocab = int({**config, **(config.get("text_config") or {})}["vocab_size"])
    return {"cache": rows * kept, "working": rows * vocab * 4.0 * 2}


def _rewards(run: Run, card: Card) -> Iterator[float]:
    """Bytes of the models that grade where the run trains."""
    for entry in run.rewards.functions:
        settings = entry.reward.values()
        name = reward.get(entry.reward.kind).facts.model
        if name is None or settings.get(name) is None:
            continue
        if settings.get("device", "auto") == "cpu" and card.kind != "cpu":
            continue
        graded = ServedModel.of(*find_config(str(settings[name])))
        yield graded.parameters * (4.0 if card.kind == "cpu" else 2.0)

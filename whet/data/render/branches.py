"""Branches: the conversations that a preference or a labelled reply consists of, and the one sample they become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from whet.contracts.rows import Conversation, Labelled, Preference, Row
from whet.contracts.sample import Origin, Sample

if TYPE_CHECKING:
    from whet.data.render.renderer import Rendered


def views(row: Row) -> list[tuple[str, Row]]:
    """(what it is called, the conversation) of each reply of a row, only the reply trained; else the row itself."""
    if isinstance(row, Preference):
        replies = {"chosen": row.chosen, "rejected": row.rejected}
        return [(part, Conversation([*_context(row.prompt), *reply], row.tools)) for part, reply in replies.items()]
    if isinstance(row, Labelled):
        last = max((i for i, m in enumerate(row.messages) if m["role"] == "assistant"), default=0)
        messages = [*_context(row.messages[:last]), *row.messages[last:]]
        return [("good" if row.label else "bad", Conversation(messages, row.tools))]
    return [("", row)]


def joined(row: Row, rendered: Sequence[Rendered], origin: Origin) -> Sample:
    """The sample of a row from its rendered views: a group where there are several."""
    if len(rendered) == 1:
        return Sample(rendered[0].ids, rendered[0].weights, fields_of(row), origin)
    shared = _shared([r.ids for r in rendered], [r.weights for r in rendered])
    ids = np.concatenate([rendered[0].ids[:shared], *(r.ids[shared:] for r in rendered)])
    weights = np.concatenate([np.zeros(shared, np.float32), *(r.weights[shared:] for r in rendered)])
    sizes = [len(r.ids) - shared for r in rendered]
    cuts = tuple((shared + np.cumsum([0, *sizes[:-1]])).tolist())
    for cut in cuts:
        weights[cut] = 0  # nothing of its own comes before a branch's first token
    return Sample(ids, weights, fields_of(row), origin, cuts)


def separate(sample: Sample) -> list[Sample]:
    """Each branch of a group as a sample of its own, with the shared beginning before it, without its fields."""
    if not sample.cuts:
        return [sample]
    shared = sample.cuts[0]
    places = [np.r_[:shared, branch] for branch in sample.branches]
    parts = [replace(sample.part(at), fields={}, streams={}) for at in places]
    return [replace(p, weights=np.where(np.arange(p.num_tokens) < shared, 0, p.weights)) for p in parts]


def fields_of(row: Row) -> dict[str, Any]:
    """What an objective is told of a row beside its tokens: an entry a branch."""
    if isinstance(row, Labelled):
        return {"label": int(row.label)}
    if isinstance(row, Preference) and row.margin is not None:
        return {"margin": np.full(2, row.margin, np.float32)}
    return {}


def _shared(ids: Sequence[np.ndarray], weights: Sequence[np.ndarray]) -> int:
    """How many tokens all begin with, at least one short of what is trained.

    The last token of the prompt stays with each branch: it predicts the branch's first trained token, and
    one position has one target.
    """
    trained = [np.flatnonzero(w[1:]) for w in weights]
    limit = min(int(places[0]) if len(places) else len(w) - 1 for places, w in zip(trained, weights, strict=True))
    same = np.ones(limit, bool)
    for other in ids[1:]:
        same &= ids[0][:limit] == other[:limit]
    return limit if same.all() else int(same.argmin())


def _context(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{**message, "weight": 0} for message in messages]

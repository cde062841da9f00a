"""Votes on answers, as the rows that `whet serve --feedback` keeps: preferences and labels, with who said what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal
from urllib.parse import quote

from whet.server.openai.feedback import LABELS, PREFERENCES, FeedbackFiles, Row, row_of
from whet.server.openai.wire import Feedback
from whet.server.playground.asking import told, unlike
from whet.server.playground.engines import Engine

Said = Literal["first", "second", "good", "bad"]
_PAGE = 100


def kept(engine: Engine, id: str) -> dict[str, Any]:
    """An answer that an engine has made, and the messages that it answers, as the engine keeps them: what a vote is of
    is not what a page says. Raises Refusal where it is kept no more."""
    place = f"/v1/chat/completions/{quote(id, safe='')}"
    completion = told(engine, "GET", place)
    try:
        _checked(completion)
        messages = list(_messages(engine, place))
    except (LookupError, TypeError, AttributeError):
        raise unlike(engine, place) from None
    return {"completion": completion, "messages": messages}


def _messages(engine: Engine, place: str) -> Iterator[dict[str, Any]]:
    after = ""
    while True:
        page = told(engine, "GET", f"{place}/messages?limit={_PAGE}{after}")
        for one in page["data"]:
            yield {name: value for name, value in one.items() if name != "id"}
        if not page["has_more"]:
            return
        after = f"&after={quote(page['data'][-1]['id'], safe='')}"


def _checked(completion: Mapping[str, Any]) -> None:
    """Raises LookupError or TypeError where something is missing that rows are made of."""
    for name in ("id", "model", "created"):
        completion[name]
    for choice in completion["choices"]:
        choice["message"]["content"]


def rows(
    said: Said, first: Mapping[str, Any], second: Mapping[str, Any] | None, person: str, about: Mapping[str, Any]
) -> list[tuple[str, Row]]:
    """The rows of a vote on one answer or on two to the same messages, each with its file. Raises Refused for what says
    nothing: two answers that are the same, or to different messages."""
    if said in ("first", "second") and second is not None:
        better, worse = (first, second) if said == "first" else (second, first)
        body = Feedback(id=_id(better), better_than=_id(worse))
        _, row = row_of(body, better, worse, person)
        source = {**row["source"], "better_than_model": worse["completion"]["model"], **about}
        return [(PREFERENCES, {**row, "source": source})]
    found = []
    for one in (first, second):
        if one is not None:
            _, row = row_of(Feedback(id=_id(one), label=said == "good"), one, None, person)
            found.append((LABELS, {**row, "source": {**row["source"], **about}}))
    return found


def counted(files: FeedbackFiles) -> dict[str, int]:
    """How many rows there are of each kind."""
    return {kind.partition(".")[0]: _lines(files, kind) for kind in (PREFERENCES, LABELS)}


def _lines(files: FeedbackFiles, kind: str) -> int:
    try:
        with open(files.folder / kind, "rb") as file:
            return sum(1 for _ in file)
    except OSError:
        return 0


def _id(one: Mapping[str, Any]) -> str:
    return str(one["completion"]["id"])

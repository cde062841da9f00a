"""The playground: start a model, talk to it, see the prompt as it reads it, and vote on answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from whet.server.access.person import asking
from whet.server.answers import playground as answers
from whet.server.answers.values import Answer
from whet.server.errors import Refusal, invalid, refuse_full
from whet.server.event_stream import EventStream
from whet.server.openai.callers import Bucket
from whet.server.openai.feedback import FeedbackFiles
from whet.server.openai.refused import Refused
from whet.server.playground import votes
from whet.server.playground.asking import streamed, told, unlike
from whet.server.playground.choices import check, choices, chosen, may_see
from whet.server.playground.connected import Connected
from whet.server.playground.engines import MOST, Engine, Engines
from whet.server.playground.sampling import schema
from whet.server.served import Runs, Served

router = APIRouter(prefix="/api/v1/playground", tags=["playground"])

FOLDER = ".playground"
# So often somebody may ask in a minute; two models at once are two.
ASKED_PER_MINUTE = 60
_TOP = 5


class Playground:
    """What the routes share: engines, how often people ask, and the folder of votes, which the first one makes."""

    def __init__(self, root: Path, connected: Iterable[Connected] = ()) -> None:
        self.engines, self.folder = Engines(root, connected), root / FOLDER
        self._buckets: dict[str, Bucket] = {}

    def count(self) -> None:
        """Raises Refusal where whoever asks does so too often."""
        bucket = self._buckets.setdefault(asking().person.name, Bucket(ASKED_PER_MINUTE))
        if wait_s := bucket.wait_s(1.0):
            raise Refusal("TOO_MANY_REQUESTS", f"more than {ASKED_PER_MINUTE} questions a minute", wait_s=wait_s)
        bucket.take(1.0)


def _given(request: Request) -> Playground:
    return request.app.state.playground


Given = Annotated[Playground, Depends(_given)]


@router.get("", response_class=Answer, response_model=answers.PlaygroundState)
def state(given: Given, served: Runs) -> Answer:
    """What is served now, the settings of answers, and the votes that are kept."""
    engines = [_told(one) for one in given.engines.listed() if may_see(served, one)]
    rows = votes.counted(FeedbackFiles(given.folder)) if given.folder.is_dir() else {}
    return Answer(
        {
            "engines": engines, "form": schema(), "idle_after_s": given.engines.idle_after_s, "most": MOST,
            "folder": str(given.folder), "rows": rows,
        }
    )  # fmt: skip


@router.get("/models", response_class=Answer, response_model=answers.PlaygroundChoices)
def models(
    request: Request, served: Runs, q: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> Answer:  # fmt: skip
    """Models of runs, checkpoints, adapters, exports and versions of the registry whose names hold the words of `q`."""
    found, total = choices(served, request.app.state.door.registry, q, limit)
    return Answer({"models": [one.to_dict() for one in found], "total": total})


@router.post("/engines", response_class=Answer, response_model=answers.PlaygroundEngine)
def start(given: Given, served: Runs, asked: answers.PlaygroundStart) -> Answer:
    """Serve a model, in a process of its own; where it is served already, that one. It ends when nobody asks it."""
    given.count()
    return Answer(_told(given.engines.start(chosen(served, asked.model), asking().person.name)))


@router.delete("/engines/{id}", response_class=Answer, response_model=answers.PlaygroundEngine)
def end(given: Given, served: Runs, id: str) -> Answer:
    """Serve a model no more."""
    engine = _engine(given, served, id)
    if not engine.is_ours:
        raise invalid(f"`{engine.model}` is another server's: it is ended where it was started")
    engine.end()
    return Answer(_told(engine))


@router.post("/ask/{id}/chat", response_class=EventStream, status_code=200)
async def chat(given: Given, served: Runs, id: str, asked: answers.PlaygroundChat) -> EventStream:
    """An answer as it comes, in the events of OpenAI's chats, with the log-probabilities of its tokens."""
    given.count()
    engine = _engine(given, served, id)
    body = {
        "messages": asked.messages, **asked.settings.asked(), "stream": True, "store": True,
        "stream_options": {"include_usage": True}, "logprobs": True, "top_logprobs": _TOP,
        **({"tools": asked.tools} if asked.tools else {}),
    }  # fmt: skip
    return EventStream(await streamed(engine, "/v1/chat/completions", body))


@router.post("/ask/{id}/prompt", response_class=Answer, response_model=answers.PlaygroundPrompt)
def prompt(given: Given, served: Runs, id: str, asked: answers.PlaygroundChat) -> Answer:
    """The conversation as the model's own template renders it, token by token."""
    given.count()
    body: dict[str, Any] = {"messages": asked.messages, "return_token_strs": True}
    body |= {"tools": asked.tools} if asked.tools else {}
    engine = _engine(given, served, id)
    found = told(engine, "POST", "/tokenize", body)
    tokens, texts = found.get("tokens"), found.get("token_strs")
    if not (isinstance(tokens, list) and isinstance(texts, list) and len(tokens) == len(texts)):
        raise unlike(engine, "/tokenize")
    return Answer({"tokens": tokens, "texts": texts, "count": len(tokens), "context": found.get("max_model_len")})


@router.post("/votes", response_class=Answer, response_model=answers.PlaygroundVoted)
def vote(given: Given, served: Runs, asked: answers.PlaygroundVote) -> Answer:
    """Keep what somebody says of one answer or of two, as rows to train on."""
    given.count()
    if asked.second is None and asked.said in ("first", "second"):
        raise invalid("one answer is good or bad: there is no other that it would be better than")
    first = _kept(given, served, asked.first)
    second = None if asked.second is None else _kept(given, served, asked.second)
    about = {"is_blind": asked.is_blind, "comment": asked.comment or None}
    try:
        found = votes.rows(asked.said, first, second, asking().person.name, about)
    except Refused as refused:
        raise invalid(refused.message) from None
    try:
        files = FeedbackFiles(given.folder)
        for kind, row in found:
            files.add(kind, row)
    except OSError as error:
        raise refuse_full(error, "the vote") from None
    return Answer({"rows": Counter(kind for kind, _ in found)})


def _kept(given: Playground, served: Served, one: answers.PlaygroundAnswer) -> dict[str, Any]:
    return votes.kept(_engine(given, served, one.engine), one.id)


def _engine(given: Playground, served: Served, id: str) -> Engine:
    engine = given.engines.get(id)
    check(served, engine)
    return engine


def _told(engine: Engine) -> dict[str, Any]:
    names = ("id", "model", "state", "message", "hint", "began", "is_ours")
    return {**{name: getattr(engine, name) for name in names}, "idle_s": round(engine.idle_s, 1)}

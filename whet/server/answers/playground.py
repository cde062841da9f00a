"""What the playground is asked and answers: models to choose from, those that are served, chats and votes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from whet.base.stated import Stated
from whet.server.playground.sampling import Sampling


class PlaygroundChoice(Stated):
    """A model by the name that commands know it by."""

    model: str
    kind: Literal["run", "checkpoint", "export", "version"]
    is_adapter: bool
    made: float
    run: str
    aliases: list[str]


class PlaygroundChoices(Stated):
    """Some of `total`, the newest first."""

    models: list[PlaygroundChoice]
    total: int


class PlaygroundEngine(Stated):
    """A model that is served, or why it is not: `message` and `hint`. `idle_s` counts from the last answer. One that
    is not `ours` was there before."""

    id: str
    model: str
    state: Literal["starting", "ready", "failed", "ended"]
    message: str
    hint: str
    began: float
    idle_s: float
    is_ours: bool


class PlaygroundState(Stated):
    """Engines, the schema of the settings, and where votes are kept with how many rows there are."""

    engines: list[PlaygroundEngine]
    form: dict[str, Any]
    idle_after_s: float
    most: int
    folder: str
    rows: dict[str, int]


class PlaygroundStart(Stated):
    """A model by a name of the choices, or by a reference to the registry."""

    model: Annotated[str, Field(min_length=1, max_length=500)]


class PlaygroundChat(Stated):
    """A conversation to be answered; tools are definitions as OpenAI has them."""

    messages: Annotated[list[dict[str, Any]], Field(min_length=1)]
    settings: Sampling = Sampling()
    tools: Annotated[list[dict[str, Any]], Field(max_length=128)] = []


class PlaygroundPrompt(Stated):
    """A conversation as the model reads it: its tokens with their texts, and how many the model sees at most."""

    tokens: list[int]
    texts: list[str]
    count: int
    context: int | None


class PlaygroundAnswer(Stated):
    """An answer by its engine and its id."""

    engine: str
    id: str


class PlaygroundVote(Stated):
    """Which of two answers is better, or that one or both are good or bad."""

    said: Literal["first", "second", "good", "bad"]
    first: PlaygroundAnswer
    second: PlaygroundAnswer | None = None
    is_blind: bool = False
    comment: Annotated[str, Field(max_length=10_000)] = ""


class PlaygroundVoted(Stated):
    """The rows that a vote came to, by file."""

    rows: dict[str, int]

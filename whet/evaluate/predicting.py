"""What a model says of rows: answers, classes, numbers or embeddings, by what kind of model it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from whet.base.errors import DataError, ModelError
from whet.base.nearest import nearest
from whet.contracts.model import Embedder, Head, Loaded
from whet.evaluate.embed import embed
from whet.evaluate.scoring import Scored, score_conversations, score_relevance, score_texts
from whet.generate.decode import complete
from whet.generate.protocol import Engine, GenerateSettings, Prompt
from whet.models.forward.heads import head_of

# Where a text or a conversation stands in a row, if nothing else is said: the first of these.
COLUMNS = ("messages", "prompt", "text", "input", "question", "query", "sentence", "content")

Input = str | tuple[str, str] | Sequence[Mapping[str, Any]]


class Predictor(Protocol):
    """A model by what it says of inputs: a text, a pair of texts, or a conversation."""

    def __call__(self, inputs: Sequence[Input], first: int = 0) -> list[dict[str, Any]]:
        """Named values of each input, the first of which has the number `first` among all."""
        ...


@dataclass(slots=True)
class Taken:
    """How rows are taken that cannot be as they are, and how many were.

    Texts beyond a model's context are cut (`num_cut`), or refused. The assistant's last turn of a conversation is what
    is asked for: it is said anew (`num_anew`).
    """

    refuses_long: bool = False
    num_cut: int = 0
    num_anew: int = 0

    def too_long(self, number: int, context: int | None) -> None:
        """The text of this number is too long. Raises DataError where that is refused."""
        if self.refuses_long:
            said = f"row {number} is longer than the {context or 0:,} tokens that the model takes"
            raise DataError(said, at=f"row {number}", hint="--too-long cut reads its beginning")
        self.num_cut += 1

    def asked(self, conversation: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """The conversation up to what is to be answered. Raises DataError for one that asks nothing."""
        turns = list(conversation)
        while turns and turns[-1].get("role") == "assistant":
            turns.pop()
        if conversation and not turns:
            raise DataError("a conversation of answers alone asks nothing", hint="--column prompt, if that is asked")
        self.num_anew += len(turns) < len(conversation)
        return turns


def predictor_of(
    loaded: Loaded, settings: GenerateSettings, side: str = "document", system: str = "",
    taken: Taken | None = None, engine: Engine | None = None,
) -> Predictor:  # fmt: skip
    """What predicts with a loaded model; a language model answers by itself, or through an `engine`.

    Raises ModelError for a kind that says nothing of whole texts.
    """
    taken = taken or Taken()
    if loaded.embedder is not None:
        return Vectors(loaded, loaded.embedder, side, taken)
    head = head_of(loaded.module.config)  # type: ignore[arg-type]
    if head is not None and head.kind == "sequence":
        return Numbers(loaded, head, taken)
    if head is not None or not loaded.capabilities.generates:
        said = "the model says nothing of whole texts" if head is None else f"its head is of the kind `{head.kind}`"
        raise ModelError(said, hint="a language model, a classifier, a reranker, a reward model or an embedder")
    return Answers(loaded, settings, taken, system, engine)


@dataclass(frozen=True, slots=True)
class Answers:
    """A language model: what it answers, and why that ended. Draws depend on the number of a row alone."""

    loaded: Loaded
    settings: GenerateSettings
    taken: Taken
    system: str = ""
    engine: Engine | None = None

    def __call__(self, inputs: Sequence[Input], first: int = 0) -> list[dict[str, Any]]:
        tokenizer: Any = self.loaded.processor
        prompts = [self._prompt(one, bool(tokenizer.chat_template)) for one in inputs]
        numbers = range(first, first + len(inputs))
        if self.engine is not None:
            said = self.engine.complete(prompts, self.settings, numbers)
        else:
            said = complete(self.loaded.module, tokenizer, prompts, self.settings, numbers=numbers)
        return [{"prediction": one.text, "finish": one.finish} for one in said]

    def _prompt(self, given: Input, has_template: bool) -> Prompt:
        if isinstance(given, tuple):
            raise DataError("a language model answers one text, not a pair", at="--second", hint="--column prompt")
        before = [{"role": "system", "content": self.system}] if self.system else []
        if isinstance(given, str):
            return [*before, {"role": "user", "content": given}] if has_template else given
        return [*before, *self.taken.asked(given)]


@dataclass(frozen=True, slots=True)
class Vectors:
    """An embedding model: the embedding of each text, as a query or a document."""

    loaded: Loaded
    how: Embedder
    side: str
    taken: Taken

    def __call__(self, inputs: Sequence[Input], first: int = 0) -> list[dict[str, Any]]:
        texts = [_text(one, "an embedding is of one text") for one in inputs]
        told = lambda number: self.taken.too_long(first + number, self.loaded.capabilities.context)  # noqa: E731
        return [{"embedding": one.tolist()} for one in embed(self.loaded, self.how, texts, self.side, told=told)]


@dataclass(frozen=True, slots=True)
class Numbers:
    """A model with a head: the likeliest class with its chance and all scores, or the score alone."""

    loaded: Loaded
    head: Head
    taken: Taken

    def __call__(self, inputs: Sequence[Input], first: int = 0) -> list[dict[str, Any]]:
        scored = self._scored(inputs, first)
        labels = self.head.labels or ("",)
        if len(labels) == 1:
            return [{"score": float(one[0])} for one in scored.scores]
        return [
            {"label": labels[int(parts.argmax())], "probability": float(parts.max()), "scores": parts.tolist()}
            for parts in scored.parts(self.head)
        ]

    def _scored(self, inputs: Sequence[Input], first: int) -> Scored:
        """All inputs of a file are of one kind: texts, pairs or conversations."""
        kinds = {str if isinstance(one, str) else tuple if isinstance(one, tuple) else list for one in inputs}
        if len(kinds) > 1:
            raise DataError("some rows are texts, and some are conversations", hint="--column text")
        given: Any = inputs
        told = lambda number: self.taken.too_long(first + number, self.loaded.capabilities.context)  # noqa: E731
        if kinds == {list}:
            return score_conversations(self.loaded, given)
        if kinds == {tuple} and len(self.head.labels or ("",)) == 1:
            return score_relevance(self.loaded, given, told=told)
        return score_texts(self.loaded, given, told=told)


@dataclass(frozen=True, slots=True)
class Columns:
    """Where inputs stand in rows: a column, and a second one for pairs."""

    first: str
    second: str | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any], first: str | None, second: str | None) -> Columns:
        """The columns as they are named, or by the first row. Raises DataError where it has no such column."""
        if first is None:
            first = next((name for name in COLUMNS if name in row), next(iter(row)) if len(row) == 1 else None)
            if first is None:
                said = f"no column is called {', '.join(COLUMNS[:-1])} or {COLUMNS[-1]}"
                raise DataError(said, at=", ".join(row), hint=f"--column {next(iter(row), 'text')}")
        for name, flag in ((first, "--column"), (second, "--second")):
            if name is not None and name not in row:
                near = nearest(name, list(row)) or next(iter(row), "text")
                raise DataError(f"the rows have no column `{name}`", at=flag, hint=f"{flag} {near}")
        return cls(first, second)

    def input(self, row: Mapping[str, Any]) -> Input:
        """What stands there. Raises DataError for what is neither text nor a conversation."""
        value, second = row.get(self.first), row.get(self.second) if self.second is not None else None
        if self.second is not None:
            return _filled(value, self.first), _filled(second, self.second)
        if isinstance(value, list) and value and all(isinstance(one, Mapping) and "role" in one for one in value):
            return value
        return _filled(value, self.first)


def _filled(value: Any, column: str) -> str:
    if not isinstance(value, str) or not value:
        shown = "nothing" if value in (None, "") else f"{type(value).__name__}"
        raise DataError(
            f"`{column}` holds {shown}, and a text is needed", hint=f"fill `{column}`, or leave the row out"
        )
    return value


def _text(given: Input, said: str) -> str:
    if not isinstance(given, str):
        raise DataError(said, hint="--column text")
    return given

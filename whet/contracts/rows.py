"""What a data format makes of one row, before any tokenizer sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from whet.contracts.sample import Sample


@dataclass(frozen=True, slots=True)
class Text:
    """Raw text of which every token is trained."""

    kind: ClassVar[str] = "text"
    text: str


@dataclass(frozen=True, slots=True)
class Completion:
    """A prompt and the text that should follow it, joined as they are, without a chat template."""

    kind: ClassVar[str] = "completion"
    prompt: str
    completion: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages in OpenAI's form: `role`, `content`, perhaps `tool_calls`, `weight` (of its loss), `name`.

    `tools` are OpenAI function schemas.
    """

    kind: ClassVar[str] = "conversation"
    messages: Sequence[Mapping[str, Any]]
    tools: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Preference:
    """A conversation with a chosen and a rejected continuation (each a list of messages).

    `margin` says by how much the chosen one is better, where that is known.
    """

    kind: ClassVar[str] = "preference"
    prompt: Sequence[Mapping[str, Any]]
    chosen: Sequence[Mapping[str, Any]]
    rejected: Sequence[Mapping[str, Any]]
    tools: Sequence[Mapping[str, Any]] = ()
    margin: float | None = None


@dataclass(frozen=True, slots=True)
class Labelled:
    """A conversation whose last reply is marked good or bad."""

    kind: ClassVar[str] = "labelled"
    messages: Sequence[Mapping[str, Any]]
    label: bool
    tools: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is to answer: messages, or a plain text that it is to continue.

    `columns` are all columns of the row that it was read from, such as `answer`: what rewards compare with.
    """

    kind: ClassVar[str] = "prompt"
    messages: Sequence[Mapping[str, Any]] | str
    tools: Sequence[Mapping[str, Any]] = ()
    columns: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Multimodal:
    """A conversation with images, audio or video beside it."""

    kind: ClassVar[str] = "multimodal"
    messages: Sequence[Mapping[str, Any]]
    media: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Values:
    """Named numbers for a model without tokens, such as `features` and `label`."""

    kind: ClassVar[str] = "values"
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ready:
    """A sample that the format has made itself: tokens with weights, and what else its model reads, such as images.

    It is learned from as it is, but for its origin, which becomes the row's. What the format reads beside the row, such
    as a file that it names, is no part of what the token cache is keyed on.
    """

    kind: ClassVar[str] = "sample"
    sample: Sample


@dataclass(frozen=True, slots=True)
class Retrieval:
    """A query, documents that answer it, and documents that look as if they did."""

    kind: ClassVar[str] = "retrieval"
    query: str
    positives: Sequence[str]
    negatives: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """A query and documents, each with how relevant it is (0: not at all)."""

    kind: ClassVar[str] = "judged"
    query: str
    documents: Sequence[str]
    relevance: Sequence[float]


@dataclass(frozen=True, slots=True)
class Similarity:
    """Two texts and how alike they are."""

    kind: ClassVar[str] = "similarity"
    first: str
    second: str
    score: float


@dataclass(frozen=True, slots=True)
class Classified:
    """A text (or two) with its label: a name, a number, or a list of either."""

    kind: ClassVar[str] = "classified"
    text: str
    label: Any
    second: str | None = None


@dataclass(frozen=True, slots=True)
class Tagged:
    """Words, each with a label."""

    kind: ClassVar[str] = "tagged"
    words: Sequence[str]
    labels: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Stepwise:
    """A task and the steps of a solution, each with the chance that it is right (true and false are 1 and 0)."""

    kind: ClassVar[str] = "stepwise"
    prompt: str
    steps: Sequence[str]
    labels: Sequence[float]


Texts = Retrieval | Judged | Similarity | Classified | Tagged | Stepwise
Row = Text | Completion | Conversation | Preference | Labelled | Prompt | Multimodal | Values | Ready | Texts

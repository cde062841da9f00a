"""The registry: models, versions, what promotes one, what was done."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from whet.base.stated import Stated
from whet.server.answers.values import Number


class VersionRow(Stated):
    """A version in a listing. Its figures stand beside these, as `accuracy` and `task/accuracy`; tags as `tag.KEY`.

    `created` is Unix time.
    """

    model_config = ConfigDict(extra="allow")

    name: str
    version: int
    alias: list[str]
    kind: str
    base: str | None
    architecture: str | None
    licence: str | None
    source: str | None
    package: str | None
    run: str | None
    step: int | None
    bytes: int
    created: float
    by: str | None
    stage: str
    description: str


class VersionList(Stated):
    """Versions that a filter takes; `names` are what filters can ask for."""

    versions: list[VersionRow]
    total: int
    names: list[str]


class RegistryChange(Stated):
    """Something that was done to a model: `op` says what, `text` says it in words; `time` is Unix time."""

    op: str
    time: float
    by: str
    text: str
    version: int | None
    details: dict[str, Any]


class RegisteredModel(Stated):
    """A model with its versions, the newest first. `policies` are what promotions to an alias require."""

    name: str
    description: str
    tags: dict[str, str]
    aliases: dict[str, int]
    policies: dict[str, str]
    created: float
    updated: float
    versions: list[VersionRow]


class ModelHistory(Stated):
    """What was done to a model, the latest first."""

    changes: list[RegistryChange]
    total: int


class HeldFile(Stated):
    """A file of a version: its SHA-256, and how it is held: `reflink`, `hardlink` or `reference`."""

    path: str
    bytes: int
    sha256: str
    held: str


class VersionPage(Stated):
    """A version in full: its row, what its manifest says, its files, its evaluations, and who refers to it."""

    row: VersionRow
    manifest: str
    about: dict[str, Any]
    files: list[HeldFile]
    evaluations: list[dict[str, Any]]
    referring: list[str]


class NewVersion(Stated):
    """What becomes a version: the model of a run of this server, or a folder within the run; `alias` is to mean it."""

    run: str
    folder: str = ""
    alias: str | None = None
    kind: str | None = None
    base: str | None = None
    licence: str | None = None
    description: str | None = None


class PairedFigure(Stated):
    """By how much a figure is above that of another version, over `n` pairs, with its 95 % interval."""

    name: str
    difference: Number
    low: Number
    high: Number
    n: int


class ComparedFigure(Stated):
    """A figure of both versions; `paired` is the second less the first over the same units."""

    name: str
    first: Number | None
    second: Number | None
    paired: PairedFigure | None


class VersionComparison(Stated):
    """Two versions: facts that differ (first, second), figures, and files that are alike, changed, or of one alone."""

    first: str
    second: str
    facts: dict[str, tuple[str | int | None, str | int | None]]
    figures: list[ComparedFigure]
    alike: list[str]
    changed: list[str]
    only_first: list[str]
    only_second: list[str]


class AliasSet(Stated):
    """The version that an alias is to mean; `past_policy` where it has a policy, and that is known."""

    version: Annotated[int, Field(ge=1)]
    past_policy: bool = False


class PolicySet(Stated):
    """What every promotion to an alias requires; null takes it away."""

    require: Annotated[str, Field(min_length=1, max_length=2000)] | None


class Promotion(Stated):
    """Which version is promoted (its number, or the alias that it has), to which alias, on which condition.

    `keep` makes the condition the alias's policy; `past_policy` leaves that out.
    """

    version: int | str
    to: str
    require: str = ""
    keep: bool = False
    past_policy: bool = False


class Promoted(Stated):
    """What was done: the alias means `number` instead of `before`."""

    name: str
    number: int
    alias: str
    before: int | None
    require: str
    figures: dict[str, Number | str | None]
    compared: list[PairedFigure]
    policy: str


class ModelPatch(Stated):
    """What is set of a model or a version; a tag of null is taken away, and what is left out stays."""

    description: str | None = None
    tags: dict[str, str | None] = {}


class Verified(Stated):
    """What is wrong with the files of a version; nothing where all are as they were."""

    damage: list[str]


class VersionRemoved(Stated):
    """A removed version: its bytes, those that the disk has got back, and who referred to it."""

    name: str
    bytes: int
    freed_bytes: int
    referring: list[str]

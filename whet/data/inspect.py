"""Inspect: a source as the model will see it. Tokens with roles and weights, lengths, and what would be skipped."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import Protocol

import numpy as np

from whet.base.errors import DataError
from whet.contracts.rows import Ready, Row, Text
from whet.contracts.sample import Origin
from whet.data.refusal import Refused
from whet.data.render.branches import views
from whet.data.render.ready import ready
from whet.data.render.recipe import too_long
from whet.data.render.renderer import Rendered
from whet.data.rows.detect import Detector
from whet.data.sources.files import Source, about_files, read_rows
from whet.data.store.notes import Note

_BATCH = 256


class Renders(Protocol):
    """Rows to tokens: a `Renderer`, or the `SideRenderer` of an encoder-decoder."""

    def render(self, rows: Sequence[Row], *, roles: bool = False) -> list[Rendered | Refused]: ...

    def token_texts(self, ids: Sequence[int]) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a shown row."""

    id: int
    text: str
    role: str
    weight: float


@dataclass(frozen=True, slots=True)
class Shown:
    """A row with all its tokens. `part` tells the two replies of a preference pair apart."""

    row: int
    kind: str
    part: str
    tokens: tuple[Token, ...]

    def segments(self) -> Iterator[tuple[str, float, list[str]]]:
        """Runs of tokens with the same role and weight: (role, weight, texts)."""
        for (role, weight), run in groupby(self.tokens, key=lambda token: (token.role, token.weight)):
            yield role, weight, [token.text for token in run]


@dataclass(slots=True)
class Inspection:
    """What was seen of a source. Lengths and trained tokens are per sample; a preference pair is two samples.

    `files` says which of a folder are read, `unread` are the columns that no format read. `beyond` are the tokens of
    the rows, by number, that have more of them than the `context` of the model: training refuses those.
    """

    source: str
    formats: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    num_rows: int = 0
    is_partial: bool = False
    lengths: list[int] = field(default_factory=list)
    trained: list[int] = field(default_factory=list)
    refused: dict[str, list[tuple[int, Refused]]] = field(default_factory=lambda: defaultdict(list))
    shown: list[Shown] = field(default_factory=list)
    files: str | None = None
    notes: list[Note] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    context: int | None = None
    beyond: dict[int, int] = field(default_factory=dict)

    def refusal(self) -> DataError | None:
        """What training raises for the longest of the rows that are longer than the model sees; None without any."""
        if not self.beyond or self.context is None:
            return None
        row, longest = max(self.beyond.items(), key=lambda item: item[1])
        return too_long(longest, self.context, Origin(self.source, row), self.context)

    def causes(self) -> list[list[tuple[int, Refused]]]:
        """The refused rows, those of one cause together, the most frequent first: details differ in numbers alone."""
        found: dict[tuple[str, str], list[tuple[int, Refused]]] = defaultdict(list)
        for rows in self.refused.values():
            for number, one in rows:
                found[one.reason, re.sub(r"\d+", "#", one.detail)].append((number, one))
        return sorted(found.values(), key=len, reverse=True)

    def histogram(self, num_bins: int = 12) -> list[tuple[int, int]]:
        """(longest length in the bin, samples in it), the bins bounded by powers of two."""
        if not self.lengths:
            return []
        bounds = [1 << power for power in range(max(1, int(max(self.lengths) - 1).bit_length()) + 1)]
        counts = Counter(next(bound for bound in bounds if length <= bound) for length in self.lengths)
        first = next(i for i, bound in enumerate(bounds) if counts[bound])
        return [(bound, counts[bound]) for bound in bounds[first:]][-num_bins:]


def inspect(
    source: Source,
    renderer: Renders,
    *,
    rows: int = 3,
    limit: int | None = None,
    max_length: int | None = None,
    context: int | None = None,
    report: Callable[[int], None] | None = None,
) -> Inspection:
    """Read and render up to `limit` rows and show the first `rows` of them token by token.

    Samples past `max_length` tokens are listed under `too_long`, and rows past `context`, what the model sees, are
    `beyond`: all but raw text, which training splits where nothing else is said. `report` is told now and then how
    many rows were read. Raises DataError as reading does.
    """
    seen, detector = Inspection(source.name, context=context), Detector(source.format)
    numbered = read_rows(source)
    while batch := list(islice(numbered, _BATCH if limit is None else min(_BATCH, limit - seen.num_rows))):
        seen.num_rows += len(batch)
        parsed = [(number, detector.parse(row, f"{source.name} row {number}")) for number, row in batch]
        look(seen, renderer, parsed, rows, max_length)
        if report is not None:
            report(seen.num_rows)
    seen.is_partial = next(numbered, None) is not None
    seen.formats, seen.notes, seen.unread = detector.seen, list(detector.notes), detector.unread
    seen.files = about_files(source)
    return seen


def look(
    seen: Inspection,
    renderer: Renders,
    parsed: Sequence[tuple[int, Row | Refused]],
    rows: int,
    max_length: int | None = None,
) -> None:
    """Add rows with their numbers to what was seen, and show them token by token until `rows` of them are."""
    _look(seen, renderer, [(n, part, view) for n, row in parsed for part, view in _views(row)], rows, max_length)
    seen.kinds.update(row.kind for _, row in parsed if not isinstance(row, Refused))


def _look(
    seen: Inspection,
    renderer: Renders,
    views: Sequence[tuple[int, str, Row | Refused]],
    rows: int,
    max_length: int | None,
) -> None:
    whole = [view for _, _, view in views if not isinstance(view, Refused | Ready)]
    wanted = len({shown.row for shown in seen.shown}) < rows
    rendered = iter(renderer.render(whole, roles=wanted))
    for number, part, view in views:
        if isinstance(view, Refused):
            seen.refused[view.reason].append((number, view))
            continue
        result = _made(view, Origin(seen.source, number)) if isinstance(view, Ready) else next(rendered)
        if isinstance(result, Refused):
            seen.refused[result.reason].append((number, result))
            continue
        seen.lengths.append(len(result.ids))
        seen.trained.append(int(np.count_nonzero(result.weights[1:])))
        if max_length is not None and len(result.ids) > max_length:
            detail = f"{len(result.ids)} tokens, more than {max_length}"
            seen.refused["too_long"].append((number, Refused("too_long", detail)))
        if seen.context is not None and len(result.ids) > seen.context and not isinstance(view, Text):
            seen.beyond[number] = max(len(result.ids), seen.beyond.get(number, 0))
        if wanted and len({shown.row for shown in seen.shown} | {number}) <= rows:
            seen.shown.append(Shown(number, view.kind, part, _tokens(renderer, result)))


def _views(row: Row | Refused) -> list[tuple[str, Row | Refused]]:
    """The row itself, or the conversations that a pair or a labelled reply consists of."""
    return [("", row)] if isinstance(row, Refused) else [*views(row)]


def _made(row: Ready, origin: Origin) -> Rendered | Refused:
    """A sample that its format has made: its tokens are text, or what a medium stands in."""
    sample = ready(row, origin)
    if isinstance(sample, Refused):
        return sample
    roles = ["text"] * len(sample.ids)
    for medium in sample.media:
        roles[slice(*medium.span)] = [medium.kind] * (medium.span[1] - medium.span[0])
    return Rendered(sample.ids, sample.weights, tuple(roles))


def _tokens(renderer: Renders, rendered: Rendered) -> tuple[Token, ...]:
    texts = renderer.token_texts(rendered.ids.tolist())
    fields = zip(rendered.ids.tolist(), texts, rendered.roles or (), rendered.weights.tolist(), strict=True)
    return tuple(Token(*values) for values in fields)

"""Recipe: how rows become samples, apart from where they come from and where they go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from whet.base.errors import TOKENIZER, DataError
from whet.contracts.rows import Ready, Row, Text, Values
from whet.contracts.sample import Origin, Sample
from whet.data.refusal import Refused, refusal
from whet.data.render.branches import joined, separate, views
from whet.data.render.ready import ready
from whet.data.render.task_tokenizer import readable
from whet.data.store.ledger import Entry

if TYPE_CHECKING:
    from whet.data.render.renderer import Rendered, Renderer
    from whet.data.render.task_tokenizer import Reader
    from whet.data.transforms.fim import FillIn

Truncation = Literal["auto", "error", "cut", "split", "skip"]
_NO_TOKENS = np.empty(0, np.int32)
_NO_WEIGHTS = np.empty(0, np.float32)


class RowsToSamples(Protocol):
    """Numbered rows to samples, in order, and the rows that did not come through whole.

    `takes` are the kinds of rows, and `key` is all of it that decides the samples.
    """

    @property
    def takes(self) -> frozenset[str]: ...

    @property
    def key(self) -> str: ...

    def __call__(self, source: str, rows: Sequence[tuple[int, Row | Refused]]) -> tuple[list[Sample], list[Entry]]: ...


@dataclass(frozen=True, slots=True)
class Recipe:
    """What rows are rendered with, which kinds an objective takes, and what happens to long ones.

    `truncation`: `error` raises; `cut` keeps the first `max_length` tokens; `split` makes consecutive
    pieces of raw text; `skip` drops; `auto` splits raw text and raises for the rest. `renderer` is
    None for models without tokens, and where a `reader` makes the samples of an objective that has a reading.
    `context` is what the model sees, if `max_length` may be less.
    """

    renderer: Renderer | None
    takes: frozenset[str]
    max_length: int | None = None
    truncation: Truncation = "auto"
    context: int | None = None
    reader: Reader | None = None

    def __post_init__(self) -> None:
        if self.max_length is not None and self.max_length < 2:
            raise DataError(
                f"with data.max_length={self.max_length} no token has another before it to be predicted from",
                hint="data.max_length=2048",
            )

    @property
    def key(self) -> str:
        """What of the recipe decides the samples."""
        own = self.reader or self.renderer
        rendering = own.fingerprint if own else None
        return repr((rendering, sorted(self.takes), self.max_length, self.truncation))

    @property
    def _fill_in(self) -> FillIn | None:
        return self.renderer.fill_in if self.renderer else None

    def __call__(self, source: str, rows: Sequence[tuple[int, Row | Refused]]) -> tuple[list[Sample], list[Entry]]:
        """Samples of numbered rows, in their order, and the rows that did not come through whole.

        Raises DataError for a kind of row that is not taken, and for a long sample where that is an error.
        """
        samples: list[Sample] = []
        entries: list[Entry] = []
        if self.reader is not None:
            return self._read(source, rows, self.reader)
        for (number, row), rendered in zip(rows, self._render(source, rows), strict=True):
            made = rendered if isinstance(rendered, Refused) else self._fit(rendered, isinstance(row, Text))
            if isinstance(made, Refused):
                entries.append(Entry(source, number, "skipped", made.reason, made.detail))
                continue
            if self.truncation == "cut" and isinstance(rendered, Sample) and made[0] is not rendered:
                detail = f"{rendered.longest} tokens, cut to {self.max_length}"
                entries.append(Entry(source, number, "truncated", "too_long", detail))
            if self._fill_in is not None and isinstance(row, Text):
                made = [self._fill_in(sample, self.max_length) for sample in made]
            samples += made if "labelled" not in self.takes else [s for whole in made for s in _unpaired(whole)]
        return samples, entries

    def _read(
        self, source: str, rows: Sequence[tuple[int, Row | Refused]], reader: Reader
    ) -> tuple[list[Sample], list[Entry]]:
        """The same for rows that an objective's reading says how to read; texts that are cut are cut there."""
        samples: list[Sample] = []
        entries: list[Entry] = []
        self._check_kinds(source, rows)
        read = iter(reader(list(readable(rows, source))))
        for number, row in rows:
            made = row if isinstance(row, Refused) else next(read)
            whole = made if isinstance(made, Refused) else self._fit(made[0], False)
            if isinstance(whole, Refused):
                entries.append(Entry(source, number, "skipped", whole.reason, whole.detail))
                continue
            samples += whole
            if not isinstance(made, Refused) and made[1]:
                entries.append(Entry(source, number, "truncated", "too_long", f"cut to {self.max_length} tokens"))
        return samples, entries

    def _check_kinds(self, source: str, rows: Sequence[tuple[int, Row | Refused]]) -> None:
        for number, row in rows:
            if not isinstance(row, Refused) and row.kind not in self.takes:
                raise refusal(row.kind, self.takes, at=f"{source} row {number}")

    def _render(self, source: str, rows: Sequence[tuple[int, Row | Refused]]) -> Iterator[Sample | Refused]:
        """A sample or a refusal for each row; rows of words go to the renderer together."""
        self._check_kinds(source, rows)
        parts = [[] if isinstance(row, Refused | Values | Ready) else views(row) for _, row in rows]
        worded = [view for part in parts for _, view in part]
        if worded and self.renderer is None:
            raise DataError(
                "rows of text need a tokenizer, and the model has none",
                at=source,
                hint=TOKENIZER,
            )
        rendered = iter(self.renderer.render(worded) if worded and self.renderer else ())
        for (number, row), part in zip(rows, parts, strict=True):
            origin = Origin(source, number)
            if isinstance(row, Refused):
                yield row
            elif isinstance(row, Values):
                yield Sample(_NO_TOKENS, _NO_WEIGHTS, row.values, origin)
            elif isinstance(row, Ready):
                yield ready(row, origin)
            else:
                yield _made(row, [name for name, _ in part], [next(rendered) for _ in part], origin)

    def _fit(self, sample: Sample, is_text: bool) -> list[Sample] | Refused:
        """The sample, or what `truncation` makes of a long one."""
        limit = self.max_length
        if limit is not None and is_text and self._fill_in is not None:
            limit = max(2, limit - self._fill_in.num_added)
        if limit is None or sample.longest <= limit:
            return [sample]
        policy = self.truncation if self.truncation != "auto" else ("split" if is_text else "error")
        if policy == "skip":
            return Refused("too_long", f"{sample.longest} tokens, and {limit} are allowed")
        if policy == "cut":
            return self._cut(sample, limit)
        if policy == "split" and is_text:
            return list(_pieces(sample, limit))
        raise too_long(sample.longest, limit, sample.origin, self.context)

    def _cut(self, sample: Sample, limit: int) -> list[Sample] | Refused:
        """The first `limit` tokens; of a group, as many of each branch as that leaves behind the beginning."""
        shared = sample.cuts[0] if sample.cuts else 0
        kept = [slice(at.start, min(at.stop, at.start + limit - shared)) for at in sample.branches]
        if any(not np.any(sample.weights[at.start + 1 : at.stop]) for at in kept):
            return Refused("nothing_left", f"all that is trained lies beyond the first {limit} tokens")
        pieces = [slice(0, shared), *kept]
        sizes = [at.stop - at.start for at in kept]
        cuts = tuple((shared + np.cumsum([0, *sizes[:-1]])).tolist()) if sample.cuts else ()
        return [replace(sample.part(np.r_[tuple(pieces)]), cuts=cuts)]


def _made(row: Row, parts: Sequence[str], rendered: Sequence[Rendered | Refused], origin: Origin) -> Sample | Refused:
    """The sample of a row, or why one of its parts is refused."""
    whole = []
    for part, view in zip(parts, rendered, strict=True):
        if isinstance(view, Refused):
            return replace(view, detail=f"{part}: {view.detail}") if len(parts) > 1 else view
        whole.append(view)
    return joined(row, whole, origin)


def _unpaired(sample: Sample) -> list[Sample]:
    """A pair as two marked replies, the chosen one good; anything else as it is."""
    if not sample.cuts:
        return [sample]
    marked = enumerate(separate(sample))
    return [replace(s, fields={"label": 1 - part}, origin=_part(s.origin, part)) for part, s in marked]


def _part(origin: Origin | None, part: int) -> Origin | None:
    return replace(origin, part=part) if origin else None


def _pieces(sample: Sample, limit: int) -> Iterator[Sample]:
    """Consecutive pieces of at most `limit` tokens.

    A piece begins with the last token of the one before it, as context, so that every token of the
    document is predicted exactly once.
    """
    for part, start in enumerate(range(0, sample.num_tokens - 1, limit - 1)):
        piece = sample.part(slice(start, start + limit))
        weights = np.array(piece.weights, np.float32)
        if part and not sample.is_in_place:
            weights[0] = 0
        yield replace(piece, weights=weights, origin=_part(sample.origin, part))


def too_long(length: int, limit: int, origin: Origin | None, context: int | None = None) -> DataError:
    """The error for a long sample; more tokens are offered only where the model can see them."""
    is_seen = context is None or length <= context
    whole = f"data.max_length={length}, or " if is_seen else ""
    return DataError(
        f"a sample has {length:,} tokens, and {limit:,} are {'allowed' if is_seen else 'all the model sees'}",
        at=f"{origin.source} row {origin.row}" if origin else None,
        hint=f"{whole}data.truncation=cut  (keeps the first {limit:,}; =skip drops the row, =split cuts raw text)",
    )

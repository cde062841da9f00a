"""Token store: every source is rendered once, into a shard named by all that decides its samples."""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import whet.data
from whet.base.catalogue import data_format
from whet.base.errors import INSPECT, DataError
from whet.base.units import figure
from whet.contracts.rows import Row, Text
from whet.data.order.dataset import Dataset, Part, TokenStore, held_out
from whet.data.refusal import Refused
from whet.data.render.recipe import Recipe, RowsToSamples, Truncation
from whet.data.render.renderer import Renderer
from whet.data.render.task_tokenizer import Reader
from whet.data.rows.detect import parse_rows
from whet.data.sources.files import Source, about_files, content_digest
from whet.data.store.cache import default_cache, open_or_build
from whet.data.store.ledger import Entry, Ledger
from whet.data.store.notes import Note, Notes, to_json
from whet.data.store.rendering_code import digest_of, rendering_files
from whet.data.store.shard import Shard, ShardWriter
from whet.data.store.table import SampleTable
from whet.data.workers import apply_in_order

__all__ = ["Dataset", "TokenStore", "build_store", "held_out", "store_of"]

# Rows that are rendered together: so many, or fewer long ones, because the tokenizer holds much beside each id.
_CHUNK_ROWS, _CHUNK_CHARACTERS = 256, 4_000_000
# So many chunks are rendered before processes would have started (2 s for transformers).
_FEW_CHUNKS = 32
_MAX_WORKERS = 32

Rows = Sequence[tuple[int, Row | Refused]]


def build_store(
    sources: Sequence[Source],
    renderer: Renderer | None,
    *,
    takes: frozenset[str],
    ledger: Ledger,
    max_length: int | None = None,
    truncation: Truncation = "error",
    context: int | None = None,
    cache: Path | None = None,
    workers: int | None = None,
    max_skipped: float = 0.01,
    seed: int = 0,
    reader: Reader | None = None,
) -> TokenStore:
    """Render what is not in the cache yet and open all of it.

    `takes` are the kinds of rows that the objective takes; `renderer` is None for a model without
    tokens. `cache` is $WHET_CACHE, else ~/.cache/whet; several processes may ask at once, and one
    builds. `workers` processes render (None: as many as pay off; 0: this one). `seed` chooses rows
    where a source asks for some. Skipped and truncated rows go to `ledger`. Raises DataError when more
    than `max_skipped` of the rows were skipped, when a row is of another kind, when nothing is left.
    """
    recipe = Recipe(renderer, takes, max_length, truncation, context, reader)
    return store_of(sources, recipe, ledger=ledger, cache=cache, workers=workers, max_skipped=max_skipped, seed=seed)


def store_of(
    sources: Sequence[Source],
    recipe: RowsToSamples,
    *,
    ledger: Ledger,
    cache: Path | None = None,
    workers: int | None = None,
    max_skipped: float = 0.01,
    seed: int = 0,
) -> TokenStore:
    """The same with a recipe of one's own."""
    folder, code = (cache or default_cache()) / "tokens", _code(recipe)
    shards = [
        open_or_build(
            folder / _key(source, recipe, seed, code), source.name, partial(_render, source, recipe, workers, seed)
        )
        for source in sources
    ]
    store = TokenStore([_part(source, shard, ledger) for source, shard in zip(sources, shards, strict=True)])
    ledger.check(max_skipped)
    if not len(store):
        raise DataError(
            f"no row is left to learn from: {ledger.summary()}",
            hint=f"{INSPECT} shows why rows are skipped",
        )
    if not store.trained.any():
        raise DataError(f"no token of {len(store):,} samples is trained", hint=f"{INSPECT} shows what is and why")
    return store


def _part(source: Source, shard: Shard, ledger: Ledger) -> Part:
    """A shard under the name and weight that its source has now, and its rows in the ledger."""
    ledger.read(source.name, shard.facts["num_rows"])
    if about := about_files(source):
        ledger.note(source.name, about)
    for note in shard.facts.get("notes", ()):
        ledger.note(source.name, Note(**note))
    for entry in shard.entries():
        ledger.add(replace(entry, source=source.name))
    return Part(shard.table, source.name, source.weight, shard.facts["hash"], shard.facts["num_rows"])


def _key(source: Source, recipe: RowsToSamples, seed: int, code: str) -> str:
    """A hash of all that decides the samples: rows, settings, tokenizer, template, and the code that renders."""
    chosen = seed if source.samples is not None else None
    parts = (content_digest(source), chosen, recipe.key, code)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:40]


def _code(recipe: RowsToSamples) -> str:
    """A hash of the files that decide what the recipe makes of rows, and of those that define further formats."""
    place = type(recipe).__module__.removeprefix("whet.").replace(".", "/")
    own, digest = _own(f"{place}.py")
    added = (data_format.get(name) for name in data_format.names())
    texts = [_text(kind.build, Path(kind.source)) for kind in added if Path(kind.source) not in own]
    return hashlib.sha256(b"".join([digest.encode(), *texts])).hexdigest()


@cache
def _own(recipe: str) -> tuple[frozenset[Path], str]:
    """Our files that decide, and their digest: what this process has imported is what they said when it began."""
    files = rendering_files(Path(whet.data.__file__).parents[1], recipe)
    return frozenset(files), digest_of(files)


def _text(build: Callable[..., Any], path: Path) -> bytes:
    """The file of a format, or what was typed in a notebook; unknown, it counts as new each time."""
    try:
        return path.read_bytes() if path.is_file() else inspect.getsource(build).encode()
    except OSError:
        return os.urandom(16)


def _render(
    source: Source, recipe: RowsToSamples, workers: int | None, seed: int, writer: ShardWriter
) -> dict[str, Any]:
    """Write the samples of a source in order; returns the facts of the shard."""
    notes = Notes()
    chunks = _chunks(source, seed, recipe.takes, notes)
    if workers is None:
        first = list(islice(chunks, _FEW_CHUNKS + 1))
        workers = 0 if len(first) <= _FEW_CHUNKS else min(_num_cpus(), _MAX_WORKERS)
        chunks = chain(first, chunks)
    num_rows, progress = 0, _Progress(source.name)
    for table, entries, read in apply_in_order(partial(_prepare, recipe, source.name), chunks, workers):
        writer.append(table, entries)
        num_rows += read
        progress(num_rows, len(table.columns["ids"]))
    return {"num_rows": num_rows, "source": source.name, "notes": to_json(notes)}


def _chunks(source: Source, seed: int, takes: frozenset[str], notes: Notes) -> Iterator[Rows]:
    chunk: list[tuple[int, Row | Refused]] = []
    characters = 0
    for number, row in parse_rows(source, seed=seed, takes=takes, notes=notes):
        chunk.append((number, row))
        characters += len(row.text) if isinstance(row, Text) else 0
        if len(chunk) == _CHUNK_ROWS or characters >= _CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def _prepare(recipe: RowsToSamples, source: str, rows: Rows) -> tuple[SampleTable, list[Entry], int]:
    samples, entries = recipe(source, rows)
    return SampleTable.of(samples), entries, len(rows)


def _num_cpus() -> int:
    """CPUs that this process may use; on one alone a second process gains nothing, hence 0."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return count if count > 1 else 0


class _Progress:
    """Says on stderr how much is rendered, after 2 seconds and then every 10."""

    def __init__(self, name: str) -> None:
        self._name, self._began, self._num_tokens = name, time.monotonic(), 0
        self._due = self._began + 2

    def __call__(self, num_rows: int, more_tokens: int) -> None:
        self._num_tokens += more_tokens
        now = time.monotonic()
        if now >= self._due:
            self._due = now + 10
            print(rendering(self._name, num_rows, self._num_tokens, now - self._began), file=sys.stderr, flush=True)


def rendering(name: str, num_rows: int, num_tokens: int, seconds: float) -> str:
    """How far a source is rendered; the pace is that of tokens, since one row may be a whole book."""
    rows = f"{num_rows:,} row{'' if num_rows == 1 else 's'}"
    if not num_tokens:
        return f"rendering {name}: {rows}, {figure(num_rows / seconds)} rows/s"
    return f"rendering {name}: {rows}, {figure(num_tokens)} tokens, {figure(num_tokens / seconds)} tokens/s"

"""`whet tokenizer train`: learn a byte-level BPE tokenizer from files."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whet.cli.arguments import typed_path, whole
from whet.cli.plugins import add_plugin_argument
from whet.cli.written import check_writable

if TYPE_CHECKING:
    from whet.data.rows.detect import Detector
    from whet.data.sources.files import Source

# Text is learned from in pieces; one of twenty is held out to measure on, up to a few megabytes.
PIECE_CHARACTERS = 4000
HELD_OUT_ONE_IN = 20
MOST_HELD_OUT = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    train = actions.add_parser("train", help="learn a byte-level BPE tokenizer from files")
    train.add_argument("files", nargs="+", metavar="FILE", help="files or folders: text, code, jsonl, parquet ...")
    train.add_argument(
        "--vocab-size", type=whole(1, 10_000_000), default=8000, metavar="N", help="tokens, bytes included (8000)"
    )
    train.add_argument("--output", type=typed_path, required=True, metavar="DIR", help="the folder to write")
    train.add_argument("--chat", action="store_true", help="with a chat template and its tokens")
    train.add_argument("--mask", action="store_true", help="with a token that hides another (objective mlm)")
    train.add_argument(
        "--sentinels",
        type=whole(0, 100_000),
        default=0,
        metavar="N",
        help="tokens that hide spans (span-corruption; T5 has 100)",
    )
    add_plugin_argument(train)


def main(args: argparse.Namespace) -> int:
    from whet.base.units import size
    from whet.data.sources.files import Source
    from whet.models.tokenizers.training import bytes_per_token, train_tokenizer

    output = args.output
    _refuse_to_overwrite(output)
    check_writable(output)
    reading = Reading([Source.parse(name, Path()) for name in args.files])
    tokenizer = train_tokenizer(reading, args.vocab_size, chat=args.chat, mask=args.mask, sentinels=args.sentinels)
    tokenizer.save_pretrained(output)
    _warn(reading, len(tokenizer), args.vocab_size)
    measured, where = (reading.held_out, "held-out") if reading.held_out else (list(reading.texts()), "the training")
    num_bytes = size(sum(len(text.encode()) for text in measured))
    print(f"vocabulary       {len(tokenizer):,} tokens")
    print(f"bytes per token  {bytes_per_token(tokenizer, measured):.4g} on {where} text ({num_bytes})")
    print(f"tokenizer        {output}")
    return 0


class Reading:
    """The texts of the sources, read with a progress bar; iterating passes over those that are held out.

    `held_out` and `refused` (reason -> rows) fill while it is iterated.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = sources
        self.held_out: list[str] = []
        self.refused: Counter[str] = Counter()

    def __iter__(self) -> Iterator[str]:
        from rich.console import Console
        from rich.progress import Progress

        console = Console(stderr=True)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            bar = progress.add_task("reading", total=None)
            number = 0
            for text in self.texts():
                for piece in _pieces(text):
                    number += 1
                    if number % HELD_OUT_ONE_IN == 0 and len(self.held_out) < MOST_HELD_OUT:
                        self.held_out.append(piece)
                    else:
                        yield piece
                progress.update(bar, description=f"reading  {number:,} pieces")
            progress.update(bar, description="joining the most frequent pairs")

    def texts(self) -> Iterator[str]:
        """Every text of every row; of rows in no known format, whatever their columns hold."""
        from whet.data.refusal import Refused
        from whet.data.rows.detect import Detector
        from whet.data.sources.files import read_rows

        self.refused.clear()
        for source in self.sources:
            detector = Detector()
            for number, columns in read_rows(source):
                row = (
                    detector.parse(columns, f"{source.name} row {number}") if _is_known(detector, columns) else columns
                )
                if isinstance(row, Refused):
                    self.refused[row.detail] += 1
                else:
                    yield from _strings(row)


def _is_known(detector: Detector, columns: Mapping[str, Any]) -> bool:
    from whet.base.errors import DataError

    try:
        detector.kind(columns, "")
    except DataError:
        return False
    return True


def _strings(value: Any) -> Iterator[str]:
    """All texts within a row; of messages also the roles, which the template writes."""
    if is_dataclass(value):
        value = [getattr(value, field.name) for field in fields(value)]
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from _strings(inner)


def _pieces(text: str) -> Iterator[str]:
    """Whole lines of `text`, about PIECE_CHARACTERS at a time."""
    piece: list[str] = []
    length = 0
    for line in text.splitlines(keepends=True):
        piece.append(line)
        length += len(line)
        if length >= PIECE_CHARACTERS:
            yield "".join(piece)
            piece, length = [], 0
    if piece:
        yield "".join(piece)


def _refuse_to_overwrite(output: Path) -> None:
    from whet.base.errors import ConfigError

    if output.is_file() or (output / "tokenizer.json").exists():
        what = (
            "is a file" if output.is_file() else "holds a tokenizer already, and models may have been trained with it"
        )
        raise ConfigError(f"{output} {what}", hint=f"choose another --output, or remove it: rm -r {output}")


def _warn(reading: Reading, found: int, wanted: int) -> None:
    for reason, count in reading.refused.items():
        print(f"skipped {count:,} rows: {reason}", file=sys.stderr)
    if found < wanted:
        print(
            f"the text gave {found:,} tokens, fewer than the {wanted:,} asked for: it repeats itself", file=sys.stderr
        )

"""`whet quantize`: write a model with fewer bits a weight, with perplexity before and after."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whet.cli.plugins import add_plugin_argument

if TYPE_CHECKING:
    from whet.export.quantizing.coding import Told


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="run, its name, model or adapter folder, or hub id")
    parser.add_argument(
        "--kind",
        nargs="+",
        default=["gptq"],
        metavar=("NAME", "KEY=VALUE"),
        help="way of quantizing and its settings, such as `--kind gptq bits=4 group=64` (default: gptq); "
        "`whet slots quantizer` lists kinds, `whet slots quantizer NAME` settings",
    )
    parser.add_argument(
        "--data",
        nargs="+",
        default=[],
        metavar="FILE",
        help="what to calibrate on, in any format of training (default: the training data of the run)",
    )
    parser.add_argument(
        "--held-out", nargs="+", default=[], metavar="FILE", help="what perplexity is of (default: the next rows)"
    )
    parser.add_argument("--samples", type=int, default=128, help="samples to calibrate on, and to measure on")
    parser.add_argument("--length", type=int, default=2048, help="tokens a sample (default: 2048)")
    parser.add_argument(
        "--keep",
        action="append",
        default=[],
        metavar="REGEX",
        help="linear layers with it in their name stay as they are; repeatable",
    )
    parser.add_argument("--dtype", choices=["fp32", "bf16", "fp16"], help="of all else (default: as it is)")
    parser.add_argument("--shard-size", default="5GB", metavar="SIZE", help="largest file (default: 5GB)")
    parser.add_argument("--output", type=Path, metavar="DIR", help="a new folder (default: exports/KIND in the run)")
    parser.add_argument(
        "--no-check",
        action="store_true",
        help="write no report, which loads the model whole: a block and its activations are then all that is held",
    )
    parser.add_argument("--device", default="cpu", help="where all is computed (default: cpu)")
    parser.add_argument("--root", type=Path, default=Path("runs"), help="folder of run folders (default: runs)")
    add_plugin_argument(parser)


def main(args: argparse.Namespace) -> int:
    from whet.base.catalogue import quantizer
    from whet.export.exporting import check_new, checked, default_output
    from whet.models.find import find_model, find_run

    name, settings = _kind(args.kind)
    kind = quantizer.get(name)
    chosen = checked(kind, settings)
    path, run = find_model(args.model, args.root), find_run(args.model, args.root)
    output = args.output or default_output(name, settings, path, run)
    check_new(output)

    from whet.export.card import card_of_run
    from whet.export.quantizing.quantize import quantize

    with _progress() as told:
        report = quantize(
            path, kind.build(**chosen), output, _wanted(args, run), card_of_run(run) if run else None, told
        )
    if report is not None:
        print(report.text(), file=sys.stderr)
    print(output)
    return 0


def _wanted(args: argparse.Namespace, run: Path | None) -> Any:
    from whet.base.errors import ConfigError
    from whet.export.quantizing.calibration import Rows, run_data
    from whet.export.quantizing.quantize import Wanted
    from whet.export.sizes import parse_size
    from whet.export.writing import DTYPES

    if args.samples < 1 or args.length < 2:
        raise ConfigError(f"{args.samples} samples of {args.length} tokens say nothing", hint="--samples 128")
    data = args.data or (run_data(run) if run else [])
    return Wanted(
        Rows(data, args.samples, args.length),
        args.held_out,
        tuple(args.keep),
        DTYPES.get(args.dtype),
        parse_size(args.shard_size),
        args.device,
        not args.no_check,
    )


def _kind(words: list[str]) -> tuple[str, dict[str, Any]]:
    from whet.base.errors import ConfigError
    from whet.base.yaml import parse_value

    name, *given = words
    settings: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"`{text}` is not a setting", hint="write KEY=VALUE, such as bits=4")
        settings[key] = "off" if value == "off" else parse_value(value)
    return name, settings


@contextmanager
def _progress() -> Iterator[Told]:
    """A bar on stderr while it takes, if someone is looking."""
    if not sys.stderr.isatty():
        from whet.export.quantizing.coding import untold

        yield untold
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        row = bar.add_task("quantizing")
        yield lambda done, total: bar.update(row, completed=done, total=total)

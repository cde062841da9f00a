"""`whet quantize`: write a model with fewer bits a weight, with perplexity before and after."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from whet.cli.arguments import whole
from whet.cli.kinds import add_kind_argument, named
from whet.cli.plugins import add_plugin_argument
from whet.cli.progress import progress
from whet.cli.written import add_file_arguments, add_place_arguments, place, tell


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="run, its name, model or adapter folder, or hub id")
    add_kind_argument(
        parser,
        "--kind",
        "quantizer",
        "gptq",
        "way of quantizing and its settings, such as `gptq bits=4 group=64`",
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
    parser.add_argument("--samples", type=whole(1), default=128, help="samples to calibrate on, and to measure on")
    parser.add_argument("--length", type=whole(2), default=2048, help="tokens a sample (default: 2048)")
    parser.add_argument(
        "--keep",
        action="append",
        default=[],
        metavar="REGEX",
        help="linear layers with it in their name stay as they are; repeatable",
    )
    add_file_arguments(parser, "of all else", "a block and its activations")
    add_place_arguments(parser, "KIND")
    add_plugin_argument(parser)


def main(args: argparse.Namespace) -> int:
    from whet.base.catalogue import quantizer
    from whet.base.chosen import checked
    from whet.models.loading.find import find_model, find_run

    name, settings = named(args.kind, "bits=4", _value)
    kind = quantizer.get(name)
    chosen = checked(kind, settings)
    path, run = find_model(args.model, args.root), find_run(args.model, args.root)
    output = place(args, name, settings, path, run)

    from whet.export.card import card_of_run
    from whet.export.quantizing.coding import untold
    from whet.export.quantizing.quantize import quantize
    from whet.models.checkpoints.door import read_by_others

    wanted = _wanted(args, run)
    with progress("quantizing") as told, read_by_others(path):
        report = quantize(path, kind.build(**chosen), output, wanted, card_of_run(run) if run else None, told or untold)
    tell(report, output)
    return 0


def _wanted(args: argparse.Namespace, run: Path | None) -> Any:
    from whet.export.quantizing.calibration import Rows, run_data
    from whet.export.quantizing.quantize import Wanted
    from whet.export.sizes import parse_size
    from whet.export.writing import DTYPES

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


def _value(text: str) -> Any:
    """A value as in a config, but for `off`, which is a word here and false there."""
    from whet.base.yaml import parse_value

    return text if text == "off" else parse_value(text)

"""`whet export`: write a model in another format, with proof that it is the same model."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="run, its name, model or adapter folder, hub id, or ZeRO checkpoint")
    parser.add_argument(
        "--to",
        nargs="+",
        default=["hf"],
        metavar=("NAME", "KEY=VALUE"),
        help="format and its settings, such as `--to hf dtype=bf16 shard_size=500MB` (default: hf); "
        "`whet slots exporter` lists formats, `whet slots exporter NAME` settings",
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="a new folder (default: exports/FORMAT in the run)")
    parser.add_argument(
        "--like", metavar="MODEL", help="config and tokenizer of a DeepSpeed checkpoint, where they are not beside it"
    )
    parser.add_argument("--device", default="cpu", help="where both models run to be compared (default: cpu)")
    parser.add_argument("--root", type=Path, default=Path("runs"), help="folder of run folders (default: runs)")


def main(args: argparse.Namespace) -> int:
    from whet.base.catalogue import exporter
    from whet.export.exporting import check_new, checked, default_output, export
    from whet.export.source import find_source, read_source

    name, settings = _format(args.to)
    checked(exporter.get(name), settings)  # before the model is loaded
    path, run = find_source(args.model, args.root)
    output = args.output or default_output(name, settings, path, run)
    check_new(output)
    source = read_source(args.model, device=args.device, root=args.root, like=args.like)
    report = export(name, settings, source, output)
    print(report.text(), file=sys.stderr)
    print(output)
    return 0


def _format(words: list[str]) -> tuple[str, dict[str, Any]]:
    from whet.base.errors import ConfigError

    name, *given = words
    settings: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"`{text}` is not a setting", hint="write KEY=VALUE, such as dtype=bf16")
        settings[key] = value
    return name, settings

"""`whet export`: write a model in another format, with proof that it is the same model."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from whet.cli.kinds import add_kind_argument, named
from whet.cli.written import add_place_arguments, place, tell

if TYPE_CHECKING:
    from whet.track.recorded.checkpoint_names import CheckpointName


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="run, its name, RUN@STEP, model or adapter folder, hub id, or ZeRO checkpoint")
    add_kind_argument(
        parser, "--to", "exporter", "hf", "format and its settings, such as `--to hf dtype=bf16 shard_size=500MB`"
    )
    parser.add_argument(
        "--like", metavar="MODEL", help="config and tokenizer of a DeepSpeed checkpoint, where they are not beside it"
    )
    add_place_arguments(parser, "FORMAT")


def main(args: argparse.Namespace) -> int:
    from whet.base.catalogue import exporter
    from whet.base.chosen import checked
    from whet.export.exporting import export
    from whet.export.source import find_source, read_source
    from whet.models.checkpoints.door import read_by_others
    from whet.track.recorded.checkpoint_names import checkpoint_named

    name, settings = named(args.to, "dtype=bf16", str)
    checked(exporter.get(name), settings)  # before the model is loaded
    if checkpoint := checkpoint_named(args.model, args.root):
        return _of_checkpoint(args, checkpoint, name, settings)
    path, run = find_source(args.model, args.root)
    output = place(args, name, settings, path, run)
    with read_by_others(args.model):
        source = read_source(args.model, device=args.device, root=args.root, like=args.like)
    tell(export(name, settings, source, output), output)
    return 0


def _of_checkpoint(args: argparse.Namespace, named: CheckpointName, kind: str, settings: dict[str, Any]) -> int:
    from whet.base.errors import ConfigError
    from whet.export.exporting import export
    from whet.train.checkpoint_model import checkpoint_source, find_checkpoint

    if args.like is not None:
        raise ConfigError(f"{args.model} is no checkpoint of DeepSpeed", at="--like", hint="leave --like out")
    folder = find_checkpoint(named, args.root)
    output = place(args, f"{folder.name}-{kind}", settings, args.model, folder.parent.parent)
    tell(export(kind, settings, checkpoint_source(named, device=args.device, root=args.root), output), output)
    return 0

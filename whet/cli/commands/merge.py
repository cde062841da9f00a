"""`whet merge`: fold adapters and other models into a model, piece by piece."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from whet.cli.arguments import number, whole
from whet.cli.written import add_file_arguments, add_place_arguments, place, tell

if TYPE_CHECKING:
    from whet.export.merging import Part


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="the base, or an adapter on its own base: run, its name, folder, or hub id")
    parser.add_argument(
        "--adapter",
        action="append",
        default=[],
        metavar="A=WEIGHT",
        help="an adapter to fold in, and how much of it (default: 1); repeatable",
    )
    parser.add_argument(
        "--other",
        action="append",
        default=[],
        metavar="MODEL=WEIGHT",
        help="a whole model of the same architecture to fold in; repeatable",
    )
    parser.add_argument(
        "--method",
        choices=["linear", "ties", "dare", "dare-ties", "svd", "slerp"],
        default="linear",
        help="how several become one (default: linear, the weighted sum of what they change)",
    )
    parser.add_argument("--density", type=number(), default=0.5, help="share that ties and dare keep (default: 0.5)")
    parser.add_argument("--rank", type=whole(1), default=16, help="rank that svd cuts the sum to (default: 16)")
    parser.add_argument("--seed", type=whole(0), default=0, help="what dare drops (default: 0)")
    add_file_arguments(parser, "cast the weights", "a shard and a layer")
    add_place_arguments(parser, "merged")


def main(args: argparse.Namespace) -> int:
    from whet.export.card import card_of_run
    from whet.export.merging import merge_models
    from whet.export.sizes import parse_size
    from whet.export.writing import DTYPES
    from whet.models.checkpoints.door import read_by_others
    from whet.models.loading.find import find_model, find_run
    from whet.models.merging.combine import Recipe

    path, run = find_model(args.model, args.root), find_run(args.model, args.root)
    output = place(args, "merged", {}, path, run)
    base, parts = _parts(path, args)
    shard_bytes = parse_size(args.shard_size)
    with read_by_others(" and ".join([base, *(part.path for part in parts)])):
        report = merge_models(
            base,
            parts,
            output,
            Recipe(args.method, args.density, args.rank, args.seed),
            dtype=DTYPES.get(args.dtype),
            shard_bytes=shard_bytes,
            card=card_of_run(run) if run else None,
            device=args.device,
            check=not args.no_check,
        )
    tell(report, output)
    return 0


def _parts(path: str, args: argparse.Namespace) -> tuple[str, list[Part]]:
    """The base and what is folded in. An adapter given alone goes into the base that it names."""
    from whet.base.errors import ConfigError
    from whet.export.merging import Part
    from whet.models.tuning.adapter_files import base_of, is_adapter

    parts = []
    for text, wants_adapter in [*((a, True) for a in args.adapter), *((m, False) for m in args.other)]:
        folder, weight = _weighted(text, args.root)
        if is_adapter(folder) != wants_adapter:
            flag, what = ("--other", "a whole model") if wants_adapter else ("--adapter", "an adapter")
            raise ConfigError(f"{folder} is {what}", hint=f"{flag} {text}")
        parts.append(Part(folder, weight))
    if parts:
        return path, parts
    if not is_adapter(path):
        raise ConfigError(
            f"{path} is a whole model, and nothing is to be merged in",
            hint="--adapter runs/chat, or another adapter's folder",
        )
    return base_of(path), [Part(path)]


def _weighted(text: str, root: Path) -> tuple[str, float]:
    """`folder=0.5` as the folder and the weight; a run's name stands for its model."""
    from whet.base.errors import ConfigError
    from whet.models.loading.find import find_model

    name, equals, number = text.rpartition("=")
    if not equals:
        return find_model(text, root), 1.0
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if not math.isfinite(weight):
        raise ConfigError(f"`{number}` is no weight", hint=f"write it as {name}=0.5")
    return find_model(name, root), weight

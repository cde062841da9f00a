"""`whet export`: write a run's model as a plain folder, with proof that it is the same model."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whet.export.report import Report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="run folder, name of a run, model folder, or hub id")
    parser.add_argument("--to", choices=["hf"], default="hf", help="format: a transformers folder")
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="a new folder (default: exports/hf-DTYPE in the run)"
    )
    parser.add_argument("--dtype", choices=["bf16", "fp16", "fp32"], help="cast the weights (default: as they are)")
    parser.add_argument(
        "--shard-size", default="5GB", metavar="SIZE", help="largest file, such as 500MB (default: 5GB)"
    )
    parser.add_argument("--device", default="cpu", help="where both models run to be compared (default: cpu)")
    parser.add_argument("--root", type=Path, default=Path("runs"), help="folder of run folders (default: runs)")


def main(args: argparse.Namespace) -> int:
    from whet.generate.models import find_model, find_run

    path, run = find_model(args.model, args.root), find_run(args.model, args.root)
    output = args.output or _default_output(path, run, args.dtype)
    _check_new(output)
    report = _export(args, path, run, output)
    print(report.text(), file=sys.stderr)
    print(output)
    return 0


def _export(args: argparse.Namespace, path: str, run: Path | None, output: Path) -> Report:
    from whet.export.card import Card, card_of_run
    from whet.export.report import compare, observe
    from whet.export.writing import parse_dtype, write_model
    from whet.generate.models import load_model, stored_dtype

    size = parse_size(args.shard_size)
    # Half precision is exact in fp32 and back, so an export without --dtype does not change a bit.
    loaded = load_model(path, device=args.device, dtype="fp32", root=args.root)
    module, tokenizer = loaded.module, loaded.processor
    trained = observe(module, tokenizer)
    report = write_model(
        output,
        module,
        module.config,
        tokenizer,
        generation_config=module.generation_config,
        card=card_of_run(run) if run else Card(Path(path).name),
        dtype=parse_dtype(args.dtype) if args.dtype else stored_dtype(path),
        shard_bytes=size,
        check=lambda folder: compare(trained, folder, device=args.device),
    )
    assert report is not None
    return report


def parse_size(text: str) -> int:
    """`500MB` in bytes; units of 1000."""
    from whet.base.errors import ConfigError

    units = {"GB": 10**9, "MB": 10**6, "KB": 10**3, "B": 1}
    number, unit = text.upper(), 1
    for name, factor in units.items():
        if number.endswith(name):
            number, unit = number.removesuffix(name), factor
            break
    try:
        size = int(float(number) * unit)
    except (ValueError, OverflowError):
        size = 0
    if size < 1:
        raise ConfigError(f"`{text}` is not a size", hint="--shard-size 5GB")
    return size


def _default_output(path: str, run: Path | None, dtype: str | None) -> Path:
    name = f"hf-{dtype}" if dtype else "hf"
    return run / "exports" / name if run else Path(f"{Path(path).name}-{name}")


def _check_new(output: Path) -> None:
    from whet.base.errors import ConfigError

    if output.exists():
        raise ConfigError(f"{output} exists already", hint=f"--output {output}-2")

"""What commands that write a model share: where it goes, and what is said of it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whet.cli.arguments import add_root, typed_path

if TYPE_CHECKING:
    from whet.export.report import Report


def add_place_arguments(parser: argparse.ArgumentParser, within: str) -> None:
    """Where the model goes, and where runs are; `within` is the folder in a run."""
    parser.add_argument(
        "--output", type=typed_path, metavar="DIR", help=f"a new folder (default: exports/{within} in the run)"
    )
    parser.add_argument("--device", default="cpu", help="where models run (default: cpu)")
    add_root(parser)


def add_file_arguments(parser: argparse.ArgumentParser, cast: str, without: str) -> None:
    """Dtype and shards of the files, and whether they are compared with the original."""
    parser.add_argument("--dtype", choices=["fp32", "bf16", "fp16"], help=f"{cast} (default: as they are)")
    parser.add_argument("--shard-size", default="5GB", metavar="SIZE", help="largest file (default: 5GB)")
    parser.add_argument(
        "--no-check",
        action="store_true",
        help=f"write no report, which loads the model whole: {without} are then all that is held",
    )


def place(args: argparse.Namespace, name: str, settings: Mapping[str, Any], path: str, run: Path | None) -> Path:
    """The folder to be written. Raises ConfigError where there is something already."""
    from whet.export.exporting import check_new, default_output

    output = args.output or default_output(name, settings, path, run)
    check_new(output)
    check_writable(output)
    return output


def check_writable(output: Path, *, is_file: bool = False) -> None:
    """Raise ConfigError, before any work, where a file or folder of this name could not be written in the end.

    What exists of the path is tried with a file that is removed again.
    """
    import tempfile

    from whet.base.errors import ConfigError

    if is_file and output.is_dir():
        raise ConfigError(f"{output} is a folder", at="--output", hint=f"--output {output}/result.json")
    place = output.absolute().parent if is_file else output.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        said = (error.strerror or str(error)).lower()
        hint = "--output with a place that you may write to"
        raise ConfigError(f"{output} cannot be written: {said}", at=str(place), hint=hint) from None


def tell(report: Report | None, output: Path) -> None:
    """The report on stderr, and the folder on stdout."""
    if report is not None:
        print(report.text(), file=sys.stderr)
    print(output)

"""What commands that write a model share: where it goes, and what is said of it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whet.export.report import Report


def add_place_arguments(parser: argparse.ArgumentParser, within: str) -> None:
    """Where the model goes, and where runs are; `within` is the folder in a run."""
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help=f"a new folder (default: exports/{within} in the run)"
    )
    parser.add_argument("--device", default="cpu", help="where models run (default: cpu)")
    parser.add_argument("--root", type=Path, default=Path("runs"), help="folder of run folders (default: runs)")


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
    return output


def tell(report: Report | None, output: Path) -> None:
    """The report on stderr, and the folder on stdout."""
    if report is not None:
        print(report.text(), file=sys.stderr)
    print(output)

"""`whet train`: a new run from a config or flags, or the continuation of a run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

FLAGS = ("model", "data", "objective", "tuner", "name")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target", nargs="*", help="a config (run.yaml), a run to continue, and section.key=value overrides"
    )
    parser.add_argument("--model", help="model folder or hub id")
    parser.add_argument("--data", nargs="+", help="files, folders or data set ids; FILE#5000 takes 5,000 rows")
    parser.add_argument("--objective", help="such as sft or pretrain")
    parser.add_argument("--tuner", help="such as full")
    parser.add_argument("--name", help="name of the run")


def main(args: argparse.Namespace) -> int:
    from whet.base.config import load
    from whet.base.errors import RunError

    overrides = [t for t in args.target if "=" in t]
    targets = [t for t in args.target if "=" not in t]
    flags: dict[tuple[str | int, ...], Any] = {(f,): v for f in FLAGS if (v := getattr(args, f)) is not None}
    if "data" in args and args.data:
        flags[("data", "train")] = flags.pop(("data",))
    if len(targets) > 1:
        raise RunError(f"one config or run at a time, not {len(targets)}", hint="give data with --data")
    run = _run_folder(targets[0]) if targets else None
    if run is None:
        loaded = load(Path(targets[0]) if targets else None, overrides, flags)
        return _report(*_train(loaded))
    if overrides or flags:
        raise RunError("a run continues with the config it was started with", hint="start a new run to change settings")
    return _report(*_resume(run))


def _run_folder(target: str) -> Path | None:
    """The run folder that `target` names, by path or by name under runs/."""
    for path in (Path(target), Path("runs") / target):
        if (path / "config.yaml").is_file():
            return path
    return None


def _train(loaded):
    from whet.train.api import train

    return train(loaded)


def _resume(path: Path):
    from whet.train.api import resume

    return resume(path)


def _report(folder, ended) -> int:
    import os
    import sys

    if os.environ.get("RANK", "0") == "0":
        print(f"{ended.outcome} at step {ended.step}: {ended.reason}", file=sys.stderr)
        print(f"run:   {folder.path}   (whet show {folder.name})", file=sys.stderr)
        if folder.model.exists():
            print(f"model: {folder.model}   (whet chat {folder.model})", file=sys.stderr)
    return {"done": 0, "early_stop": 0, "stopped": 0}.get(ended.outcome, 1)

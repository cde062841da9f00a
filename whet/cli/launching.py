"""What `whet train --ranks` does: start the ranks of a run as processes, and begin anew when one is gone."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whet.base.run import Run


def launched(args: argparse.Namespace, run: Run, overrides: Sequence[str]) -> int | None:
    """Run the command in ranks that this process watches, and give its exit code; None where it is to run here.

    It is where `--ranks` asks for it, or `train.restarts` does, and this process is no rank itself. Raises ConfigError
    where the mesh does not fit so many ranks.
    """
    from whet.base.errors import ConfigError
    from whet.parallel.sizes import mesh_sizes
    from whet.train.ranks.launcher import Launcher, processes
    from whet.train.ranks.notes import is_launched

    if is_launched():
        return None
    if "WORLD_SIZE" in os.environ:
        if args.ranks is not None:
            said = f"`--ranks {args.ranks}` starts ranks, and this process is one of {os.environ['WORLD_SIZE']} already"
            raise ConfigError(said, at="command line", hint=f"{shlex.join(['whet', *sys.argv[1:]])}, without torchrun")
        if run.train.restarts and os.environ.get("RANK", "0") == "0":
            print("warning: torchrun starts ranks anew, not train.restarts: --max-restarts", file=sys.stderr)
        return None
    if args.ranks is None and not run.train.restarts:
        return None
    ranks = args.ranks or 1
    mesh_sizes(run.parallel, ranks)
    if ranks > 1:  # which import torch for many seconds, each, before one of them says a word
        print(f"starting {ranks} ranks", file=sys.stderr, flush=True)
    go_on = [word for word in overrides if is_of_mesh(word)]
    return Launcher(
        ranks, run.train.restarts, processes(words(args)), lambda folder: processes(["train", str(folder), *go_on])
    ).run()


def is_of_mesh(override: str) -> bool:
    """Whether an override is of `parallel`, one setting or all: the only ones that a run may be continued with."""
    return override.startswith(("parallel.", "parallel="))


def begun_before(run: Run) -> Path | None:
    """The run's folder, where torchrun has started these ranks anew: the same command then goes on with its run."""
    if not int(os.environ.get("TORCHELASTIC_RESTART_COUNT") or "0") or run.name is None:
        return None
    folder = Path(run.track.folder).resolve() / run.name
    return folder if (folder / "config.yaml").is_file() else None


def words(args: argparse.Namespace) -> list[str]:
    """What to type for the same run in one rank."""
    found = ["train", *args.target]
    for name in ("model", "objective", "tuner", "name"):
        if (value := getattr(args, name)) is not None:
            found += [f"--{name}", str(value)]
    return [*found, "--data", *args.data] if args.data is not None else found

"""`whet train`: a new run from a config or flags, or the continuation of a run."""

from __future__ import annotations

import argparse
import os
import re
import shlex
from pathlib import Path
from typing import Any

from whet.cli.arguments import whole
from whet.cli.exit_codes import FAILED, OF_OUTCOMES

FLAGS = ("model", "data", "objective", "tuner", "name")
_OF_CONFIGS = (".yaml", ".yml")
_OF_DATA = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".arrow", ".feather", ".txt", ".md")
_OF_WEIGHTS = (".safetensors", ".bin", ".gguf", ".pt")
_OF_MODELS = ("config.json", "adapter_config.json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target", nargs="*", help="a config (run.yaml), a run to continue, and section.key=value overrides"
    )
    parser.add_argument("--model", help="model folder, run folder, name of a run, or hub id")
    parser.add_argument(
        "--data", nargs="+", action="extend", help="files, folders or data set ids; FILE#5000 takes 5,000 rows"
    )
    parser.add_argument("--objective", help="such as sft or pretrain")
    parser.add_argument("--tuner", help="such as full")
    parser.add_argument("--name", help="name of the run")
    parser.add_argument(
        "--ranks",
        type=whole(1, 1024),
        metavar="N",
        help="start so many processes on this machine, which share the work",
    )
    parser.add_argument("--dry-run", action="store_true", help="check everything, print who would hold what, and stop")


def main(args: argparse.Namespace) -> int:
    from whet.track.logs.watched import watched

    if args.dry_run:
        return _main(args)

    with watched():
        return _main(args)


def _main(args: argparse.Namespace) -> int:
    from whet.base.config import load
    from whet.base.errors import RunError
    from whet.base.paths import user_path
    from whet.cli.launching import begun_before, is_of_mesh, launched
    from whet.data.sources.given import check_given
    from whet.track.reading.store import find, free_name

    words = [*args.target, *(args.data or [])]
    overrides = [word for word in words if _is_override(word)]
    targets = [word for word in args.target if not _is_override(word)]
    flags: dict[tuple[str | int, ...], Any] = {(f,): v for f in FLAGS if (v := getattr(args, f)) is not None}
    if args.data is not None:
        flags[("data", "train")] = [word for word in flags.pop(("data",)) if not _is_override(word)]
    if len(targets) > 1:
        raise RunError(f"one config or run at a time, not {len(targets)}", hint=f"--data {' '.join(targets[1:])}")
    if targets:
        _refuse_other(targets[0], args.model or "Qwen/Qwen3-0.6B", (args.data or ["chat.jsonl"])[0])
    if not targets or _is_config(targets[0]):
        loaded = load(Path(targets[0]) if targets else None, overrides, flags)
        check_given(loaded.run.data)
        if not args.dry_run and (code := launched(args, loaded.run, overrides)) is not None:
            return code
        if (folder := begun_before(loaded.run)) is not None and not args.dry_run:
            return _report(*_resume(folder, [word for word in overrides if is_of_mesh(word)]))
        return _dry(loaded) if args.dry_run else _report(*_train(loaded))
    run = find(str(user_path(targets[0], at="command line")))
    if flags or not all(is_of_mesh(word) for word in overrides):
        given = shlex.join([*_flags_typed(args), *(word for word in overrides if not word.startswith("name="))])
        weights = f"; model={run} beside it goes on from its weights" if (run / "model").is_dir() else ""
        raise RunError(
            "a run continues with the config it was started with, on any mesh of ranks",
            at="command line",
            hint=f"a new run: whet train {run / 'config.yaml'} {given} name={free_name(run)}{weights}",
        )
    if args.dry_run:
        return _dry(load(run / "config.yaml", overrides))
    begun = load(run / "config.yaml", overrides).run if (run / "config.yaml").is_file() else None
    if begun is not None and (code := launched(args, begun, overrides)) is not None:
        return code
    return _report(*_resume(run, overrides))


def _is_override(word: str) -> bool:
    """Whether a word is `section.key=value`, wherever it stands: `--data` takes all words that follow it."""
    return re.match(r"\w+(\.\w+)*=", word) is not None and not os.path.exists(word)  # no name is too long


def _is_config(target: str) -> bool:
    """Whether `target` is a config; what is no file is the name or the folder of a run."""
    from whet.base.paths import user_path

    path = user_path(target, at="command line")
    return path.is_file() or path.suffix in _OF_CONFIGS


def _refuse_other(target: str, model: str, data: str) -> None:
    """Raise RunError for a file of data, and for a model or its weights, with the command that they were meant for."""
    from whet.base.errors import RunError
    from whet.base.paths import user_path
    from whet.data.sources.opened import ending
    from whet.track.reading.store import is_run

    path = user_path(target, at="command line")
    if path.is_file() and path.suffix not in _OF_CONFIGS and ending(path) in _OF_DATA and not _is_mapping(path):
        raise RunError(
            f"`{target}` is data, and no config", at="command line",
            hint=f"whet train --model {shlex.quote(model)} --data {shlex.quote(target)}",
        )  # fmt: skip
    folder = path.parent if path.is_file() and path.suffix in _OF_WEIGHTS else path
    if folder.is_dir() and not is_run(folder) and any((folder / name).is_file() for name in _OF_MODELS):
        raise RunError(
            f"`{target}` is a model, and no config", at="command line",
            hint=f"whet train --model {shlex.quote(str(folder))} --data {shlex.quote(data)}",
        )  # fmt: skip


def _is_mapping(path: Path) -> bool:
    """Whether a `.json` holds what a config might: one object, and not a line for each row."""
    import json

    from whet.base.config import LARGEST_BYTES

    if path.suffix != ".json" or path.stat().st_size > LARGEST_BYTES:
        return False
    try:
        return isinstance(json.loads(path.read_text(encoding="utf-8-sig")), dict)
    except (OSError, ValueError, RecursionError):
        return True  # what is wrong with it is told where it is read


def _flags_typed(args: argparse.Namespace) -> list[str]:
    """The flags as they were typed, but for the name."""
    given = {flag: getattr(args, flag) for flag in FLAGS if flag != "name" and getattr(args, flag) is not None}
    return [word for flag, value in given.items() for word in (f"--{flag}", *([value] if flag != "data" else value))]


def _train(loaded):
    from whet.train.api import train

    return train(loaded, while_running=_kept)


def _dry(loaded) -> int:
    """Say who of the run's ranks would hold what; one of them says it for all."""
    from whet.train.dry_run import dry_run

    for line in dry_run(loaded):
        if os.environ.get("RANK", "0") == "0":
            print(line)
    return 0


def _resume(path: Path, overrides: list[str]):
    from whet.train.api import resume

    return resume(path, _kept, overrides)


def _kept(built):
    """What this process prints from now on is kept in the run."""
    from whet.track.reading.store import LOGS
    from whet.train.record.build import console_of

    return console_of(built.trained.run.track, built.folder.path / LOGS, built.world, built.loop.step)


def _report(folder, ended) -> int:
    import os
    import sys

    from whet.track.diagnosis.diagnose import briefly

    if os.environ.get("RANK", "0") == "0":
        print(f"{ended.outcome} at step {ended.step}: {ended.reason}", file=sys.stderr)
        if found := briefly(folder.path):
            print(f"diagnosis:   (whet diagnose {folder.name})", *found, sep="\n  ", file=sys.stderr)
        on = f"; whet train {folder.name} goes on" if ended.outcome == "stopped" else ""
        print(f"run:   {folder.path}   (whet show {folder.name}{on})", file=sys.stderr)
        if folder.model.exists():
            print(f"model: {folder.model}{_use(folder.model)}", file=sys.stderr)
    return OF_OUTCOMES.get(ended.outcome, FAILED)


def _use(model: Path) -> str:
    """What to type for the model next; it writes answers where it says how they end."""
    if (model / "generation_config.json").is_file():
        return f"   (whet chat {model})"
    config, is_text = model / "config.json", (model / "tokenizer_config.json").is_file()
    fills_masks = config.is_file() and 'ForMaskedLM"' in config.read_text(encoding="utf-8")  # no task measures that
    return f"   (whet evaluate {model} --task ...)" if is_text and not fills_masks else ""

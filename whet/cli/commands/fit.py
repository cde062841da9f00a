"""`whet fit`: how a model can be trained on a card, of all ways that there are, and a config of the one taken."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whet.cli import exit_codes
from whet.cli.arguments import number, typed_path, whole
from whet.cli.commands.plan import MOST_GPUS, add_measured_argument, asked_of, is_config, told_apart
from whet.cli.plugins import add_plugin_argument

if TYPE_CHECKING:
    from whet.plan.search import Found, Way


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", nargs="*", help="a model or a run.yaml, and section.key=value overrides")
    parser.add_argument("--gpu", metavar="NAME", help="such as rtx-4090 (default: what this machine has)")
    parser.add_argument(
        "--gpus", type=whole(1, MOST_GPUS), metavar="N", help="how many of them (default: 1, or all of this machine)"
    )
    parser.add_argument("--length", type=whole(1), metavar="TOKENS", help="of the longest sample (default: 2048)")
    parser.add_argument(
        "--tokens", type=number(1, 1e15), metavar="N", help="how many are to be learned from, for hours"
    )
    parser.add_argument("--price", type=number(0, 1e6), metavar="MONEY", help="of a card for an hour")
    parser.add_argument("--out", type=typed_path, metavar="RUN.YAML", help="write a config of the way that is taken")
    parser.add_argument("--json", action="store_true", help="print all ways for programs")
    add_measured_argument(parser)
    add_plugin_argument(parser)


def main(args: argparse.Namespace) -> int:
    from whet.base.mesh import Mesh
    from whet.plan.job import Job, check_covered
    from whet.plan.mesh import check_mesh, mesh_of
    from whet.plan.models.planned import PlannedModel
    from whet.plan.search import fitted

    if not args.target:
        return _possible(args)
    asked = asked_of(args)
    check_covered(asked.run, asked.config)
    model = PlannedModel.of(asked.name, asked.config)
    length = asked.longest(model.context)
    job = Job.of(asked.run, model, asked.card, Mesh(), length=length, micro=length)
    job = job.calibrated() if asked.measured else job
    train, told = asked.run.train, asked.run.parallel
    if (mesh := mesh_of(told, asked.gpus)) is not None:
        check_mesh(mesh, model, asked.gpus)
        job = job.on(mesh)
    found = fitted(job, asked.gpus, told, is_batch_open=train.batch_tokens is None and train.batch_samples is None)
    config = None if (taken := found.chosen()) is None else _config(args, asked.name, taken)
    if args.out:
        _write(args.out, config, f"whet fit --gpu {shlex.quote(asked.card.name)}" if args.gpu else "whet fit")
    if args.json:
        print(json.dumps(_to_dict(found, config), indent=1))
    else:
        print("\n".join(_lines(found, config, args, has_data=bool(asked.run.data.train))))
    return exit_codes.DONE if taken else exit_codes.OUT_OF_MEMORY


def _possible(args: argparse.Namespace) -> int:
    """Print which known models the card can answer with and train."""
    from dataclasses import asdict

    from whet.base.errors import ConfigError
    from whet.base.units import figure, size
    from whet.plan.hardware.cards import card
    from whet.plan.hardware.detected import detected
    from whet.plan.possible import possible

    for name in ("tokens", "price", "out"):
        if (given := getattr(args, name)) is not None:
            said = f"--{name} is of one model, and none was named"
            raise ConfigError(said, at=f"--{name}", hint=f"whet fit llama-3.1-8b --{name} {given}")
    chosen, count = (card(args.gpu), 1) if args.gpu is not None else detected()
    length = args.length or 2048
    rows = list(possible(chosen, args.gpus or count, length))
    if args.json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
        return exit_codes.DONE
    whats = list(dict.fromkeys(what for row in rows for what in row.train_bytes))
    num, usable = args.gpus or count, size(chosen.usable_bytes)
    print(f"{num} x {chosen.name}: {usable} that may be used; samples of {length:,} tokens")
    print(f"{'':24}{'size':>8}{'answers':>14}{'at once':>9}" + "".join(f"{what:>14}" for what in whats))
    for row in rows:
        answers, trains = (row.serve_bytes, row.conversations), (row.train_bytes.get(what) for what in whats)
        cells = [None if num is None or num > row.budget_bytes else size(num) for num in (answers[0], *trains)]
        cells.insert(1, f"{answers[1]:,}" if answers[1] else None)
        words = "".join(f"{cell or '-':>{9 if at == 1 else 14}}" for at, cell in enumerate(cells))
        print(f"{row.name:24}{figure(row.parameters):>8}{words}")
    print("memory of the leanest way, on the card that takes most; -: does not fit; whet fit MODEL says how")
    return exit_codes.DONE


def _lines(found: Found, config: str | None, args: argparse.Namespace, *, has_data: bool) -> Iterator[str]:
    from whet.base.units import figure, size
    from whet.plan.typed import command

    taken = found.chosen()
    if taken is not None:
        yield f"{'':2}{'at least':>11}{'at once':>9}{'tokens/s':>10}   {_how(found)}"
    for what, ways in found.shown().items():
        yield f"  {what}:"
        for way in ways:
            mark, rate = ">" if way is taken else " ", figure(way.tokens_per_s) if way.speed else "?"
            yield f"{mark} {size(way.least.peak.total):>11}{way.job.micro:>9,}{rate:>10}   {way}"
    if taken is not None:
        yield ""
        yield "at least: memory with one sample at once; at once: the most tokens that fit"
        yield "> is taken: all weights where that fits, else adapters (LoRA), else these beside packed weights (QLoRA);"
        yield "of what learns the same the way that narrows numbers least, then the fastest"
        if beaten := len(found.fitting) - len(found.front):
            of = len(found.fitting)
            yield f"{beaten} of {of} that fit are beaten: another learns the same with less memory, or faster"
    if reasons := found.reasons():
        yield "\ndo not fit, of each the one that lacks least:"
        for what, count, way in reasons:
            yield f"  {what} ({count} way{'s' if count > 1 else ''}): {way.why_not}"
    if taken is not None and config is not None:
        data = [] if has_data else ["--data", "chat.jsonl"]
        typed = command([str(args.out or "run.yaml"), *data], taken.job.mesh)
        yield "\n" + (f"written: {args.out}; type: {typed}" if args.out else config.rstrip())
        if args.tokens:
            yield "\n" + _bill(taken, args)


def _how(found: Found) -> str:
    """Where the rates of what is shown are from."""
    hows = dict.fromkeys(way.speed.how for ways in found.shown().values() for way in ways if way.speed is not None)
    return "; ".join(hows) or "no rate of the card is known"


def _bill(way: Way, args: argparse.Namespace) -> str:
    from whet.base.units import figure
    from whet.plan.speed import bill

    if way.speed is None:
        return "no rate of the card is known, so neither are hours"
    found = bill(way.job, way.speed, args.tokens, args.price)
    price = f", {figure(found.price)} at {args.price:g} a card and hour" if found.price is not None else ""
    energy = f", {figure(found.energy_kwh)} kWh" if found.energy_kwh is not None else ""
    return f"{figure(args.tokens)} tokens take {figure(found.hours)} hours{energy}{price}"


def _to_dict(found: Found, config: str | None) -> dict[str, Any]:
    from whet.plan.search import way_dict

    taken = found.chosen()
    return {
        "chosen": None if taken is None else way_dict(taken), "config": config,
        "front": [way_dict(way) for way in found.front], "rejected": [way_dict(way) for way in found.rejected],
        "beaten": len(found.fitting) - len(found.front),
    }  # fmt: skip


def _config(args: argparse.Namespace, name: str, taken: Way) -> str:
    """The config of the way that is taken: what was given, and what was found, without any default."""
    from whet.base.config import load

    target, overrides = told_apart(args.target)
    is_file = is_config(target)
    name = str(Path(name).parent) if Path(name).name == "config.json" and Path(name).is_file() else name
    words = [*overrides, *taken.settings()]
    return load(Path(target) if is_file else None, words, {} if is_file else {("model", "path"): name}).short_yaml()


def _write(path: Path, config: str | None, known: str) -> None:
    """Raises ConfigError where no way fits, which a list of `known` models follows, or the file is there."""
    from whet.base.errors import ConfigError

    if config is None:
        said = "no way to train the model fits, so there is nothing to write"
        raise ConfigError(said, at="--out", hint=f"{known} lists the models that do")
    if path.is_dir():
        raise ConfigError(f"{path} is a folder", at="--out", hint=f"--out {path / 'run.yaml'}")
    if path.exists():
        raise ConfigError(f"{path} is there already", at="--out", hint=f"--out {path.stem}-2{path.suffix or '.yaml'}")
    try:
        path.write_text(config, encoding="utf-8")
    except OSError as error:
        hint = f"mkdir -p {path.parent}" if not path.parent.exists() else "--out run.yaml"
        raise ConfigError(f"{path} cannot be written: {error.strerror}", at="--out", hint=hint) from None

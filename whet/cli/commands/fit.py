"""`whet fit`: how a model can be trained on a card, of all ways that there are, and a config of the one taken."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whet.cli.arguments import number
from whet.cli.commands.plan import asked_of
from whet.cli.plugins import add_plugin_argument

if TYPE_CHECKING:
    from whet.plan.search import Found, Way


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", nargs="*", help="a model or a run.yaml, and section.key=value overrides")
    parser.add_argument("--gpu", metavar="NAME", help="such as rtx-4090 (default: what this machine has)")
    parser.add_argument("--gpus", type=int, metavar="N", help="how many of them (default: 1, or all of this machine)")
    parser.add_argument("--length", type=int, metavar="TOKENS", help="of the longest sample (default: 2048)")
    parser.add_argument(
        "--tokens", type=number(1, 1e15), metavar="N", help="how many are to be learned from, for hours"
    )
    parser.add_argument("--price", type=number(0, 1e6), metavar="MONEY", help="of a card for an hour")
    parser.add_argument("--out", metavar="RUN.YAML", help="write a config of the way that is taken")
    parser.add_argument("--json", action="store_true", help="print all ways for programs")
    add_plugin_argument(parser)


def main(args: argparse.Namespace) -> int:
    from whet.plan.job import Job, check_covered
    from whet.plan.mesh import Mesh
    from whet.plan.models.planned import PlannedModel
    from whet.plan.search import fitted

    asked = asked_of(args)
    check_covered(asked.run, asked.config)
    model = PlannedModel.of(asked.name, asked.config)
    length = asked.longest(model.context)
    job = Job.of(asked.run, model, asked.card, Mesh(), length=length, micro=length)
    found = fitted(job, asked.gpus)
    if args.json:
        print(json.dumps(_to_dict(found), indent=1))
    else:
        print("\n".join(_lines(found, args)))
    if args.out:
        _write(Path(args.out), asked.name, found, args)
    return 0


def _lines(found: Found, args: argparse.Namespace) -> list[str]:
    from whet.base.units import figure, size

    taken, lines = found.chosen(), []
    if found.front:
        lines.append(f"{'':2}{'memory':>11}{'at once':>9}{'tokens/s':>10}  fastest first; estimated, not measured")
    for way in found.front:
        mark = "> " if way is taken else "  "
        rate = figure(way.tokens_per_s) if way.speed else "?"
        lines.append(f"{mark}{size(way.memory.peak.total):>11}{way.job.micro:>9,}{rate:>10}  {way}")
    if found.beaten:
        lines.append(f"{found.beaten} others fit, and one of these takes less memory and is as fast")
    if found.rejected:
        lines += ["", "do not fit:"]
        lines += [f"  {way}: {way.why_not}" for way in found.rejected]
    if taken is not None and args.tokens:
        lines += ["", _bill(taken, args)]
    return lines


def _bill(way: Way, args: argparse.Namespace) -> str:
    from whet.base.units import figure
    from whet.plan.speed import bill

    if way.speed is None:
        return "no rate of the card is known, so neither are hours"
    found = bill(way.job, way.speed, args.tokens, args.price)
    price = f", {figure(found.price)} at {args.price:g} a card and hour" if found.price is not None else ""
    energy = f", {figure(found.energy_kwh)} kWh" if found.energy_kwh is not None else ""
    return f"{figure(args.tokens)} tokens take {figure(found.hours)} hours{energy}{price}"


def _to_dict(found: Found) -> dict[str, Any]:
    def told(way: Way) -> dict[str, Any]:
        return {
            "settings": way.settings(), "fits": way.fits, "peak_bytes": round(way.memory.peak.total),
            "peak": str(way.memory.peak), "micro_batch": way.job.micro,
            "tokens_per_s": way.tokens_per_s if way.speed else None, "why_not": None if way.fits else way.why_not,
        }  # fmt: skip

    taken = found.chosen()
    return {
        "chosen": None if taken is None else told(taken), "front": [told(way) for way in found.front],
        "rejected": [told(way) for way in found.rejected], "beaten": found.beaten,
    }  # fmt: skip


def _write(path: Path, name: str, found: Found, args: argparse.Namespace) -> None:
    """A config of the way that is taken. Raises ConfigError where none fits, or the file is there."""
    from whet.base.config import load
    from whet.base.errors import ConfigError

    taken = found.chosen()
    if taken is None:
        raise ConfigError("no way to train the model fits, so there is nothing to write", at="--out", hint="--gpus 8")
    if path.exists():
        raise ConfigError(f"{path} is there already", at="--out", hint=f"--out {path.stem}-2{path.suffix or '.yaml'}")
    overrides = [word for word in args.target if "=" in word]
    loaded = load(None, [*overrides, *taken.settings()], {("model", "path"): name})
    path.write_text(loaded.to_yaml(), encoding="utf-8")
    print(f"\nwritten: {path}; type: whet train {path} --data FILE")

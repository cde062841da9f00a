"""`whet advise`: what to train on data with a card: base model, tuner, epochs and time, each with its reason."""

from __future__ import annotations

import argparse
import json
import shlex
from dataclasses import asdict
from pathlib import Path

from whet.cli.arguments import number, whole
from whet.cli.commands.plan import MOST_GPUS, add_measured_argument, is_config
from whet.cli.plugins import add_plugin_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", metavar="DATA", help="file, folder or hub id; FILE#100 takes 100 rows by chance")
    parser.add_argument("--gpu", metavar="NAME", help="such as rtx-4090 (default: what this machine has)")
    parser.add_argument(
        "--gpus", type=whole(1, MOST_GPUS), metavar="N", help="how many of them (default: 1, or all of this machine)"
    )
    parser.add_argument("--hours", type=number(0.01, 1e5), default=12.0, help="that training may take (default: 12)")
    parser.add_argument("--length", type=whole(16), metavar="TOKENS", help="of the longest sample (default: as seen)")
    parser.add_argument("--format", help="data format (default: detected)")
    parser.add_argument("--json", action="store_true", help="print the advice for programs")
    add_measured_argument(parser)
    add_plugin_argument(parser)


def main(args: argparse.Namespace) -> int:
    from dataclasses import replace

    from whet.base.errors import ConfigError
    from whet.base.units import figure
    from whet.data.sources.files import Source
    from whet.plan.advice import advise
    from whet.plan.data_facts import data_facts
    from whet.plan.hardware.cards import card
    from whet.plan.hardware.detected import detected

    if is_config(args.data):
        raise ConfigError(f"{args.data} is a config, and no data", at="DATA", hint=f"whet fit {args.data}")
    source = Source.parse({"path": args.data, "format": args.format or "auto"}, Path())
    chosen, count = (card(args.gpu), 1) if args.gpu is not None else detected()
    data = data_facts(source)
    data = replace(data, longest=args.length) if args.length else data
    found = advise(data, chosen, args.gpus or count, args.hours, is_measured=not args.unmeasured)
    typed = found.command(args.data, args.format)
    if args.json:
        told = {
            "data": asdict(data), "settings": found.settings(), "epochs": found.epochs, "command": typed,
            "seconds": found.seconds(data), "peak_bytes": round(found.decided.memory.peak.total),
            "reasons": list(found.reasons),
        }  # fmt: skip
        print(json.dumps(told, indent=1))
        return 0
    print(
        f"{source.name}: {data.rows:,} rows of the kind `{data.kind}`, about {figure(data.tokens)} tokens, samples of "
        f"up to about {data.longest:,} (without a tokenizer); {data.share:.0%} of the letters are {data.script}"
    )
    if data.refused:
        look = shlex.join(["whet", "data", "inspect", args.data, "--model", found.decided.job.model.name])
        print(f"  {data.refused:,} of the rows that were looked at cannot be read: {look}")
    if data.is_labelled:
        other = shlex.join(["whet", "advise", args.data, "--format", "classified"])
        print(f"  texts have labels, of which raw text learns nothing; to tell classes: {other}")
    print("\n".join(f"  {reason}" for reason in found.reasons))
    print(f"\n{typed}")
    return 0

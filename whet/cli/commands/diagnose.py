"""`whet diagnose`: what went wrong in a run, with evidence, what to type, and where to look."""

from __future__ import annotations

import argparse

from whet.cli.arguments import add_root
from whet.cli.plugins import add_plugin_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="name or folder of a run")
    parser.add_argument(
        "words", nargs="*", metavar="RULE.SETTING=VALUE", help="settings of rules, such as loss-spike.factor=3"
    )
    add_root(parser)
    parser.add_argument("--rule", action="append", metavar="RULE", help="ask only this rule; repeatable")
    parser.add_argument("--language", choices=["en", "zh"], default="en", help="of what is said (default: en)")
    parser.add_argument("--json", action="store_true", help="print a JSON list, with texts in all languages")
    add_plugin_argument(parser)


def main(args: argparse.Namespace) -> int:
    from whet.track.diagnosis.diagnose import diagnose, finding_dict, settings_of
    from whet.track.diagnosis.page import page
    from whet.track.diagnosis.recorded_run import RecordedRun
    from whet.track.reading.store import find
    from whet.track.script.plain import to_json

    run = RecordedRun(find(args.run, args.root))
    found = diagnose(run, args.rule, settings_of(args.words))
    if args.json:
        print(to_json([finding_dict(run.name, one) for one in found]).decode())
    else:
        print(page(run.name, found, args.language))
    return 0

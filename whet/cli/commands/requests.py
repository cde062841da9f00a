"""`whet requests`: what becomes of recorded requests: scores of a sample, and rows to train on."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from whet.cli.arguments import add_root, number, typed_path, whole
from whet.cli.plugins import add_plugin_argument
from whet.cli.progress import waiting
from whet.cli.rewards import add_reward_arguments, rewards_of
from whet.cli.written import check_writable

_FORMS = ("chat", "preferences", "labels", "requests")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    score = verbs.add_parser("score", help="grade a sample by a judge, a reward model or any reward")
    export = verbs.add_parser("export", help="write them as rows, of which models learn")
    for one in (score, export):
        one.add_argument("run", help="the run that they were recorded in, by name or folder")
        one.add_argument("--filter", default="", metavar="FILTER", help="which ones, such as `answer_tokens > 5`")
    add_reward_arguments(score)
    score.add_argument(
        "--sample", type=number(0, 1), default=1.0, metavar="SHARE", help="of so many of them (default: 1, of all)"
    )
    score.add_argument("--limit", type=whole(1), metavar="N", help="the latest N at most (default: all)")
    score.add_argument(
        "--price", metavar="PROMPT,ANSWER", help="money for a million tokens of the judge, from which its cost is told"
    )
    export.add_argument(
        "--form", choices=_FORMS, default="chat",
        help="chat: conversations; preferences, labels: where people said something; requests: all that is known",
    )  # fmt: skip
    export.add_argument("--output", type=typed_path, required=True, metavar="FILE", help=".jsonl or .parquet")
    for one in (score, export):
        add_root(one)
    add_plugin_argument(score)


def main(args: argparse.Namespace) -> int:
    from whet.track.reading.store import find

    folder = find(args.run, args.root)
    return _score(args, folder) if args.verb == "score" else _export(args, folder)


def _score(args: argparse.Namespace, folder: Path) -> int:
    from whet.evaluate.request_scores import score_requests
    from whet.server.openai.observing.opening import price_of
    from whet.track.reading.query import parse

    price = None if args.price is None else price_of(args.price)
    with waiting("scoring") as told:
        found = score_requests(
            folder, rewards_of(args), parse(args.filter), share=args.sample, most=args.limit,
            price=None if price is None else lambda prompt, answer: price.of(prompt, 0, answer),
            watch=lambda done, total: told(f"{done:,} of {total:,} requests"),
        )  # fmt: skip
    print(found.summary(), file=sys.stderr)
    return 0 if found.num or not found.failures else 1


def _export(args: argparse.Namespace, folder: Path) -> int:
    from whet.track.reading.query import parse
    from whet.track.reading.request_rows import write_rows
    from whet.track.reading.request_table import RequestTable

    check_writable(args.output, is_file=True)
    table = RequestTable(folder)
    written = write_rows(table, table.find(parse(args.filter), "time"), args.form, args.output)
    print(f"{args.output}: {written.summary()}", file=sys.stderr)
    return 0

"""`whet reports`: reports of runs, listed, written from files, and exported as one file."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from whet.cli.arguments import add_root, typed_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="list reports, the last changed first")
    listing.add_argument("--json", action="store_true", help="as JSON")
    show = verbs.add_parser("show", help="print a report as JSON, as `add` takes it")
    show.add_argument("report", metavar="REPORT")
    add = verbs.add_parser("add", help="make a report of a file of JSON: a title and blocks")
    add.add_argument("file", type=typed_path, metavar="FILE", help="- for standard input")
    export = verbs.add_parser("export", help="write a report as one file of HTML that needs nothing else")
    export.add_argument("report", metavar="REPORT")
    export.add_argument("--output", type=typed_path, metavar="FILE", help="(default: REPORT.html)")
    remove = verbs.add_parser("remove", help="remove a report; its versions are kept")
    remove.add_argument("report", metavar="REPORT")
    for verb in (listing, show, add, export, remove):
        add_root(verb)


def main(args: argparse.Namespace) -> int:
    from whet.track.reports.store import Reports
    from whet.track.terminal.terminal_page import listing

    kept = Reports(args.root)
    match args.verb:
        case "list":
            found = [one.model_dump(mode="json", exclude={"blocks"}) for one in kept.listed()]
            nothing, names = "no reports yet: `whet reports add FILE`", ("id", "title", "version", "author")
            print(json.dumps(found) if args.json else listing(found, nothing, names))
        case "show":
            print(kept.find(args.report).model_dump_json(indent=1, include={"title", "blocks"}))
        case "add":
            print(kept.make(_content(args.file)).id)
        case "export":
            print(_export(kept.find(args.report), args.root, args.output or Path(f"{args.report}.html")))
        case "remove":
            kept.remove(args.report)
    return 0


def _content(path: Path):
    from pydantic import ValidationError

    from whet.base.errors import ConfigError
    from whet.base.regular import opened
    from whet.track.reports.blocks import Content

    if str(path) == "-":
        data = sys.stdin.buffer.read()
    else:
        with opened(path, "rb") as file:
            data = file.read()
    try:
        return Content.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        hint = '{"title": "Rates", "blocks": [{"kind": "text", "text": "What was tried."}]}'
        raise ConfigError(f"this is no report: {place}: {first['msg']}", at=str(path), hint=hint) from None


def _export(report, root: Path, output: Path) -> Path:
    from whet.base.errors import RunError
    from whet.server.bundle import viewer
    from whet.track.reports.frozen import frozen, of_root
    from whet.track.reports.page import page

    text = page(frozen(report, of_root(root)), *viewer())
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunError(f"cannot write it: {error.strerror}", at=str(output), hint=f"--output ~/{output.name}") from None
    return output

"""`whet runs`: list, choose, compare and export the runs of a folder."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from whet.cli.arguments import add_root, typed_path
from whet.cli.editing import add_edit_arguments

if TYPE_CHECKING:
    from whet.track.reading.rows import Row
    from whet.track.reading.store import Summary


ACTIONS = ("compare", "evaluations", "diff", "export", "follow", "alert-test", "push", "import", "edit", "reindex")

# What other tools have as an action of runs.
_ELSEWHERE = {
    "list": "whet runs", "ls": "whet runs", "show": "whet show", "tail": "whet show --follow", "logs": "whet show",
    "resume": "whet train", "ui": "whet ui",
}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words", nargs="*", metavar="FILTER",
        help="which runs: `loss < 2 and optimizer.kind == \"muon\" and tag == \"best\"`; or `compare RUN RUN ...`, "
        "`evaluations RUN RUN ...`, `diff RUN RUN`, `export [FILTER or RUN]`, `follow RUN`, "
        "`alert-test [CONFIG or RUN]`, `push RUN ...`, `import PATH ...`, `edit RUN ... --tag best`, `reindex`",
    )  # fmt: skip
    add_root(parser)
    parser.add_argument("--sort", metavar="NAME", help="order by a field, metric or config entry; `NAME:desc` descends")
    parser.add_argument("--archived", action="store_true", help="also runs that are archived")
    parser.add_argument("--columns", metavar="NAMES", help="what to show of each run, with commas between")
    parser.add_argument("--output", type=typed_path, help="where `export` writes: a .parquet, .csv or .jsonl")
    parser.add_argument(
        "--to", nargs="+", metavar=("KIND", "KEY=VALUE"),
        help="who is given what `export` finds, such as tensorboard; `whet slots follower` lists them. With `push` the "
        "server's URL (default: WHET_SERVER)",
    )  # fmt: skip
    parser.add_argument("--follow", action="store_true", help="with `push`: go on until the run is over")
    parser.add_argument(
        "--trust", action="store_true", help="with `follow` and `alert-test`: also as somebody else has ordered"
    )
    parser.add_argument("--baseline", metavar="RUN", help="with `evaluations`: the run to which differences are told")
    parser.add_argument("--json", action="store_true", help="print a JSON list")
    add_edit_arguments(parser)


def main(args: argparse.Namespace) -> int:
    what, rest = (args.words[0], args.words[1:]) if args.words else ("", [])
    match what:
        case "reindex" if not rest:
            from whet.track.reading.catalogue import reindex

            print(f"{reindex(args.root)} runs read", file=sys.stderr)
        case "compare":
            _compare(rest, args)
        case "evaluations":
            _evaluations(rest, args)
        case "diff":
            _diff(rest, args)
        case "export" if args.to:
            from whet.cli.following import export_to

            export_to(_named_or_chosen(rest, args), args.to)
        case "export":
            _export(rest, args)
        case "edit":
            from whet.cli.editing import edit

            edit(_to_edit(rest, args), args)
        case "follow":
            from whet.cli.following import follow

            follow(rest, args.root, is_trusted=args.trust)
        case "alert-test":
            from whet.cli.following import alert_test

            return alert_test(rest, args.root, is_trusted=args.trust)
        case "push":
            from whet.cli.pushing import push

            return push(rest, args.root, " ".join(args.to or ()), is_followed=args.follow)
        case "import":
            from whet.cli.pushing import bring_in

            return bring_in(rest, args.root)
        case _:
            _list_or_mean(args)
    return 0


def _list_or_mean(args: argparse.Namespace) -> None:
    """List what a filter takes. Of one that is none, the first word may be an action that is spelt wrong."""
    import difflib

    from whet.base.errors import ConfigError

    try:
        _list(" ".join(args.words), args)
    except ConfigError as error:
        first = args.words[0].lower() if args.words else ""
        near = [f"whet runs {one}" for one in difflib.get_close_matches(first, ACTIONS, n=1)]
        near += [_ELSEWHERE[first]] if first in _ELSEWHERE else []
        if not near:
            raise
        raise ConfigError(error.message, at=error.at, hint=f"did you mean `{near[0]}`?") from None


def _list(text: str, args: argparse.Namespace) -> None:
    from whet.base.errors import STARTS
    from whet.track.script.plain import to_json
    from whet.track.terminal.terminal_page import columns, table

    chosen = _chosen(text, args)
    names = [name.strip() for name in args.columns.split(",")] if args.columns else []
    if names:
        _check(names, chosen, "--columns")
    if args.json:
        found = [{name: row.get(name) for name in ("name", *names)} if names else run.to_dict() for run, row in chosen]
        print(to_json(found).decode())
    elif chosen:
        print(columns(["name", *names], [row for _, row in chosen]) if names else table([run for run, _ in chosen]))
    elif text:
        print(f"no run under {args.root} is so", file=sys.stderr)
    else:
        print(f"no runs under {args.root}; `{STARTS}` starts one", file=sys.stderr)


def _compare(names: Sequence[str], args: argparse.Namespace) -> None:
    """What differs between runs, in their configs and in how they went."""
    from whet.base.errors import ConfigError
    from whet.track.reading.rows import compared
    from whet.track.reading.store import find
    from whet.track.script.plain import to_json
    from whet.track.terminal.terminal_page import differences

    if len(names) < 2:
        said = f"a run is compared with others, and {'one alone' if names else 'none'} was named"
        hint = _to_type("compare", names, 2, args.root)
        raise ConfigError(said, at="command line", hint=hint)
    found = compared([find(name, args.root) for name in names])
    print(to_json(found).decode() if args.json else differences(found))


def _evaluations(names: Sequence[str], args: argparse.Namespace) -> None:
    """What was measured of runs, beside each other."""
    from dataclasses import asdict

    from whet.base.errors import ConfigError
    from whet.track.reading.store import find
    from whet.track.recorded.measured import beside
    from whet.track.script.plain import to_json
    from whet.track.terminal.evaluations_page import evaluations_beside

    baseline = args.baseline or ""
    if not names or (baseline and baseline not in names):
        hint = _to_type("evaluations", names, 2, args.root)
        what = (
            f"the baseline `{baseline}` is none of the runs" if names else "`evaluations` does not know of which runs"
        )
        raise ConfigError(what, at="command line", hint=hint)
    found = beside({name: find(name, args.root) for name in names}, baseline)
    print(to_json([asdict(one) for one in found]).decode() if args.json else evaluations_beside(found, baseline))


def _diff(names: Sequence[str], args: argparse.Namespace) -> None:
    """The first step and the first cause at which two runs part."""
    from dataclasses import asdict

    from whet.base.errors import ConfigError
    from whet.track.reading.store import find
    from whet.track.recorded.difference import difference
    from whet.track.recorded.difference_page import difference_page
    from whet.track.script.plain import to_json

    if len(names) != 2:
        hint = _to_type("diff", names, 2, args.root)
        raise ConfigError("`diff` compares two runs", at="command line", hint=hint)
    folders = [find(name, args.root) for name in names]
    found = difference(*folders)
    print(to_json(asdict(found)).decode() if args.json else difference_page(found, *(one.name for one in folders)))


def _export(words: Sequence[str], args: argparse.Namespace) -> None:
    from whet.base.errors import ConfigError
    from whet.track.reading.export import export

    if args.output is None:
        raise ConfigError(
            "`export` does not know where to", at="command line", hint="--output points.parquet, or --to tensorboard"
        )
    folders = _named_or_chosen(words, args)
    num = export(folders, args.output)
    print(f"{num} points of {len(folders)} run{'s' * (len(folders) != 1)} in {args.output}", file=sys.stderr)


def _named_or_chosen(words: Sequence[str], args: argparse.Namespace) -> list[Path]:
    """The runs of these names; where one of them is none, the words are a filter."""
    from whet.base.errors import RunError
    from whet.track.reading.store import find

    try:
        return [find(word, args.root) for word in words] or [run.folder for run, _ in _chosen("", args)]
    except RunError:
        if len(words) == 1 and words[0].isidentifier():
            raise
        return [run.folder for run, _ in _chosen(" ".join(words), args)]


def _to_edit(words: Sequence[str], args: argparse.Namespace) -> list[Path]:
    from whet.base.errors import ConfigError

    if not words:
        hint = _to_type("edit", (), 1, args.root, " --tag best")
        raise ConfigError("`edit` does not know which run", at="command line", hint=hint)
    return _named_or_chosen(words, args)


def _chosen(text: str, args: argparse.Namespace) -> list[tuple[Summary, Row]]:
    """The runs that a filter takes, in order."""
    from whet.track.reading.rows import chosen, listed

    return chosen(listed(args.root), text, args.sort or "", with_archived=args.archived)


def _to_type(action: str, names: Sequence[str], count: int, root: Path, behind: str = "") -> str:
    """The action with so many runs: those that were named, then others, the latest made first; else what makes one."""
    from whet.base.errors import STARTS
    from whet.track.reading.store import latest_names

    others = [name for name in latest_names(root, 3) if name not in names]
    runs = [*names, *others][:count]
    return f"whet runs {action} {' '.join(runs)}{behind}" if len(runs) == count else STARTS


def _check(names: Sequence[str], found: Sequence[tuple[Summary, Row]], at: str) -> None:
    from whet.track.reading.query import check_names

    check_names(names, [row for _, row in found], at)

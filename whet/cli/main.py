"""The `whet` command: finds the subcommand's file, runs it, and turns errors into three lines."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

# One line a command, so that `whet --help` imports none of their files.
COMMANDS = {
    "demo": "go round the whole loop on the Python standard library, in about four minutes",
    "train": "train a model from a config, or continue a run",
    "data": "look at data as the model will see it, and at what is kept of it",
    "tokenizer": "train a tokenizer",
    "runs": "list runs",
    "show": "show a run: status, curves, figures",
    "chat": "talk to a model",
    "distill": "write a teacher's answers as rows to fine-tune a student on",
    "best-of": "answer prompts several times and keep the best answers as rows to fine-tune on",
    "evaluate": "measure a model",
    "rewards": "score completions with rewards, before anything is trained on them",
    "merge": "fold adapters and other models into a model",
    "quantize": "write a model with fewer bits a weight, with perplexity before and after",
    "export": "write a model in another format, with an equivalence report",
    "slots": "list what can be plugged in, with settings and costs",
    "schema": "print the JSON Schema of a config",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns 0, 2 for a user's mistake (one message), 130 after Ctrl-C."""
    from whet.base.errors import WhetError
    from whet.cli.plugins import load_plugins

    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = _parser(arguments)
    args, late = parser.parse_known_args(arguments)
    if late and (args.command != "train" or any(word.startswith("-") for word in late)):
        parser.error(f"unrecognized arguments: {' '.join(late)}")
    if args.command is None:
        parser.print_help()
        return 0
    if late:  # argparse gives a list of words only those that stand together
        args.target += late
    try:
        load_plugins(args)
        return _module(args.command).main(args)
    except WhetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """The parser with the arguments of the one command that was typed."""
    parser = argparse.ArgumentParser(prog="whet", description="The whole life of a language model, in one loop.")
    parser.add_argument(
        "--version", action="version", version=f"whet {_version()}" if "--version" in arguments else "whet"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    typed = next((a for a in arguments if not a.startswith("-")), None)
    for name, line in COMMANDS.items():
        command = commands.add_parser(name, help=line, description=line[0].upper() + line[1:] + ".")
        if name == typed:
            _module(name).add_arguments(command)
    return parser


def _module(name: str):
    return importlib.import_module(f"whet.cli.commands.{name.replace('-', '_')}")


def _version() -> str:
    """The version of the installed package; of a source tree that is run in place, what its pyproject.toml says."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("whet")
    except PackageNotFoundError:
        import tomllib

        project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
        return f"{project['project']['version']} (not installed)"

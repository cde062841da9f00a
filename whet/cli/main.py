"""The `whet` command: finds the subcommand's file, runs it, and turns whatever goes wrong into three lines."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whet.cli.arguments import Parser

DEBUG = "--debug"  # anywhere among the words
# One line a command, so that `whet --help` imports none of their files.
COMMANDS = {
    "demo": "go round the whole loop on the Python standard library, in about four minutes",
    "doctor": "look at this machine: what will hurt a training, and how fast ranks talk",
    "plan": "what a run takes of memory, and on which cards it fits, before anything is started",
    "fit": "ways to train a model on a card, the fastest that fit, and why others do not",
    "advise": "what to train on data with a card: model, tuner, epochs and time, with reasons",
    "train": "train a model from a config, or continue a run",
    "data": "look at data as the model will see it, and at what is kept of it",
    "tokenizer": "train a tokenizer",
    "runs": "list runs",
    "top": "watch live runs on the whole terminal: curves, hardware, console",
    "show": "show a run: status, curves, figures",
    "ui": "the page in a browser: watch, compare and explain runs",
    "registry": "keep models with versions and aliases, promote and verify them",
    "diagnose": "say what went wrong in a run, with evidence and remedies",
    "server": "serve runs over HTTP: to read, to push to, and for MLflow's clients",
    "reports": "written text between charts of runs: list, add, export as one file",
    "boards": "a task with fixed settings, and the runs that were entered for it",
    "team": "people of a team's server: accounts, roles, keys",
    "chat": "talk to a model",
    "serve": "serve a model over HTTP to whoever speaks OpenAI's API",
    "requests": "recorded requests of a served model: score a sample, export rows to train on",
    "deploy": "write what runs a served model elsewhere: Docker, compose, Kubernetes, SageMaker",
    "keys": "keys for those who ask a served model, each with its limits: add, list, remove",
    "predict": "what a model says of the rows of a file, as a file",
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
    """Run one command. Returns one of `exit_codes`, after one message for whatever went wrong."""
    from whet.base.errors import OutOfMemory, WhetError, is_lost_rank
    from whet.cli import exit_codes
    from whet.cli.ranks import is_echo_of_rank_0, tell
    from whet.cli.streams import nobody_reads, survive_encodings, write_out

    survive_encodings()
    arguments = list(sys.argv[1:] if argv is None else argv)
    is_debug = DEBUG in arguments or os.environ.get("WHET_DEBUG", "0") not in ("", "0")
    arguments = [word for word in arguments if word != DEBUG]
    try:
        code = _run(arguments)
        write_out()
        return code
    except KeyboardInterrupt:
        if not is_echo_of_rank_0():
            print("interrupted", file=sys.stderr)
        return exit_codes.INTERRUPTED
    except WhetError as error:
        refusal, code = error, exit_codes.OUT_OF_MEMORY if isinstance(error, OutOfMemory) else exit_codes.MISTAKE
    except Exception as error:
        if isinstance(error, BrokenPipeError) and nobody_reads():
            return exit_codes.DONE
        from whet.cli.failures import told

        refusal, code = told(error, arguments)
        refusal.__cause__ = error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # what tokenizers raises when its Rust code gives up
            raise
        from whet.cli.failures import told

        refusal, code = told(RuntimeError(f"tokenizers gave up: {error}"), arguments)
        refusal.__cause__ = error
    if is_debug:
        import traceback

        traceback.print_exception(refusal.__cause__ or refusal)
    tell(f"error: {refusal}", is_echo=refusal.__cause__ is not None and is_lost_rank(refusal.__cause__))
    return code


def _run(arguments: Sequence[str]) -> int:
    from whet.cli.plugins import load_plugins

    parser = _parser(arguments)
    args, late = parser.parse_known_args(arguments)
    if args.command is None:
        parser.print_help()
        return 0
    if late:  # argparse gives a list of words only those that stand together
        args.target += late
    load_plugins(args)
    return _module(args.command).main(args)


def _parser(arguments: Sequence[str]) -> Parser:
    """The parser with the arguments of the one command that was typed."""
    from whet.cli.arguments import Parser
    from whet.cli.exit_codes import TOLD

    debug = "--debug, or WHET_DEBUG=1, prints the traceback of whatever ends a command."
    parser = Parser(
        prog="whet", description="The whole life of a language model, in one loop.", epilog=f"{TOLD} {debug}"
    )
    parser.add_argument(
        "--version", action="version", version=f"whet {_version()}" if "--version" in arguments else "whet"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    typed = next((a for a in arguments if not a.startswith("-")), None)
    for name, line in COMMANDS.items():
        about = line[0].upper() + line[1:] + "."
        command = commands.add_parser(name, help=line, description=about, epilog=f"{TOLD} {debug}")
        if name == typed:
            _module(name).add_arguments(command)
            parser.hands_on = command.hands_on = name in ("train", "plan", "fit")
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

"""What `whet serve --engine` is asked with: another engine, started and watched, behind our own front."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from whet.cli.arguments import typed_path, whole

if TYPE_CHECKING:
    from whet.server.openai.passing.service import PassingService

NAMES = ("vllm", "sglang", "lmdeploy", "llama.cpp")
# What is of other engines, by the value that it has where it is not given.
_THEIRS: dict[str, object] = {
    "engine_python": None, "context": 0, "gpus": 1, "chat_template": None, "tool_parser": "", "engine_arg": [],
    "engine_log": None, "print_command": False,
}  # fmt: skip
# What is of our own engine alone.
_OURS = (
    "step_tokens", "cache_tokens", "guesses", "draft", "quantize", "weights", "device", "record", "otlp", "sample",
    "record_text", "price", "threads", "tensor",
)  # fmt: skip


def add_engine_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("of another engine")
    parser.set_defaults(of_ours={name: parser.get_default(name) for name in _OURS})
    group.add_argument("--engine", choices=NAMES, help="let this one answer, started and watched from here")
    group.add_argument(
        "--engine-python", type=typed_path, metavar="PYTHON", help="the python of the environment that has the engine"
    )
    group.add_argument(
        "--context", type=whole(0), default=0, metavar="TOKENS", help="of a conversation (default: the model's)"
    )
    group.add_argument("--gpus", type=whole(1), default=1, metavar="N", help="GPUs that share the model (default: 1)")
    group.add_argument("--chat-template", type=typed_path, metavar="FILE", help="instead of the model's own")
    group.add_argument(
        "--tool-parser", default="", metavar="NAME", help="the engine's name for what reads tool calls, or none "
        "(default: by the chat template)",
    )  # fmt: skip
    group.add_argument(
        "--engine-arg", action="append", default=[], metavar="WORD",
        help="one more word of the engine's command line; again for more: --engine-arg=--enforce-eager",
    )  # fmt: skip
    group.add_argument("--engine-log", type=typed_path, metavar="FILE", help="keep there all that the engine prints")
    group.add_argument("--print-command", action="store_true", help="print the engine's command, and start nothing")


def check_engine_arguments(args: argparse.Namespace) -> None:
    """Raise ConfigError for what the engine that was named, or ours where none was, would not heed."""
    from whet.base.errors import ConfigError

    wrong = args.of_ours if args.engine else _THEIRS
    given = next((name for name, value in wrong.items() if getattr(args, name) != value), None)
    if given is None:
        return
    word = f"--{given.replace('_', '-')}"
    if args.engine:
        hint = f"leave {word} out; --engine-arg has words of the engine's own"
        raise ConfigError(f"{word} is of whet's own engine, and not of {args.engine}", at=word, hint=hint)
    raise ConfigError(f"{word} is of another engine", at=word, hint=f"--engine vllm {word}")


def passing(args: argparse.Namespace, adapters: dict[str, str]) -> Callable[[], PassingService]:
    """What starts the engine that was asked for, and gives the service before it. Raises WhetError for what the engine
    does not do, before anything is started."""
    import secrets
    import sys

    from whet.base.errors import ConfigError
    from whet.generate.servers.commands import command
    from whet.generate.servers.facts import adapters_of, facts_of
    from whet.generate.servers.supervisor import Supervisor
    from whet.generate.servers.wanted import Wanted
    from whet.server.openai.feedback import FeedbackFiles
    from whet.server.openai.passing.service import PassingService

    facts = facts_of(args.model, args.root)
    folders, rank = adapters_of(adapters, args.root)
    name = args.called or args.model
    if name in folders:
        raise ConfigError(f"the adapter is called `{name}`, as the model is", at="--adapter", hint="--called base")
    port = _free_port()
    wanted = Wanted(
        model=facts.model, name=name, port=port, key=secrets.token_urlsafe(24), kind=facts.kind, pooling=facts.pooling,
        adapters=folders, adapter_rank=rank, dtype=args.dtype, context=args.context, gpus=args.gpus,
        sequences=args.sequences, quantized=facts.quantized, template=str(args.chat_template or ""),
        tool_form=facts.tool_form, tool_parser=args.tool_parser, more=tuple(args.engine_arg),
    )  # fmt: skip
    starts = command(args.engine, wanted, str(args.engine_python or ""))
    for note in starts.notes:
        print(f"note: {note}", file=sys.stderr, flush=True)
    if args.print_command:
        print(starts.shown())
        raise SystemExit(0)

    def opened() -> PassingService:
        print(f"starts {starts.shown()}", file=sys.stderr, flush=True)
        supervisor = Supervisor(args.engine, starts, port, args.engine_log)
        supervisor.start()
        feedback = None if args.feedback is None else FeedbackFiles(args.feedback)
        return PassingService(
            supervisor, name, tuple(folders), most_open=args.sequences + args.waiting, timeout_s=args.timeout,
            feedback=feedback,
        )  # fmt: skip

    return opened


def _free_port() -> int:
    """A port of loopback that nobody has now."""
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]

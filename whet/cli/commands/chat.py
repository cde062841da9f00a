"""`whet chat`: talk to a model at the terminal, through a pipe, or with one prompt."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

from whet.cli.answering import add_tensor, answering
from whet.cli.arguments import add_root, number, whole
from whet.generate.thinking import CLOSE, OPEN, ThinkingSplit

if TYPE_CHECKING:
    from whet.contracts.model import Loaded
    from whet.generate.conversation import Conversation
    from whet.generate.protocol import Engine, GenerateSettings

COMMANDS = {
    "/reset": "forget the conversation",
    "/system": "TEXT  forget the conversation and start with this system message",
    "/temperature": "X  how freely tokens are drawn; 0 takes the most likely",
    "/help": "show these lines",
    "/exit": "leave (or Ctrl-D); Ctrl-C stops an answer",
}
DIM, PLAIN = "\x1b[2m", "\x1b[22m"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="model folder, run, name of a run, RUN@STEP, registry:NAME@ALIAS, or hub id")
    parser.add_argument("--prompt", metavar="TEXT", help="answer this one prompt and leave")
    parser.add_argument("--system", metavar="TEXT", help="system message")
    parser.add_argument("--raw", action="store_true", help="continue the text as it is, without a chat template")
    _add_sampling_arguments(parser)
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps (default: a GPU where there is one)")
    add_tensor(parser)
    parser.add_argument("--dtype", default="auto", help="fp32, bf16, fp16 (default: the weights' own; fp32 on a CPU)")
    add_root(parser)


def _add_sampling_arguments(parser: argparse.ArgumentParser) -> None:
    what = "default: what the model's authors recommend, else {}"
    parser.add_argument("--max-new-tokens", type=whole(1), metavar="N", help="longest answer (default: 1024)")
    parser.add_argument("--temperature", type=number(0), metavar="X", help=f"0 is greedy ({what.format('0.7')})")
    parser.add_argument(
        "--top-k", type=whole(0), metavar="N", help=f"draw from the N most likely ({what.format('all')})"
    )
    parser.add_argument(
        "--top-p", type=number(0, 1), metavar="P", help=f"... from the likeliest P ({what.format('0.95')})"
    )
    parser.add_argument(
        "--min-p", type=number(0, 1), metavar="P", help="... at least P times as likely as the likeliest"
    )
    parser.add_argument("--repetition-penalty", type=number(0), metavar="X", help="above 1: fewer repeated tokens")
    parser.add_argument("--stop", action="append", metavar="TEXT", help="end the answer before this text; repeatable")
    parser.add_argument("--seed", type=whole(0), metavar="N", help="the same seed gives the same answers")


def main(args: argparse.Namespace) -> int:
    with answering(args, "whet chat") as (loaded, engine):
        if engine is None:
            _say_how_it_decodes(loaded)
        conversation = _conversation(args, loaded, engine)
        screen = Screen(sys.stdout, is_raw=not conversation.uses_template)
        if args.prompt is not None:
            _answer(conversation, args.prompt, screen)
        elif sys.stdin.isatty():
            _talk(conversation, screen)
        else:
            for line in sys.stdin:
                if not _obey(conversation, line.rstrip("\n"), screen):
                    break
    return 0


def _say_how_it_decodes(loaded: Loaded) -> None:
    """Why answers are slow, where nothing can be kept of the tokens before."""
    from whet.models.decoding.proof import decoding_of

    if loaded.capabilities.generates and not (manner := decoding_of(loaded.module)).cached:
        for text in manner.notices:
            _note(text)


def _conversation(args: argparse.Namespace, loaded: Loaded, shared: Engine | None) -> Conversation:
    from whet.base.catalogue import engine
    from whet.generate.conversation import Conversation

    tokenizer: Any = loaded.processor
    has_template = bool(tokenizer.chat_template)
    if not has_template and not args.raw:
        _note("the model has no chat template: it continues your text (as with --raw)")
    return Conversation(
        shared or engine.usual().build(loaded),
        tokenizer,
        _settings(args, loaded),
        context=loaded.capabilities.context,
        uses_template=has_template and not args.raw,
        system=args.system,
    )


def _settings(args: argparse.Namespace, loaded: Loaded) -> GenerateSettings:
    """What was typed, over what the model's authors recommend, over our own choice."""
    from dataclasses import fields

    from whet.generate.protocol import GenerateSettings, recommended

    values: dict[str, Any] = {
        "max_new_tokens": 1024,
        "temperature": 0.7,
        "top_p": 0.95,
        "seed": int.from_bytes(os.urandom(6)),
    }
    values |= recommended(getattr(loaded.module, "generation_config", None))
    typed = {field.name: getattr(args, field.name, None) for field in fields(GenerateSettings)}
    values |= {name: value for name, value in typed.items() if value is not None}
    return GenerateSettings(**{**values, "stop": tuple(values.get("stop", ()))})


def _talk(conversation: Conversation, screen: Screen) -> None:
    """Read lines until the user leaves. Neither a mistake nor Ctrl-C ends the program."""
    from contextlib import suppress

    from whet.base.errors import WhetError

    with suppress(ImportError):  # gives `input` a history and line editing, where Python was built with it
        import readline  # noqa: F401
    _note("/help shows the commands, /exit leaves")
    while True:
        try:
            if not _obey(conversation, input("> "), screen):
                return
        except EOFError:
            print()
            return
        except KeyboardInterrupt:
            _note("\n/exit leaves")
        except WhetError as error:
            _note(f"error: {error}")


def _obey(conversation: Conversation, line: str, screen: Screen) -> bool:
    """Do what a line asks. False when it asks to leave."""
    if not line.strip():
        return True
    if not line.startswith("/"):
        _answer(conversation, line, screen)
        return True
    command, _, rest = line.partition(" ")
    if command == "/exit":
        return False
    if command == "/reset":
        conversation.reset()
    elif command == "/system":
        conversation.reset(rest.strip() or None)
    elif command == "/temperature":
        _heat(conversation, rest.strip())
    elif command == "/help":
        _note("\n".join(f"{name} {what}" for name, what in COMMANDS.items()))
    else:
        _refuse(command)
    return True


def _heat(conversation: Conversation, text: str) -> None:
    from dataclasses import replace

    from whet.base.errors import ConfigError

    try:
        value = float(text)
    except ValueError:
        raise ConfigError(f"`{text}` is not a number", hint="/temperature 0.7") from None
    conversation.settings = replace(conversation.settings, temperature=value)


def _refuse(command: str) -> None:
    from whet.base.errors import WhetError

    near = difflib.get_close_matches(command, COMMANDS, n=1)
    hint = f"did you mean `{near[0]}`?" if near else "a line that starts with a blank is sent as it is"
    raise WhetError(f"unknown command `{command}`", hint=hint)


def _answer(conversation: Conversation, text: str, screen: Screen) -> None:
    """Show the answer as it comes. At a terminal Ctrl-C stops it, and what has come stays in the history."""
    pieces = conversation.ask(text)
    finish = None
    try:
        for number, piece in enumerate(pieces):
            if number == 0:
                screen.begin(conversation.opens_thinking)
                if conversation.num_dropped:
                    _note(f"the context is full: the oldest {conversation.num_dropped} messages were dropped")
            screen.show(piece.text)
            finish = piece.finish
    except KeyboardInterrupt:
        pieces.close()
        if not screen.is_terminal:
            raise
    finally:
        screen.end()
    if finish is not None and screen.is_silent:
        _note("(ended without a word)")
    if finish == "length" and screen.is_terminal:
        _note("(the answer was cut: --max-new-tokens)")


class Screen:
    """Where answers go. A terminal also shows the thinking: dim, or between its tags where colours are off."""

    def __init__(self, out: TextIO, *, is_raw: bool = False) -> None:
        self.is_terminal = out.isatty()
        self._out, self._is_raw = out, is_raw
        self._marks = (OPEN, CLOSE) if os.environ.get("NO_COLOR") else (DIM, PLAIN)
        self._has_begun = self._shows_thinking = False
        self.is_silent = True  # nothing of an answer was shown yet

    def begin(self, is_thinking: bool = False) -> None:
        """Start an answer, perhaps amid thinking."""
        self._split = ThinkingSplit(is_thinking)
        self._has_begun, self._is_empty, self.is_silent = True, True, True

    def show(self, text: str) -> None:
        """Add text to the answer. Text without a template is written as it is."""
        if self._is_raw:
            self._write(text)
        for part, is_thinking in () if self._is_raw else self._split.push(text):
            self._show_part(part, is_thinking)
        self._out.flush()

    def end(self) -> None:
        """End the answer and its line, if one has begun."""
        if not self._has_begun:
            return
        for part, is_thinking in self._split.flush():
            self._show_part(part, is_thinking)
        self._mark(False)
        if not self.is_silent or not self.is_terminal:  # a program that asks line by line counts the answers' lines
            self._out.write("\n")
        self._out.flush()
        self._has_begun = False

    def _show_part(self, text: str, is_thinking: bool) -> None:
        text = text.lstrip() if self._is_empty else text
        if text and (self.is_terminal or not is_thinking):
            self._mark(is_thinking)
            self._write(text)
            self._is_empty = False

    def _mark(self, is_thinking: bool) -> None:
        if is_thinking != self._shows_thinking:
            self._out.write(self._marks[0] if is_thinking else self._marks[1])
            self._shows_thinking = is_thinking

    def _write(self, text: str) -> None:
        """A terminal must not obey control characters that a model writes."""
        self.is_silent = self.is_silent and not text.strip()
        if self.is_terminal:
            text = "".join(letter for letter in text if letter >= " " and letter != "\x7f" or letter in "\n\t")
        self._out.write(text)


def _note(text: str) -> None:
    print(text, file=sys.stderr)

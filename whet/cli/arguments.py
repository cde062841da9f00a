"""Arguments of commands: mistakes in them are told like any other, with what was meant; numbers have bounds."""

from __future__ import annotations

import argparse
import itertools
import math
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from whet.base.errors import ConfigError
from whet.base.nearest import nearest
from whet.base.paths import user_path
from whet.cli.examples import example_of

_AT = "command line"
_CHOICE = re.compile(r"(?:argument (?P<flag>.+?): )?invalid choice: (?P<given>.+?) \(choose from (?P<known>.+)\)", re.S)
_VALUE = re.compile(r"argument (?P<flag>.+?): (?P<said>.+)", re.S)
# What other trainers take by an option, and `whet train` as a word.
_TARGETS = {"config": "run.yaml", "c": "run.yaml", "resume": "runs/first", "resume_from_checkpoint": "runs/first"}
_AMBIGUOUS = re.compile(r"ambiguous option: (?P<given>\S+) could match (?P<known>.+)")


class Parser(argparse.ArgumentParser):
    """A parser whose mistakes are ConfigErrors. Words that it has no place for are one, unless it `hands_on` such."""

    hands_on = False
    _typed: Sequence[str] = ()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        self._typed = list(args if args is not None else sys.argv[1:])
        self._refuse_twice(self._typed)
        found, late = super().parse_known_args(args, namespace)
        for word in late:
            if word.startswith("-") and word != "-":
                raise self._unknown(word, self._typed)
        if late and not self.hands_on:
            hint = self._as_option(late[0]) or self._shortest()
            raise ConfigError(f"`{self.prog}` has no place for `{late[0]}`", at=_AT, hint=hint)
        return found, late

    def _refuse_twice(self, typed: Sequence[str]) -> None:
        """Raise ConfigError for an option that stands twice where only the last would count."""
        for action in self._actions:
            places = [n for n, word in enumerate(typed) if word.partition("=")[0] in action.option_strings]
            if isinstance(action, argparse._StoreAction) and len(places) > 1 and action.nargs != 0:
                flag, values = typed[places[0]].partition("=")[0], [_values(typed, place) for place in places]
                is_list = action.nargs in ("+", "*") and not isinstance(action.metavar, tuple)
                hint = shlex.join(
                    [flag, *(word for some in values for word in some)] if is_list else [flag, *values[-1]]
                )
                raise ConfigError(f"`{flag}` stands twice, and only the last would count", at=_AT, hint=hint)

    def error(self, message: str) -> NoReturn:
        raise self._told(message)

    def _unknown(self, word: str, typed: Sequence[str]) -> ConfigError:
        name, equals, value = word.partition("=")
        near = nearest(name, self._option_string_actions)
        hint = f"did you mean `{near}`?" if near else f"{self.prog} --help"
        behind = [*typed[typed.index(word) + 1 :], "-"][0] if word in typed else "-"
        value = value if equals else behind if not behind.startswith("-") else ""
        if self.hands_on and name.lstrip("-") in _TARGETS:
            hint = f"did you mean `{shlex.join([*self.prog.split(), value or _TARGETS[name.lstrip('-')]])}`?"
        elif self.hands_on and (setting := _setting(name)):
            typed_so = setting if "=" in setting else shlex.quote(f"{setting}={value or 'true'}")
            hint = f"did you mean `{typed_so}`?"
        elif (setting := _setting(name)) and setting.rpartition(".")[2] == name.lstrip("-").replace("-", "_"):
            hint = f"`{setting}` is a setting of `whet train`; {self.prog} --help"
        return ConfigError(f"`{self.prog}` has no option `{name}`", at=_AT, hint=hint)

    def _as_option(self, word: str) -> str | None:
        """The option that says here what `section.key=value` says in a config."""
        from whet.base.yaml import parse_value

        name, equals, value = word.partition("=")
        flag = f"--{name.rpartition('.')[2].replace('_', '-')}"
        if not equals or "." not in name or flag not in self._option_string_actions:
            return None
        read = parse_value(value, _AT)
        return shlex.join([flag, *(map(str, read) if isinstance(read, list) else [value])])

    def _told(self, message: str) -> ConfigError:
        """What argparse says, in our words."""
        if match := _CHOICE.fullmatch(message):
            known = re.findall(r"'([^']*)'", match["known"])
            given, what = match["given"].strip("'\""), (match["flag"] or "value").split("/")[0]
            message = f"there is no {what.lower()} `{given}`" if what.isupper() else f"`{what}` takes no `{given}`"
            return ConfigError(message, at=_AT, hint=meant(given, known))
        if match := _AMBIGUOUS.fullmatch(message):
            return ConfigError(f"`{match['given']}` may be several options", at=_AT, hint=f"one of: {match['known']}")
        if message.startswith("the following arguments are required: "):
            missing = message.partition(": ")[2]
            return self._misspelt() or ConfigError(f"`{self.prog}` needs {missing}", at=_AT, hint=self._needed(missing))
        if match := _VALUE.fullmatch(message):
            said = "it needs a value" if match["said"].startswith("expected ") else match["said"]
            return ConfigError(f"`{match['flag']}`: {said}", at=_AT, hint=self._example(match["flag"]))
        return ConfigError(message, at=_AT, hint=f"{self.prog} --help")

    def _misspelt(self) -> ConfigError | None:
        """What is wrong with the first option that is none: what is missing may have been meant by it."""
        options = (word for word in self._typed if word.startswith("--") and word != "--")
        known = tuple(self._option_string_actions)
        found = (word for word in options if not any(one.startswith(word.partition("=")[0]) for one in known))
        return next((self._unknown(word, self._typed) for word in found), None)

    def _needed(self, missing: str) -> str:
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction) and action.metavar == missing:
                return " or ".join(f"{self.prog} {name}" for name in action.choices)
        lacks = [action for action in self._actions if action.required and _name_of(action) in missing.split(", ")]
        words = [word for action in lacks for word in (*action.option_strings[:1], example_of(action))]
        return " ".join([self.prog, *map(shlex.quote, self._typed), *words])

    def _shortest(self) -> str:
        """The command with what it cannot do without."""
        needed = [action for action in self._actions if action.required]
        words = [word for action in needed for word in (*action.option_strings[:1], example_of(action))]
        return f"{' '.join([self.prog, *words])}; {self.prog} --help shows all of it"

    def _example(self, flag: str) -> str:
        """The flag with a value that it takes, and what it is."""
        action = self._option_string_actions.get(flag.split("/")[0])
        if action is None:
            return f"{self.prog} --help"
        about = f"  ({action.help})" if action.help else ""
        return f"{flag.split('/')[0]}{f' {example_of(action)}' if action.nargs != 0 else ''}{about}"


def _values(typed: Sequence[str], place: int) -> list[str]:
    """The words that belong to the option at a place."""
    _, equals, value = typed[place].partition("=")
    behind = itertools.takewhile(lambda word: not word.startswith("--"), typed[place + 1 :])
    return [value] if equals else list(behind)


def _setting(flag: str) -> str | None:
    """The setting of a run that another trainer, or a guess, calls by a flag."""
    from whet.base.config import setting_called

    return setting_called(flag.lstrip("-").replace("-", "_"))


def meant(given: str, known: Iterable[str]) -> str:
    """A hint with the nearest of the known words, or all of them."""
    known = list(known)
    near = nearest(given, known)
    return f"did you mean `{near}`?" if near else f"one of: {', '.join(known)}"


def whole(least: int, most: int = 2**53) -> Callable[[str], int]:
    """The type of an argument that is a whole number from `least` to `most`."""

    def read(text: str) -> int:
        try:
            value = int(text) if len(text) < 40 else most + 1
        except ValueError:
            raise argparse.ArgumentTypeError(f"`{text}` is no whole number") from None
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"`{_short(text)}` is no whole number from {least:,} to {most:,}")
        return value

    return read


def number(least: float = -math.inf, most: float = math.inf) -> Callable[[str], float]:
    """The type of an argument that is a finite number from `least` to `most`."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"`{_short(text)}` is no number") from None
        if not math.isfinite(value) or not least <= value <= most:
            sides = [f"from {least:g}"] if least > -math.inf else []
            sides += [f"to {most:g}"] if most < math.inf else []
            raise argparse.ArgumentTypeError(f"`{_short(text)}` is no finite number {' '.join(sides)}".rstrip())
        return value

    return read


def add_root(parser: argparse.ArgumentParser) -> None:
    """The option that names the folder of runs."""
    parser.add_argument(
        "--root", type=folder_of_runs, default=Path("runs"), help="folder of run folders (default: runs)"
    )


def folder_of_runs(text: str) -> Path:
    """The type of an argument that is a folder of runs, which may not be there yet."""
    path = typed_path(text)
    if path.exists() and not path.is_dir():
        raise ConfigError(f"{path} is a file, and runs lie in a folder", at="--root", hint=f"--root {path.parent}")
    return path


def typed_path(text: str) -> Path:
    """The type of an argument that is a path: `~` is home, and what no system can hold is refused."""
    return user_path(text, at=_AT)


def _name_of(action: argparse.Action) -> str:
    """What argparse calls a missing argument."""
    return "/".join(action.option_strings) or str(action.metavar or action.dest)


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."

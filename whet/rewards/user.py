"""A user's reward: `rewards.py:name`, with the arguments that its parameters name."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whet.base.errors import ConfigError
from whet.base.user_code import load_users
from whet.contracts.rewards import Message, Score
from whet.rewards.answer import NoColumn, Row


@dataclass(frozen=True, slots=True)
class UserReward:
    """Calls the function of a file, which each process imports when it is first needed.

    A parameter is filled by its name: `prompt` (messages), `completion` or `completions` (text), `row`, else the
    column of that name. With `completions` the function is asked once a prompt and gives a list.
    """

    file: str
    name: str

    @property
    def is_whole(self) -> bool:
        """Whether the function wants all completions of a prompt at once."""
        return "completions" in inspect.signature(self.load()).parameters

    def load(self) -> Callable[..., Any]:
        return getattr(load_users("reward", Path(self.file)), self.name)

    def __call__(self, prompt: Sequence[Message], completions: Sequence[str], row: Row) -> Sequence[Score]:
        function = self.load()
        given: dict[str, Any] = {"prompt": list(prompt), "row": dict(row)}
        if self.is_whole:
            scores = function(**self._arguments(function, given | {"completions": list(completions)}))
            if not isinstance(scores, Sequence) or len(scores) != len(completions):
                size = len(scores) if isinstance(scores, Sequence) else type(scores).__name__
                raise ValueError(f"`{self.name}` gave {size} scores for {len(completions)} completions")
            return scores
        return [function(**self._arguments(function, given | {"completion": text})) for text in completions]

    def _arguments(self, function: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        row = given["row"]
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind is parameter.VAR_KEYWORD:
                found |= {name: value for name, value in {**row, **given}.items() if name not in found}
            elif parameter.name in given or parameter.name in row:
                found[parameter.name] = given[parameter.name] if parameter.name in given else row[parameter.name]
            elif parameter.default is parameter.empty:
                has = ", ".join(map(repr, row)) or "no columns"
                raise NoColumn(f"`{self.name}` takes `{parameter.name}`, and the row has {has}")
        return found


def user_reward(function: str) -> UserReward:
    """The reward that `FILE.py:NAME` means. Raises ConfigError when it is not there or takes no completion."""
    file, colon, name = function.rpartition(":")
    if not colon or not file.endswith(".py"):
        from whet.base.catalogue import reward as slot

        near = difflib.get_close_matches(function, slot.names(), n=1)
        hint = f"did you mean `{near[0]}`?" if near else "rewards.py:score, or a kind that `whet slots reward` lists"
        raise ConfigError(f"`{function}` is neither a reward nor FILE.py:FUNCTION", hint=hint)
    path = Path(file).expanduser().resolve()
    if not path.is_file():
        raise ConfigError(f"there is no file {path} with rewards", hint=f"ls {path.parent}")
    module = load_users("reward", path)
    found = getattr(module, name, None)
    if found is None:
        names = [key for key, value in vars(module).items() if inspect.isfunction(value)]
        hint = f"it has: {', '.join(names) or 'no functions'}"
        raise ConfigError(f"{path} has no function `{name}`", hint=hint)
    if inspect.iscoroutinefunction(found):
        hint = f"def {name}(completion): return asyncio.run({name}_of(completion))"
        raise ConfigError(f"`{name}` of {path.name} is async, and a reward is called as it is", hint=hint)
    parameters = inspect.signature(found).parameters if callable(found) else {}
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    if not takes_all and not {"completion", "completions"} & parameters.keys():
        hint = f"def {name}(completion, row): return len(completion)"
        raise ConfigError(f"`{name}` of {path.name} takes neither `completion` nor `completions`", hint=hint)
    return UserReward(str(path), name)

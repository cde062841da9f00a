"""Order: by whom a run is to be followed, checked at the door and left in the run folder, without a secret in it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from whet.base.alerts import Alerts, Followers
from whet.base.catalogue import follower
from whet.base.digests import text_digest
from whet.base.documents import checked, field
from whet.base.errors import ConfigError, RunError, WhetError
from whet.base.mistakes import KeyPath
from whet.base.paths import file_name, user_path
from whet.base.slots import load_plugin
from whet.track.follow.delivery import Memory
from whet.track.follow.plugin import Follower
from whet.track.follow.trust import is_sealed, seal
from whet.track.follow.waiting import waiting_s
from whet.track.reading.query import parse

FOLDER = "follow"
_FILE = "order.json"


@dataclass(frozen=True, slots=True)
class Followed:
    """One plug-in: its name among those of the run, its kind, and the settings of that as JSON."""

    name: str
    kind: str
    settings: Mapping[str, Any]

    def build(self) -> Follower:
        """The plug-in. Raises ConfigError where a setting is wrong, a package or a secret is missing."""
        kind = follower.get(self.kind)
        settings = kind.settings.model_validate({**self.settings, "kind": self.kind}).values()
        built: Follower = kind.build(**settings)
        return built


@dataclass(frozen=True, slots=True)
class Order:
    """The plug-ins of a run, and the files that register kinds of theirs."""

    followed: tuple[Followed, ...]
    plugins: tuple[str, ...] = ()
    # Whether this user has left it, and nobody has changed it since.
    is_own: bool = True

    @staticmethod
    def of(tees: Sequence[Any], alerts: Alerts, plugins: Sequence[str | os.PathLike[str]] = ()) -> Order:
        """What `track.tee` and `track.alerts` of a config ask for: each tee, and an `alerts` for each channel."""
        found: list[Followed] = []
        for tee in tees:
            found.append(_followed(found, tee))
        for one in alerts.channels:
            settings = {
                "to": one.model_dump(mode="json"), "most_per_hour": alerts.most_per_hour,
                "rules": [rule.model_dump(mode="json") for rule in alerts.rules],
            }  # fmt: skip
            name = _free(found, f"alerts-{one.channel.kind}")
            found.append(Followed(name, "alerts", settings))
        for rule in alerts.rules:
            parse(rule.when or "")
        return Order(tuple(found), tuple(str(Path(path).resolve()) for path in plugins))

    @staticmethod
    def load(run: Path) -> Order:
        """The order of a run folder. Raises RunError where there is none, or something else in its place."""
        hint = f"rm {run / FOLDER / _FILE}, and say `track.alerts` or `track.tee` again"

        def refuse(level: str, text: str) -> None:
            said = f"by whom `{run.name}` is followed is not known: {text}"
            raise RunError(said, at=str(run / FOLDER), hint=hint)

        found = Memory(run / FOLDER / _FILE).load(refuse)
        if not found:
            raise RunError(
                f"nobody was asked to follow `{run.name}`", at=str(run / FOLDER),
                hint=f"whet runs export {run.name} --to tensorboard; or `track.tee` in its config",
            )  # fmt: skip
        try:
            order = Order(*_parts(found, str(run / FOLDER / _FILE)))
        except WhetError as error:
            refuse("error", error.message)
            raise
        return replace(order, is_own=is_sealed(order.told(), str(found.get("seal") or "")))

    def store(self, run: Path) -> None:
        """Leave it in the run folder. Raises OSError."""
        Memory(run / FOLDER / _FILE).store({**self.told(), "seal": seal(self.told())})

    def told(self) -> dict[str, Any]:
        """What is written down, and sealed: all of it but by whom."""
        followed = [{"name": one.name, "kind": one.kind, "settings": one.settings} for one in self.followed]
        return {"followed": followed, "plugins": list(self.plugins)}

    @property
    def digest(self) -> str:
        """Tells it from any other: whoever has agreed to an order has agreed to no other one."""
        return text_digest(json.dumps(self.told(), sort_keys=True))

    def named(self, name: str) -> Followed:
        """The plug-in of that name."""
        return next(one for one in self.followed if one.name == name)

    def check_own(self, run: str) -> None:
        """Raise RunError where somebody else has left it, with what following the run would do."""
        if not self.is_own:
            done = [f"{one.kind} ({', '.join(f'{k}={v}' for k, v in one.settings.items())})" for one in self.followed]
            code = f", and run {', '.join(self.plugins)}" if self.plugins else ""
            said = f"hand what it logs to {'; '.join(done)}{code}"
            raise RunError(
                f"you have not asked anybody to follow `{run}`: whoever did would have this user {said}"[:1000],
                at=f"{run}/{FOLDER}/{_FILE}", hint=f"whet runs follow {run} --trust, if that is what you want",
            )  # fmt: skip

    def check(self) -> None:
        """Raise WhetError at the door for what would only fail in the follower: a secret, a package, a filter."""
        waiting_s()
        for one in self.followed:
            one.build()


def _parts(found: Mapping[str, Any], at: str) -> tuple[tuple[Followed, ...], tuple[str, ...]]:
    """Who follows, and the files of plug-ins, as an order on the disk tells them. Raises WhetError."""
    followed = []
    for one in field(found, "followed", list, at=at):
        told = checked(one, dict, at=at)
        name = file_name(field(told, "name", str, at=at), what="follower", at=at)
        followed.append(Followed(name, field(told, "kind", str, at=at), field(told, "settings", dict, at=at)))
    plugins = field(found, "plugins", list, at=at)
    return tuple(followed), tuple(checked(path, str, at=at) for path in plugins)


def memory_of(run: Path, name: str) -> Memory:
    """Where a plug-in's cursor and state lie."""
    return Memory(run / FOLDER / f"{name}.state.json")


def tracked(tee: Any = None, alerts: Any = None, plugins: Any = None) -> Order:
    """The order of a script, from what it gives to `init`: validated as the config's `track` is.

    `tee` is a name, a mapping or a list of these; `alerts` what `track.alerts` takes, or the path of a YAML file with
    it. Raises ConfigError.
    """
    from pydantic import ValidationError

    from whet.base.mistakes import explained

    files = [plugins] if isinstance(plugins, str | os.PathLike) else list(plugins or ())
    for path in files:
        load_plugin(user_path(path))
    tees = tee if isinstance(tee, list | tuple) else [] if tee is None else [tee]
    asked = {} if alerts is None else alerts
    origins: dict[KeyPath, str] = {}
    if isinstance(alerts, str | os.PathLike):
        asked, origins = alerts_from(alerts)
    try:
        followers = Followers.model_validate({"tee": tees, "alerts": asked})
        return Order.of(followers.tee, followers.alerts, files)
    except ValidationError as error:
        raise explained(error.errors(), Followers, origins) from None
    except ConfigError as error:  # of a filter
        if ("alerts",) in origins:
            error.at = f"{origins['alerts',]}: {error.at}"
        raise


def alerts_from(given: str | os.PathLike[str]) -> tuple[Any, dict[KeyPath, str]]:
    """`track.alerts` from a YAML file that has it, or is it, and where in the file each part of it stands.

    A word that is no file is the name of a channel. Raises ConfigError.
    """
    from whet.base.yaml import parse as read

    path = Path(given).expanduser()
    if not path.is_file():
        if path.suffix in (".yaml", ".yml") or os.sep in str(given):
            raise ConfigError("there is no such file", at=str(path), hint="a YAML file with `channels:`, or slack")
        return [str(given)], {}
    try:
        found, lines = read(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", at=str(path), hint="a YAML file with `channels:`") from None
    keys: KeyPath = ()
    for key in ("track", "alerts"):
        if isinstance(found, Mapping) and key in found:
            found, keys = found[key], (*keys, key)
    inner = {at[len(keys) :]: f"{path}:{line}" for at, line in lines.items() if at[: len(keys)] == keys}
    return found or {}, {("alerts",): str(path), **{("alerts", *at): place for at, place in inner.items() if at}}


def _followed(others: Sequence[Followed], settings: Any) -> Followed:
    values = {key: value for key, value in settings.model_dump(mode="json").items() if key != "kind"}
    return Followed(_free(others, settings.kind), settings.kind, values)


def _free(others: Sequence[Followed], name: str) -> str:
    """The name, numbered where it is taken."""
    taken = {one.name for one in others}
    number = next(n for n in range(1, len(taken) + 2) if (name if n == 1 else f"{name}-{n}") not in taken)
    return name if number == 1 else f"{name}-{number}"

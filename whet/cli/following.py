"""What `whet runs` does with followers: `follow`, `export --to` and `alert-test`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def follow(names: Sequence[str], root: Path, *, is_trusted: bool) -> None:
    """Follow runs to their ends by whom they were to be followed, here and now: as this user asked, or `is_trusted`."""
    from whet.base.errors import ConfigError
    from whet.track.follow.order import Order
    from whet.track.follow.supervisor import follow
    from whet.track.reading.store import find, latest_names

    if not names:
        name = next(iter(latest_names(root, 1)), "first")
        raise ConfigError("`follow` does not know which run", at="command line", hint=f"whet runs follow {name}")
    for name in names:
        folder = find(name, root)
        follow(folder, agreed=Order.load(folder).digest if is_trusted else "")
        print(f"{name}: followed to its end", file=sys.stderr)


def export_to(folders: Sequence[Path], words: Sequence[str]) -> None:
    """Hand all that runs have logged to a kind of follower, in this process."""
    from whet.base.catalogue import follower
    from whet.base.chosen import checked
    from whet.base.errors import RunError, WhetError, one_line
    from whet.cli.kinds import named
    from whet.track.follow.delivery import Memory, hand_over
    from whet.track.follow.secrets import redacted

    name, given = named(words, "folder=tb")
    kind = follower.get(name)
    settings: dict[str, Any] = checked(kind, given)

    def tell(level: str, text: str) -> None:
        print(f"{level}: {text}", file=sys.stderr)

    for folder in folders:
        with tempfile.TemporaryDirectory() as nowhere:
            plugin = kind.build(**settings)
            try:
                hand_over(folder, plugin, tell, Memory(Path(nowhere, "state.json")))
            except WhetError:
                raise
            except Exception as error:  # of a package or a server of somebody else
                raise RunError(
                    f"{name} does not take the run `{folder.name}`: {redacted(one_line(error))}",
                    at=str(folder),
                    hint=f"whet slots follower {name} has its settings",
                ) from error
        if plugin.place:
            print(f"{folder.name}: {plugin.place}", file=sys.stderr)
    print(f"{len(folders)} run{'s' * (len(folders) != 1)} handed to {name}", file=sys.stderr)


def alert_test(words: Sequence[str], root: Path, *, is_trusted: bool) -> int:
    """Send a message over every channel of a config, a file of alerts, a run or WHET_ALERTS. 0 if all took it."""
    import os
    import time

    from whet.base.errors import ConfigError, one_line
    from whet.track.follow.kinds.alerts import opened
    from whet.track.follow.message import message
    from whet.track.follow.secrets import redacted
    from whet.track.follow.undelivered import Undelivered
    from whet.track.script.api import ALERTS_VARIABLE

    given = words[0] if words else os.environ.get(ALERTS_VARIABLE)
    channels = _channels(given, root, is_trusted=is_trusted) if given else []
    if not channels:
        raise ConfigError(
            "there is no channel to test", at=str(given or "command line"), hint="whet runs alert-test run.yaml"
        )
    failed = 0
    for to in channels:
        name = to.account or to.channel.kind
        test = message("whet", "info", "a test", "Alerts of your runs will come this way.", 0, time.time())
        try:
            opened(to).send(test)
            print(f"{name}: sent")
        except Undelivered as error:
            failed += 1
            print(f"{name}: not sent: {redacted(one_line(error).partition(': ')[2])}")
    return 1 if failed else 0


def _channels(given: str, root: Path, *, is_trusted: bool) -> Sequence[Any]:
    from whet.base.alerts import AlertChannel
    from whet.track.follow.order import Order, tracked
    from whet.track.reading.store import find

    if (root / given).is_dir() or Path(given).is_dir():
        order = Order.load(find(given, root))
        if not is_trusted:
            order.check_own(given)
    else:
        order = tracked(alerts=given)
    return [AlertChannel.model_validate(one.settings["to"]) for one in order.followed if one.kind == "alerts"]

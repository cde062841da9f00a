"""`whet runs push` and `import`: runs that leave this folder for a server, and runs of others that come in."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path


def push(names: Sequence[str], root: Path, to: str, *, is_followed: bool) -> int:
    """Make runs the same on a server; the address of each there goes to stdout."""
    from contextlib import closing

    from whet.base.errors import ConfigError, RunError, setting_secret
    from whet.base.units import size
    from whet.cli import exit_codes
    from whet.track.push.address import address_of
    from whet.track.push.client import Client, Refused, Unreachable
    from whet.track.push.following import follow
    from whet.track.push.sending import Push
    from whet.track.reading.store import find, latest_names

    if not names:
        name = next(iter(latest_names(root, 1)), "chat")
        hint = f"whet runs push {name} --to {to or 'http://127.0.0.1:8000'}"
        raise ConfigError("it is not said which run", at="command line", hint=hint)
    folders = [find(name, root) for name in names]
    client, code = Client(address_of(to or None)), exit_codes.DONE
    with closing(client):
        for folder in folders:
            sending = Push(folder, client, lambda text: print(f"whet: {text}", file=sys.stderr))
            try:
                if is_followed:
                    follow(folder, sending)
                else:
                    sending.round()
            except (Unreachable, Refused) as error:
                hint = "the same command goes on where this one ended"
                if isinstance(error, Refused) and error.status == 401:
                    hint = f"{setting_secret('WHET_TOKEN')}: what stands behind `?token=` there"
                raise RunError(
                    f"the run `{folder.name}` is not pushed: {error}", at=str(client.address), hint=hint
                ) from None
            print(f"{client.address}/api/v1/runs/{sending.name}")
            print(f"{folder.name}: {size(sending.num_bytes)} sent", file=sys.stderr)
            for path, reason in sending.left_out.items():
                print(f"left out {path}: {reason}", file=sys.stderr)
                code = exit_codes.FAILED
    return code


def bring_in(paths: Sequence[str], root: Path) -> int:
    """Read runs of other trackers; the names they have here go to stdout."""
    from whet.base.errors import ConfigError
    from whet.base.paths import user_path
    from whet.cli import exit_codes
    from whet.track.imports import import_runs

    if not paths:
        raise ConfigError(
            "it is not said what to import", at="command line", hint="whet runs import wandb, or another folder of runs"
        )
    code = exit_codes.DONE
    for path in paths:
        for done in import_runs(user_path(path), root):
            print(done.name)
            print(done.line(), file=sys.stderr)
            code = code if done.is_whole else exit_codes.FAILED
    return code

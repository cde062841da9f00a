"""Runs that are pushed, who pushes them, and that both sides hold the same."""

import filecmp
import os
from pathlib import Path

import whet.track as track
from tests.server.world import TOKEN, Client
from whet.track.push import client as push_client
from whet.track.push.address import Address
from whet.track.push.blocks import is_pushed
from whet.track.push.sending import Push


def files_of(folder: Path) -> list[str]:
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if is_pushed(path))


def assert_same(mine: Path, theirs: Path) -> None:
    assert files_of(mine) == files_of(theirs)
    _, different, wrong = filecmp.cmpfiles(mine, theirs, files_of(mine), shallow=False)
    assert (different, wrong) == ([], [])


def made(root: Path, name: str = "run", steps: int = 500, num_bytes: int = 77) -> Path:
    """A run with media, a file of random bytes, an empty one and odd names."""
    with track.init(project="p", name=name, dir=root, reinit="create_new") as run:
        for step in range(steps):
            run.log({"loss": 1.0 / (step + 1), "acc": step / steps})
        run.log({"page": track.Html("<b>x</b>")})
    folder = Path(run.dir)
    (folder / "model").mkdir()
    (folder / "model" / "weights.bin").write_bytes(os.urandom(num_bytes))
    (folder / "model" / "empty").write_bytes(b"")
    (folder / "odd näme ?&#%.txt").write_text("odd")
    (folder / "lock").write_text("")
    return folder


def pusher(folder: Path, server: Client, said: list[str] | None = None) -> Push:
    address = Address("http", "127.0.0.1", server.port, "", TOKEN)
    return Push(folder, push_client.Client(address), (said if said is not None else []).append)

"""Sending a run folder: what the server lacks of it, round after round, resumed from what the server says it has."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from whet.base.errors import RunError
from whet.base.regular import opened
from whet.track.push.blocks import BIRTH_BYTES, BLOCK_BYTES, Prefix, block_digests, is_log, is_pushed
from whet.track.push.client import Client, Refused, Unreachable, told_of
from whet.track.reading.store import LOGS, history
from whet.track.script.described import described

# What whoever pushes is told.
Tell = Callable[[str], None]
# Files that change while they are read are tried so often in a round.
_TRIES = 3


class Push:
    """One run on its way to a server. Nothing is kept of it here: the server says what it has.

    `name` is what the run is called there, once `begin` has asked.
    """

    def __init__(self, folder: Path, client: Client, tell: Tell) -> None:
        self.folder, self._client, self._tell = folder, client, tell
        self.name = ""
        self.num_bytes = 0
        self.left_out: dict[str, str] = {}
        self._apart: list[str] = []
        self._births: dict[str, bytes] = {}
        self._there: dict[str, int] = {}
        self._prefixes: dict[str, Prefix] = {}
        self._known: dict[str, tuple[int, int]] = {}

    def round(self, ends: dict[str, int] | None = None, *, with_files: bool = True) -> None:
        """Send what is there now: files first, then logs, which speak of them, up to `ends` (by default all of it).

        Raises Unreachable, Refused, OSError, and RunError where the run has no log yet.
        """
        sizes = {path: (self.folder / path).stat().st_size for path in self._logs()}
        ends = sizes if ends is None else {path: min(size, ends.get(path, 0)) for path, size in sizes.items()}
        self.begin()
        if with_files:
            for path in self._files():
                self._send_file(path)
        for path, end in ends.items():
            if not self._send_log(path, end):
                self._part()
                self.round(ends, with_files=with_files)
                return

    def begin(self) -> None:
        """Ask for the run's name there, whenever it has logs that the server does not know."""
        births = {}
        for path in self._logs():
            with opened(self.folder / path, "rb") as file:
                births[path] = file.read(BIRTH_BYTES)
        births = {path: birth for path, birth in births.items() if len(birth) > 64}
        if not births:
            raise RunError("this run has no log yet", at=str(self.folder), hint="push it once it has begun")
        if self.name and births.keys() == self._births.keys():
            return
        logs = {path: base64.b64encode(birth).decode() for path, birth in births.items()}
        asked = {"logs": logs, "project": str(described(history(self.folder)).about.get("project") or "")}
        own = self.folder.resolve().name
        told = self._client.ask("POST", own, json.dumps({**asked, "apart": self._apart}).encode())
        name = told_of(told, "run", str)
        if not self.name and name != own:
            self._tell(f"`{own}` is another run there: this one is kept apart as `{name}`")
        self.name, self._births = name, births
        sizes = self._client.ask("GET", f"{self.name}/logs")
        self._there = {path: told_of(sizes, path, int) for path in sizes}

    def _send_log(self, path: str, end: int) -> bool:
        """Add what the server lacks of a log. False where it has another log of that name."""
        prefix = self._prefixes.setdefault(path, Prefix())
        with opened(self.folder / path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            while True:
                start = self._there.get(path, 0)
                if start > size:
                    return False
                piece = os.pread(file.fileno(), min(BLOCK_BYTES, max(0, end - start)), start)
                digest = prefix.digest(file.fileno(), start)
                try:
                    told = self._client.ask("PUT", f"{self.name}/logs/{path}", piece, offset=start, prefix=digest)
                except Refused as refused:
                    if refused.more.get("differs"):
                        return False
                    if not isinstance(refused.more.get("size"), int) or refused.more["size"] == start:
                        raise
                    self._there[path] = refused.more["size"]  # an answer was lost, or another pushes too
                    continue
                self._there[path] = told_of(told, "size", int)
                self.num_bytes += len(piece)
                if self._there[path] >= end:
                    return True

    def _send_file(self, path: str) -> None:
        """Make a file the same there; what the server refuses, or what does not hold still, is noted in `left_out`."""
        place = self.folder / path
        for _ in range(_TRIES):
            try:
                about = place.stat()
                stamp = about.st_mtime_ns, about.st_size
                if self._known.get(path) == stamp:
                    return
                if self._send_blocks(path, block_digests(place)) and place.stat().st_mtime_ns == stamp[0]:
                    self._known[path] = stamp
                    self.left_out.pop(path, None)
                    return
            except FileNotFoundError:  # it is gone, as old checkpoints go
                return
            except Refused as refused:
                if refused.is_passing or refused.status in (401, 403):
                    raise
                self.left_out[path] = refused.message
                return
        self.left_out[path] = "it changes while it is read"

    def _send_blocks(self, path: str, digests: list[str]) -> bool:
        """Whether the server has the file of these blocks in the end."""
        asked = json.dumps({"blocks": digests}).encode()
        place = f"{self.name}/files/{path}"
        missing = told_of(self._client.ask("POST", place, asked), "missing", list)
        places = {digest: number for number, digest in enumerate(digests)}
        if not places.keys() >= set(map(str, missing)):
            raise Unreachable("what answers there is no server of whet's: it asks for blocks of no file")
        with opened(self.folder / path, "rb") as file:
            for digest in missing:
                file.seek(places[digest] * BLOCK_BYTES)
                data = file.read(BLOCK_BYTES)
                if hashlib.sha256(data).hexdigest() != digest:
                    return False
                self._client.ask("PUT", f"{self.name}/blocks/{digest}", data)
                self.num_bytes += len(data)
        return not missing or not told_of(self._client.ask("POST", place, asked), "missing", list)

    def _part(self) -> None:
        """The run there is another one: the server is asked for a name that is neither."""
        self._apart.append(self.name)
        self.name, self._births = "", {}
        self._there.clear()
        self._known.clear()

    def _logs(self) -> list[str]:
        names = sorted(os.listdir(self.folder / LOGS)) if (self.folder / LOGS).is_dir() else []
        return [path for name in names if is_log(path := f"{LOGS}/{name}") and (self.folder / path).is_file()]

    def _files(self) -> Iterator[str]:
        """Regular files of the run but logs, by relative path; links are left out, and what cannot be named."""
        for place, folders, names in os.walk(self.folder):
            folders.sort()
            for name in sorted(names):
                found = Path(place, name)
                path = found.relative_to(self.folder).as_posix()
                if is_log(path) or not is_pushed(path):
                    continue
                if found.is_symlink() or not found.is_file() or not path.isprintable():
                    self.left_out[ascii(path)[1:-1]] = "it is no regular file, or has an odd name"
                else:
                    yield path


def report(push: Push) -> dict[str, Any]:
    """What a push has done: the run's name there, bytes sent, and what was left out with reasons."""
    return {"run": push.name, "bytes": push.num_bytes, "left_out": dict(push.left_out)}

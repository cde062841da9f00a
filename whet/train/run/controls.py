"""Controls: the only way into a running loop. A file in the run folder, and signals."""

from __future__ import annotations

import signal
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from whet.base.errors import RunError
from whet.base.regular import opened

REQUESTS = ("stop", "checkpoint", "pause")


def forget_old(folder: Path, path: Path, *, touched: Collection[str] = ()) -> str | None:
    """Remove what was asked of an attempt that was killed: requests older than the last file that it wrote.

    Called before the new attempt writes into the run's `folder`; `touched` are names of files that it has written.
    Returns a sentence where something is forgotten.
    """
    files = (file for part in (folder, folder / "track") if part.is_dir() for file in part.iterdir() if file.is_file())
    signs = [file.stat().st_mtime_ns for file in files if file != path and file.name not in touched]
    try:
        if not signs or path.stat().st_mtime_ns >= max(signs):
            return None
        with opened(path, errors="replace") as file:
            asked = [word for word in file.read().split() if word in REQUESTS]
        path.unlink()
    except OSError:
        return None
    return f"`{' '.join(asked)}` was asked of an attempt that is over, and is forgotten" if asked else None


def ask(path: Path, word: str) -> None:
    """Ask something of a run through its `controls` file, beside what is asked already.

    Raises RunError for another word than those of REQUESTS, and where the file cannot be written.
    """
    if word not in REQUESTS:
        raise RunError(f"a run does not know {ascii(word[:40])}", at=str(path), hint=f"one of {', '.join(REQUESTS)}")
    try:
        with opened(path, "ab", buffering=0) as file:
            file.write(f"{word}\n".encode())
    except OSError as error:
        raise RunError(f"it cannot be asked: {error.strerror}", at=str(path), hint=f"echo {word} > {path}") from None


class Controls:
    """Requests to a run: words in its `controls` file (`stop`, `checkpoint`, `pause`), and SIGTERM or SIGINT as stop.

    `poll` is called once a step. `checkpoint` is a request for once and is removed when read; `pause`
    holds until the word is removed; `stop` ends the attempt after a checkpoint. What is asked before an attempt begins
    is heard by it; with its end everything asked is forgotten. Of an attempt that was killed the next one forgets it
    (`forget_old`).
    """

    def __init__(self, path: Path, is_writer: bool) -> None:
        self._path, self._is_writer = path, is_writer
        self._signalled = False

    def poll(self) -> dict[str, float]:
        """1.0 for each request that this rank has seen. Ranks add them up."""
        words = self._words() if self._is_writer else set()
        if "checkpoint" in words:
            with suppress(OSError):  # a full disk is told by the checkpoint itself
                self._path.write_text("\n".join(sorted(words - {"checkpoint"})))
        return {r: float(r in words or (r == "stop" and self._signalled)) for r in REQUESTS}

    def forget(self) -> None:
        """Remove what was asked of the attempt that ends."""
        if self._is_writer:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Turn SIGTERM and the first Ctrl-C into a stop request inside the block; a second Ctrl-C interrupts."""
        caught = (signal.SIGTERM, signal.SIGINT)
        try:
            before = {number: signal.signal(number, self._on_signal) for number in caught}
        except ValueError:  # not the main thread: the program that runs us keeps its signals
            yield
            return
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: object) -> None:
        if self._signalled and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._signalled = True

    def _words(self) -> set[str]:
        try:
            with opened(self._path, errors="replace") as file:
                return set(file.read().split())
        except OSError:
            return set()

"""A bar on stderr while something takes, if someone is looking."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def waiting(label: str) -> Iterator[Callable[[str], None]]:
    """A turning sign on stderr beside `label`; gives what replaces the label. Says nothing where nobody looks."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True)
    with console.status(Text(label), spinner="dots" if console.encoding.startswith("utf") else "line") as status:
        yield lambda text: status.update(Text(text))


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None] | None]:
    """Gives what is told how many of how many are done; None where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        row = bar.add_task(label)
        yield lambda done, total: bar.update(row, completed=done, total=total)

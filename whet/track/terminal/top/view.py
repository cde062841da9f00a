"""What the reader has chosen: which run, which curve, which filter; and what a key changes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from whet.base.errors import WhetError
from whet.track.reading.query import Query, parse

QUIT = "quit"
_HELP = (
    "up down, j k   choose a run        left right, h l   choose a curve",
    "PgUp PgDn      a page of runs      Home End, g G     first, last run",
    '/              filter, such as loss < 2 and tag == "best"; empty for all',
    "a              only runs that are running      y   logarithmic values",
    "?              this help                       q   leave",
)


@dataclass(slots=True)
class View:
    """The state of the screen. Keys are letters, or names such as `up` and `enter`."""

    query: Query = field(default_factory=lambda: parse(""))
    only_live: bool = False
    is_log: bool = False
    is_help: bool = False
    chosen: str | None = None
    metric: int = 0
    typed: str | None = None
    told: str = ""

    def key(self, key: str, names: Sequence[str], num_metrics: int, page: int) -> bool:
        """Take a key; `names` are the runs on the list. Returns False for the one that leaves."""
        if self.typed is not None:
            self._type(key)
            return True
        self.told = ""
        place = names.index(self.chosen) if self.chosen in names else 0
        moves = {"up": -1, "k": -1, "down": 1, "j": 1, "page up": -page, "page down": page,
                 "home": -len(names), "g": -len(names), "end": len(names), "G": len(names)}  # fmt: skip
        if key in ("q", "interrupt"):
            return False
        if key in moves and names:
            self.chosen = names[min(max(0, place + moves[key]), len(names) - 1)]
        elif key in ("left", "h", "right", "l", "tab") and num_metrics:
            self.metric = (self.metric + (-1 if key in ("left", "h") else 1)) % num_metrics
        elif key == "/":
            self.typed = self.query.text
        elif key == "a":
            self.only_live = not self.only_live
        elif key == "y":
            self.is_log = not self.is_log
        elif key == "?":
            self.is_help = not self.is_help
        elif key == "escape":
            self.is_help, self.query = False, parse("")
        return True

    @property
    def help(self) -> Sequence[str]:
        """What the keys do, in lines of 80 columns."""
        return _HELP

    def _type(self, key: str) -> None:
        """A key while a filter is typed."""
        typed = self.typed or ""
        if key == "enter":
            try:
                self.query, self.told = parse(typed), ""
            except WhetError as error:
                self.told = str(error).splitlines()[0]
            self.typed = None
        elif key in ("escape", "interrupt"):
            self.typed = None
        elif key == "backspace":
            self.typed = typed[:-1]
        elif key == "clear":
            self.typed = ""
        elif len(key) == 1:
            self.typed = typed + key

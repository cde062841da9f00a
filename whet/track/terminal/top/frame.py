"""One frame of `whet top`: lines of styled text that fill a terminal of some size, from the runs and the view."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.text import Text

from whet.base.errors import STARTS
from whet.base.units import duration, figure, size
from whet.track.reading.read import History
from whet.track.reading.store import Summary
from whet.track.terminal.curves import Glyphs, Series, draw, sparkline
from whet.track.terminal.progress import printable
from whet.track.terminal.top.tails import ConsoleTail, notices
from whet.track.terminal.top.view import View
from whet.track.terminal.top.watching import LIVE, Followed, Watched

LEAST = (40, 12)
# From so many columns on there are two charts side by side, and small curves in the list.
_WIDE, _SPARK = 110, 16
_STYLES = {"running": "green", "new": "green", "killed": "red", "failed": "red", "stopped": "yellow"}
# Columns of the list beside the name, with two blanks before each; narrow terminals have no room for the last two.
_COLUMNS = {"STATUS": 9, "STEP": 14, "LOSS": 10, "SPEED": 14, "LEFT": 9}
_NAME_WIDTH = 16
# The curves that people look at first.
_FIRST = ("loss", "train/loss", "eval/loss", "val_loss", "reward", "accuracy", "grad_norm", "lr", "learning_rate")
_HELD_OUT, _MACHINE = "eval/", "machine"
_AXES = "│┤└|+"
_HARDWARE = (
    ("cpu/percent", "CPU", "%"), ("memory/used_bytes", "memory", "B"), ("process/memory_bytes", "process", "B"),
    ("disk/written_bytes_per_s", "disk", "B/s"), ("network/received_bytes_per_s", "net", "B/s"),
)  # fmt: skip


class Screen:
    """Draws frames. What it has read of the chosen run's console is kept between them."""

    def __init__(self, watched: Watched, glyphs: Glyphs) -> None:
        self._watched, self._glyphs = watched, glyphs
        self._tails: dict[str, ConsoleTail] = {}

    def frame(self, view: View, width: int, height: int) -> list[Text]:
        """`height` lines of at most `width` columns. Chooses the first run where the chosen one is gone."""
        runs = self._watched.runs(view.query, only_live=view.only_live)
        names = [run.name for run in runs]
        if view.chosen not in names:
            view.chosen = names[0] if names else None
        if width < LEAST[0] or height < LEAST[1]:
            told = [Text(f"{width} x {height} is too small"), Text(f"for {LEAST[0]} x {LEAST[1]}")]
            return _filled(told, width, height, self._glyphs)
        start, shown = _window(names, view.chosen, self.page(height))
        lines = [self._head(view, runs, (start, start + shown), width)]
        lines += self._list(view, runs[start : start + shown], width)
        if view.is_help:
            lines += [Text(), *map(Text, view.help)]
        elif view.chosen is not None:
            run = next(run for run in runs if run.name == view.chosen)
            lines += self._run(view, run, width, height - len(lines) - 1)
        elif not runs:
            lines += [Text(), *map(Text, _nothing(view, self._watched.root))]
        return [
            *_filled(lines, width, height - 1, self._glyphs),
            *_filled([_foot(view, width)], width, 1, self._glyphs),
        ]

    def page(self, height: int) -> int:
        """How many runs the list shows at most."""
        return max(3, (height - 2) // 4)

    def metrics(self, view: View) -> list[str]:
        """The curves of the chosen run, those that people look at first before the others."""
        return curve_names(self._watched.logs(view.chosen)) if view.chosen else []

    def _head(self, view: View, runs: Sequence[Summary], window: tuple[int, int], width: int) -> Text:
        live = sum(run.status in LIVE for run in runs)
        start, end = window
        is_part = end - start < len(runs)
        what = f"{live} running, {f'{start + 1} to {end} of {len(runs)}' if is_part else f'{len(runs)} in all'}"
        left = f"whet top  {what}"
        left += f"  filter: {printable(view.query.text)}" if view.query.text else ""
        left += f"  {printable(str(self._watched.root))}"
        clock = time.strftime("%H:%M:%S")
        return Text(f"{_cut(left, width - len(clock) - 2):<{width - len(clock)}}{clock}", style="bold")

    def _list(self, view: View, shown: Sequence[Summary], width: int) -> list[Text]:
        longest = max((len(run.name) for run in shown), default=4)
        columns = _columns(width)
        has_spark = width >= _WIDE
        spare = width - 2 - sum(columns.values()) - (_SPARK + 2 if has_spark else 0)
        name_width = max(6, min(spare, longest))
        head = "  " + "RUN".ljust(name_width) + "".join(_cell(title, title, columns) for title in columns)
        lines = [Text(head + ("  LOSS OF LATE" if has_spark else ""), style="dim")]
        return lines + [self._row(run, run.name == view.chosen, name_width, columns, has_spark) for run in shown]

    def _row(self, run: Summary, is_chosen: bool, name_width: int, columns: Mapping[str, int], has_spark: bool) -> Text:
        followed = self._watched.followed(run.name)
        left = followed.left_s if followed is not None else None
        cells = {
            "STATUS": run.status,
            "STEP": "-" if run.step is None else str(run.step) if run.total is None else f"{run.step}/{run.total}",
            "LOSS": "-" if run.loss is None else figure(run.loss),
            "SPEED": _speed(run, followed),
            "LEFT": "-" if left is None else duration(left),
        }
        line = Text("> " if is_chosen else "  ", style="bold" if is_chosen else "")
        line.append(_cut(printable(run.name), name_width).ljust(name_width))
        for title in columns:
            line.append(_cell(title, cells[title], columns), style=_STYLES.get(cells[title], ""))
        if has_spark and followed is not None:
            line.append("  " + sparkline(followed.logs.recent("loss"), _SPARK, glyphs=self._glyphs))
        return line

    def _run(self, view: View, run: Summary, width: int, height: int) -> list[Text]:
        """The chosen run: a rule with its name, charts, hardware, the end of its console."""
        logs = self._watched.logs(run.name)
        hardware = _hardware(logs)
        num_tail = max(0, min(8, (height - 2) // 4))
        tail = self._tail(run, logs, num_tail)
        chart_height = height - 1 - len(hardware[:1]) - len(tail)
        dash = "─" if self._glyphs == "braille" else "-"
        title = f"{dash}{dash} {printable(run.name)} "
        if run.reason:
            title += f"({_cut(printable(run.reason), max(10, width // 2))}) "
        elif run.started:
            title += f"({_told(run, logs)}) "
        lines = [Text(_cut(title, width).ljust(width, dash), style="bold")]
        lines += self._charts(view, logs, width, chart_height)
        lines += [Text(_cut("  ".join(hardware), width), style="cyan")] if hardware else []
        return lines + [Text(_cut(line, width), style="dim") for line in tail]

    def _charts(self, view: View, logs: History, width: int, height: int) -> list[Text]:
        names = curve_names(logs)
        if not names or height < 5:
            return _filled([Text("no curves yet")] if not names else [], width, height, self._glyphs)
        view.metric %= len(names)
        first = names[view.metric]
        # Beside it the next one that it does not show already.
        others = [name for name in names[view.metric + 1 :] + names[: view.metric] if name != f"{_HELD_OUT}{first}"]
        shown = [first, *others[:1]] if width >= _WIDE else [first]
        wide = (width - 2 * (len(shown) - 1)) // len(shown)
        drawn = [self._chart(view, logs, name, wide, height) for name in shown]
        return [_beside([chart[row] if row < len(chart) else "" for chart in drawn], wide) for row in range(height)]

    def _chart(self, view: View, logs: History, name: str, width: int, height: int) -> list[str]:
        """A curve with, of a loss, its held-out twin; the legend, the axis and its numbers take three lines."""
        twin = f"{_HELD_OUT}{name}"
        series = [
            Series(printable(one), *logs.curve(one, 4 * width).points())
            for one in ((name, twin) if twin in logs.names() else (name,))
        ]
        text = draw(series, width=width, height=max(2, height - 3), log=view.is_log, glyphs=self._glyphs)
        return [line[:width] for line in text.splitlines()][:height]

    def _tail(self, run: Summary, logs: History, most: int) -> Sequence[str]:
        tail = self._tails.setdefault(run.name, ConsoleTail(run.folder))
        return tail.lines(most) or notices(logs, most)


def curve_names(logs: History) -> list[str]:
    """The speaker's curves, those that people look at first before the others."""
    names = logs.names(logs.speaker)
    return sorted(names, key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), names.index(name)))


def _hardware(logs: History) -> list[str]:
    """The last samples of the machine, where the run has them."""
    writers = [writer for writer in logs.writers if writer.startswith(_MACHINE)]
    if not writers:
        return []
    known = logs.names(writers[0])

    def told(label: str, parts: Sequence[tuple[str, str]]) -> str:
        """The newest values of these curves behind a label; nothing where none is there."""
        values = [(logs.recent(name, writers[0]), unit) for name, unit in parts if name in known]
        words = [_measured(float(found[-1]), unit) for found, unit in values if len(found)]
        return " ".join([label, *words]) if words else ""

    devices = sorted({name.partition("/")[0] for name in known if name.startswith("gpu")})
    found = [told(label, [(name, unit)]) for name, label, unit in _HARDWARE]
    found += [told(f"GPU {device[3:]}", [(f"{device}/{part}", unit) for part, unit in _OF_GPUS]) for device in devices]
    return [words for words in found if words]


_OF_GPUS = (("percent", "%"), ("memory_bytes", "B"), ("power_w", "W"))


def _beside(cells: Sequence[str], width: int) -> Text:
    """A row of charts side by side: axes dim, curves in colour, words of the legend as they are."""
    line = Text()
    for cell in cells:
        axis = next((place for place, letter in enumerate(cell) if letter in _AXES), None)
        is_plot = axis is not None and not cell[:axis].strip(" .-0123456789eknMGT")
        line.append("  " if line.plain else "")
        if axis is None or not is_plot:
            line.append(cell.ljust(width), style="" if cell[:1].strip() else "dim")
        else:
            line.append(cell[: axis + 1], style="dim")
            line.append(cell[axis + 1 :].ljust(width - axis - 1), style="bright_blue")
    line.rstrip()
    return line


def _measured(value: float, unit: str) -> str:
    if unit.startswith("B"):
        return f"{size(value)}{unit[1:]}"
    return f"{figure(round(value, 1))}{'' if unit == '%' else ' '}{unit}"


def _columns(width: int) -> dict[str, int]:
    """The columns that leave room for names."""
    columns = dict(_COLUMNS)
    for title in ("SPEED", "LEFT"):
        if width - 2 - sum(columns.values()) < _NAME_WIDTH:
            del columns[title]
    return columns


def _cell(title: str, text: str, columns: Mapping[str, int]) -> str:
    """A cell of the list; words stand at the left, numbers at the right."""
    return f"  {text:<{columns[title] - 2}}" if title == "STATUS" else f"  {text:>{columns[title] - 2}}"


def _window(names: Sequence[str], chosen: str | None, most: int) -> tuple[int, int]:
    """The first run on the list and how many follow, with the chosen one among them."""
    place = names.index(chosen) if chosen in names else 0
    return min(max(0, place - most // 2), max(0, len(names) - most)), min(most, len(names))


def _told(run: Summary, logs: History) -> str:
    """How long it has run, in how many attempts and ranks, and how long ago it last said something."""
    words = [duration(run.duration_s)]
    words += [f"{run.attempts} attempts"] if run.attempts > 1 else []
    words += [f"{len(logs.ranks)} ranks"] if len(logs.ranks) > 1 else []
    if run.status in LIVE and logs.spans:
        words.append(f"last word {duration(max(0.0, round(time.time() - logs.spans[-1][1])))} ago")
    return ", ".join(words)


def _speed(run: Summary, followed: Followed | None) -> str:
    """Tokens a second where the run counts them, else steps a second of one that is running."""
    if run.tokens_per_s is not None:
        return f"{figure(run.tokens_per_s)} tok/s"
    pace = followed.steps_per_s if followed is not None and run.status in LIVE else None
    return "-" if pace is None else f"{figure(pace)} st/s"


def _nothing(view: View, root: Path) -> tuple[str, str]:
    if view.query.text or view.only_live:
        return "no run is so", "Escape takes the filter away, `a` shows those that have ended too"
    return f"no runs under {printable(str(root))}", f"`{STARTS}` starts one"


def _foot(view: View, width: int) -> Text:
    if view.typed is not None:
        return Text(f"filter: {view.typed}_"[-width:], style="bold")
    if view.told:
        return Text(_cut(view.told, width), style="red")
    keys = "q quit  up/down run  left/right curve  / filter  a running  y log  ? help"
    return Text(_cut(keys, width), style="dim")


def _filled(lines: Sequence[Text], width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """Exactly so many lines, none wider; letters that the terminal has not become question marks."""
    found = list(lines[:height]) + [Text()] * (height - len(lines))
    if glyphs == "ascii":
        found = [_ascii(line) for line in found]
    for line in found:
        line.truncate(width)
    return found


def _ascii(line: Text) -> Text:
    plain = "".join(letter if letter.isascii() else "?" for letter in line.plain)
    return Text(plain, style=line.style, spans=list(line.spans))


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(0, width - 3)] + "..."

"""Text, Html and Table: what is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from whet.track.script.media.base import Media, MediaFolder, as_file, without_empty
from whet.track.script.plain import plain, to_json


class Text(Media):
    """Words, as they are."""

    kind = "text"

    def __init__(self, data: Any, caption: str | None = None) -> None:
        self.data, self.caption = str(data), caption

    def store(self, folder: MediaFolder) -> dict[str, Any]:
        return without_empty({"text": self.data, "caption": self.caption})


class Html(Media):
    """A page: its text, an open file, or the path of one. Viewers show it without scripts."""

    kind = "html"

    def __init__(self, data: Any, inject: bool = True, caption: str | None = None) -> None:
        self._data, self.caption = data, caption

    def store(self, folder: MediaFolder) -> dict[str, Any]:
        if path := as_file(self._data):
            kept = folder.copy(path)
        else:
            text = self._data if isinstance(self._data, str) else self._data.read()
            kept = folder.put(text.encode() if isinstance(text, str) else bytes(text), ".html")
        return without_empty({**kept, "caption": self.caption})


class Table(Media):
    """Rows under columns; a cell may be another medium. `rows` and `dataframe` are other ways to give `data`."""

    kind = "table"

    def __init__(
        self,
        columns: Sequence[Any] | None = None,
        data: Any = None,
        rows: Any = None,
        dataframe: Any = None,
        dtype: Any = None,
        optional: Any = True,
        allow_mixed_types: bool = False,
        **more: Any,
    ) -> None:
        given = data if data is not None else rows
        frame = dataframe if dataframe is not None else given if _is_frame(given) else None
        if frame is not None:
            columns, given = list(frame.columns), frame.values.tolist()
        self.data: list[list[Any]] = [list(row) for row in (() if given is None else given)]
        width = len(self.data[0]) if self.data else 3
        default = ["Input", "Output", "Expected"] if width == 3 else [f"column {n + 1}" for n in range(width)]
        self.columns = [str(name) for name in (default if columns is None else columns)]
        for row in self.data:
            self._check(row)

    def add_data(self, *cells: Any) -> None:
        """Add a row. Raises ValueError for one of another length."""
        self._check(cells)
        self.data.append(list(cells))

    add_row = add_data

    def add_column(self, name: str, data: Sequence[Any]) -> None:
        """Add a column at the right. Raises ValueError for one of another length."""
        if self.data and len(data) != len(self.data):
            raise ValueError(f"the table has {len(self.data)} rows, the column `{name}` {len(data)}")
        rows = self.data or [[] for _ in data]
        self.data = [[*row, cell] for row, cell in zip(rows, data, strict=True)]
        self.columns = [*(self.columns if rows[0:1] != [[]] else ()), str(name)]

    def get_column(self, name: str, convert_to: str | None = None) -> Any:
        """The cells of a column, as a list or, with `convert_to="numpy"`, as an array."""
        place = self.columns.index(name)
        cells = [row[place] for row in self.data]
        if convert_to == "numpy":
            import numpy as np

            return np.array(cells)
        return cells

    def iterrows(self) -> Iterator[tuple[int, list[Any]]]:
        """Number and cells of each row."""
        yield from enumerate(self.data)

    def store(self, folder: MediaFolder) -> dict[str, Any]:
        cells = [[c.entry(folder) if isinstance(c, Media) else plain(c) for c in row] for row in self.data]
        kept = folder.put(to_json({"columns": self.columns, "data": cells}), ".table.json")
        return {**kept, "columns": self.columns, "rows": len(self.data)}

    def _check(self, row: Sequence[Any]) -> None:
        if len(row) != len(self.columns):
            raise ValueError(f"the table has {len(self.columns)} columns, and a row has {len(row)} cells")


def _is_frame(data: Any) -> bool:
    """Whether it is a data frame, of whichever library: a table that names its columns."""
    return data is not None and not isinstance(data, Sequence) and "columns" in dir(data)

"""What the front end was built into: the page, and the script and styles that draw a report by itself."""

from __future__ import annotations

from pathlib import Path

from whet.base.errors import RunError

FOLDER = Path(__file__).parent / "page"


def is_built() -> bool:
    """Whether there is a page to serve; in a source tree `make web` makes it."""
    return (FOLDER / "index.html").is_file()


def viewer() -> tuple[str, str]:
    """The script and the styles of a report. Raises RunError where the front end was not built."""
    try:
        return tuple((FOLDER / name).read_text(encoding="utf-8") for name in ("report.js", "report.css"))  # type: ignore[return-value]
    except OSError:
        raise RunError("the front end of this source tree was not built", at=str(FOLDER), hint="make web") from None

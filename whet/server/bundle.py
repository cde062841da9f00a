"""What the front end was built into: the page, and scripts and styles of what stands by itself."""

from __future__ import annotations

from pathlib import Path

from whet.base.errors import RunError

FOLDER = Path(__file__).parent / "page"


def is_built() -> bool:
    """Whether there is a page to serve; in a source tree `make web` makes it."""
    return (FOLDER / "index.html").is_file()


def viewer() -> tuple[str, str]:
    """The script and the styles of a report. Raises RunError where the front end was not built."""
    return _built("report")


def planner() -> tuple[str, str]:
    """Those of the screen of the plan, to stand alone."""
    return _built("plan")


def _built(name: str) -> tuple[str, str]:
    try:
        script, styles = (FOLDER / f"{name}{ending}" for ending in (".js", ".css"))
        return script.read_text(encoding="utf-8"), styles.read_text(encoding="utf-8")
    except OSError:
        raise RunError("the front end of this source tree was not built", at=str(FOLDER), hint="make web") from None

"""Notes between a launcher and its ranks: which run they write, and what became of the attempt before."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path

from whet.base.launcher import LAUNCHED

# Variables of a rank: the file in which the first one notes the run's folder, and what is said of the attempt before.
FOLDER_NOTE, ATTEMPT = LAUNCHED, "WHET_RANKS_BEFORE"
# Where torchrun (torch 2.13) wants to be told why a rank has failed, and our launcher too.
REFUSAL = "TORCHELASTIC_ERROR_FILE"
FOLDER, WORD = "pulse", "word"  # of a run: where its ranks tell where they are, and why they end


def note_folder(folder: Path, attempt: str) -> None:
    """Tell the launcher of this process, if it has one, which run its ranks write, and the attempt's mark."""
    note = os.environ.get(FOLDER_NOTE)
    if note:
        with suppress(OSError):
            part = Path(f"{note}.part")
            part.write_text(f"{folder.resolve()}\n{attempt}\n", encoding="utf-8")
            os.replace(part, note)


def stacks_of(run: Path) -> str:
    """Where the stacks of ranks that hung lie, to be said behind a hint; nothing where there are none."""
    folder = run / FOLDER
    return f"; the stacks of the ranks are in {folder}" if any(folder.glob("stacks-*.txt")) else ""


def leave_word(run: Path, words: str) -> None:
    """Have whoever started the ranks know why this attempt ends. The first rank that says something is heard."""
    path = run / FOLDER / WORD
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(words)


def has_word(run: Path) -> bool:
    """Whether a rank has said why the attempt ends, and nobody has taken it."""
    return (run / FOLDER / WORD).exists()


def take_word(run: Path) -> str | None:
    """The word that a rank left, once."""
    path = run / FOLDER / WORD
    try:
        words = path.read_text(encoding="utf-8")
        path.unlink()
    except OSError:
        return None
    return words


def leave_refusal(words: str, *, is_echo: bool = False) -> bool:
    """Leave for the launcher what ended this rank, in torchrun's form; it `is_echo` where another rank's end did that.
    Whether that could be done."""
    if path := os.environ.get(REFUSAL):
        told = {"message": words, "extraInfo": {"timestamp": str(int(time.time())), "echo": is_echo}}
        with suppress(OSError), open(path, "w", encoding="utf-8") as file:
            json.dump({"message": told}, file)
            return True
    return False


def refusal(path: Path) -> tuple[str, bool]:
    """What a rank has left there, and whether it only tells of another's end; nothing where it has left nothing."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        told = json.loads(path.read_text(encoding="utf-8"))["message"]
        return str(told["message"]), bool(told["extraInfo"].get("echo"))
    return "", False


def folder_of(note: Path) -> Path | None:
    """The folder that was noted."""
    try:
        return Path(note.read_text(encoding="utf-8").splitlines()[0])
    except (OSError, IndexError):
        return None


def before() -> str:
    """What the launcher says of the attempt before this one; nothing where this is the first."""
    return os.environ.get(ATTEMPT, "")


def is_launched() -> bool:
    """Whether a launcher of ours has started this process."""
    return FOLDER_NOTE in os.environ

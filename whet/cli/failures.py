"""What ends a command and is no refusal: memory, disks, plugins of the user, and errors of whet's own."""

from __future__ import annotations

import datetime
import os
import platform
import shlex
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from whet.base.disks import remedy
from whet.base.errors import WhetError, is_lost_rank, is_out_of_memory
from whet.cli import exit_codes


def told(error: Exception, arguments: Sequence[str]) -> tuple[WhetError, int]:
    """What to say of an exception that is no WhetError, and the exit code."""
    known = _memory(error) or _disk(error) or _lost_rank(error) or _of_users_code(error)
    return known or (_own(error, arguments), exit_codes.FAILED)


def _memory(error: Exception) -> tuple[WhetError, int] | None:
    if not is_out_of_memory(error):
        return None
    said = str(error).strip().split("\n")[0][:300]
    hint = "a smaller train.micro_batch, data.max_length or model, train.recompute=true, or a larger machine"
    return WhetError(f"memory ran out{f': {said}' if said else ''}", hint=hint), exit_codes.OUT_OF_MEMORY


def _disk(error: Exception) -> tuple[WhetError, int] | None:
    if not isinstance(error, OSError) or (hint := remedy(error)) is None:
        return None
    where = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else None
    said = (error.strerror or str(error)).lower()
    return WhetError(f"the system refused: {said}", at=where, hint=hint), exit_codes.FAILED


def _lost_rank(error: Exception) -> tuple[WhetError, int] | None:
    """A rank that has gone is told by what started it, and by what it said itself."""
    if not is_lost_rank(error):
        return None
    rank = os.environ.get("RANK", "0")
    hint = (
        "`whet train` and the run's name goes on from the last checkpoint; what the other rank said stands beside this"
    )
    return WhetError(f"rank {rank} ends because another rank has gone", hint=hint), exit_codes.FAILED


def _of_users_code(error: Exception) -> tuple[WhetError, int] | None:
    """An exception that a plugin, reward or tool raised, at its line."""
    files = _files_of_users()
    found = [f for f in traceback.extract_tb(error.__traceback__) if os.path.abspath(f.filename) in files]
    if not found:
        return None
    place = f"{found[-1].filename}:{found[-1].lineno}"
    said = str(error).strip().split("\n")[0][:300]
    message = f"`{Path(found[-1].filename).name}` raised {type(error).__name__}{f': {said}' if said else ''}"
    return WhetError(message, at=place, hint=f"mend {place}; --debug shows the whole traceback"), exit_codes.MISTAKE


def _files_of_users() -> set[str]:
    """Files that were loaded as plugins, rewards and tools, and those that define kinds and are not whet's own."""
    from whet.base.catalogue import SLOTS

    own = str(Path(__file__).resolve().parents[1]) + os.sep
    marked = ("whet_plugin_", "whet_reward_", "whet_tools_")
    loaded = [getattr(m, "__file__", None) for name, m in list(sys.modules.items()) if name.startswith(marked)]
    kinds = [kind.source for slot in SLOTS.values() for kind in slot._kinds.values()]
    files = {os.path.abspath(file) for file in [*loaded, *kinds] if file}
    return {file for file in files if not file.startswith(own)}


def _own(error: Exception, arguments: Sequence[str]) -> WhetError:
    said = str(error).strip().split("\n")[0][:300]
    place = write_report(error, arguments)
    where = f"the traceback is in {place}" if place else "run it again with --debug to see the traceback"
    return WhetError(
        f"whet failed where it should not: {type(error).__name__}{f': {said}' if said else ''}",
        at=_innermost(error.__traceback__),
        hint=f"this is an error of whet's own; {where}: please report it with what you typed",
    )


def write_report(error: BaseException, arguments: Sequence[str]) -> Path | None:
    """Write the traceback, what was typed and the versions into a new file, and return it; None where none can be."""
    from importlib.metadata import PackageNotFoundError, version

    lines = [f"whet {shlex.join(arguments)}", f"{datetime.datetime.now():%Y-%m-%d %H:%M:%S}, {platform.platform()}"]
    lines.append(f"python {platform.python_version()}")
    for package in ("whet", "torch", "transformers", "peft", "tokenizers", "safetensors", "numpy", "pyarrow"):
        try:
            lines.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            lines.append(f"{package}: not installed")
    text = "\n".join([*lines, "", *traceback.format_exception(error)])
    try:
        number, name = tempfile.mkstemp(prefix=f"whet-{datetime.datetime.now():%m%d-%H%M%S}-", suffix=".txt")
        with open(number, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError:
        return None
    return Path(name)


def _innermost(trace: TracebackType | None) -> str | None:
    """The line of whet's that was running."""
    own = str(Path(__file__).resolve().parents[1])
    found = [frame for frame in traceback.extract_tb(trace) if frame.filename.startswith(own)]
    return f"{Path(found[-1].filename).relative_to(Path(own).parent)}:{found[-1].lineno}" if found else None

"""A user's Python files (plugins, rewards, tools): imported once, under names of our own that tell them apart."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any, Literal

from whet.base.errors import ConfigError


def load_users(what: Literal["plugin", "reward", "tools"], path: Path) -> Any:
    """The module of a user's file. Raises ConfigError, at the line that failed, where importing it raises or exits."""
    try:
        return load_file(module_name(what, path), str(path))
    except ConfigError:
        raise
    except (Exception, SystemExit) as error:
        said = f"{type(error).__name__}: {error.msg if isinstance(error, SyntaxError) else error}"
        raise ConfigError(
            f"{path} cannot be imported: {said}", at=_place_in(error, path), hint=f"mend it: python {path}"
        ) from error


def module_name(what: str, path: Path) -> str:
    """The name that a user's file is imported under, alike in all processes."""
    import hashlib

    return f"whet_{what}_{path.stem}_{hashlib.blake2b(str(path).encode(), digest_size=6).hexdigest()}"


def load_file(module: str, file: str) -> Any:
    """Import a file under a name, as often as asked only once. Raises what the file raises."""
    if module not in sys.modules:
        spec = importlib.util.spec_from_file_location(module, file)
        if spec is None or spec.loader is None:
            raise ImportError(f"{file} is not a Python file")
        sys.modules[module] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(sys.modules[module])
        except BaseException:
            del sys.modules[module]
            raise
    return sys.modules[module]


def _place_in(error: BaseException, path: Path) -> str:
    """The line of a user's file at which an exception began: where it cannot be parsed, or where it was running."""
    import traceback

    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return f"{error.filename}:{error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f"{path}:{lines[-1]}" if lines else str(path)

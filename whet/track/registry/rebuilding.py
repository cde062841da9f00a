"""Rebuilding: a journal that was damaged, written anew of what is whole and of what the folders tell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from whet.base.digests import text_digest
from whet.base.errors import WhetError
from whet.base.sealed import read_sealed
from whet.track.registry.registry import MANIFEST, MODELS, Registry
from whet.track.registry.state import State


def rebuild(registry: Registry) -> tuple[int, int]:
    """Write the journal anew: its whole lines, and versions that only their manifests tell of.

    Returns how many damaged lines were left out, and how many versions were found again.
    """
    with registry.changing():
        changes, _, damaged = registry.journal.read()
        state = State()
        for change in changes:
            with suppress(KeyError, TypeError, ValueError):
                state.apply(change)
        gone = {(c.get("model"), c.get("version")) for c in changes if c.get("op") == "remove"}
        gone |= {(c.get("model"), None) for c in changes if c.get("op") == "forget"}
        found = [*_found_again(registry.folder / MODELS, state, gone)]
        registry.journal.replace([*changes, *found])
        return damaged, sum(change["op"] == "version" for change in found)


def _found_again(home: Path, state: State, gone: set[Any]) -> Iterator[dict[str, Any]]:
    """Changes that bring back what lies in folders and the journal has lost."""
    for folder in sorted(home.iterdir()) if home.is_dir() else ():
        numbers = sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit()) if folder.is_dir() else []
        known = state.models.get(folder.name)
        for number in numbers:
            is_known = known is not None and number in known.versions
            if is_known or (folder.name, number) in gone or (folder.name, None) in gone:
                continue
            with suppress(WhetError, OSError):
                told = read_sealed(folder / str(number) / MANIFEST)
                when = {"time": told.get("time"), "by": told.get("by")}
                if known is None:
                    change = {"op": "model", "model": folder.name, "name": told.get("name"), **when}
                    state.apply(change)
                    known = state.models[folder.name]
                    yield change
                digest = text_digest((folder / str(number) / MANIFEST).read_bytes())
                about = told.get("about") or {}
                yield {"op": "version", "model": folder.name, "version": number, "manifest": digest,
                       "about": about, **when}  # fmt: skip

"""Whose a file of a run folder is: a number that the run drew when it began stands in its records and checkpoints."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from whet.base.documents import field
from whet.base.errors import RunError, WhetError
from whet.base.sealed import read_sealed
from whet.train.checkpoints.manifest import MANIFEST, Identity, run_of
from whet.train.checkpoints.places import complete, lacks_manifest, step_of
from whet.train.run.dependencies import NAME as DEPENDENCIES
from whet.train.run.folder import RunFolder

KEY = "identity"


def stated(identity: Identity) -> dict[str, Any]:
    """What the records of the run say of it."""
    return {KEY: asdict(identity)}


def new_identity() -> Identity:
    """That of a run which begins."""
    return Identity(secrets.token_hex(8))


def identity_of(folder: RunFolder, pinned: Mapping[str, Any]) -> Identity:
    """That of the run in a folder; one that began with an earlier version is given one, in its `resolved.json`.

    Raises RunError where `resolved.json` or `dependencies.json` is that of another run.
    """
    records = {folder.resolved.name: _told(pinned, folder.resolved)} if pinned else {}
    path = folder.path / DEPENDENCIES
    with contextlib.suppress(WhetError):  # missing, or damaged: told where it is compared
        records[DEPENDENCIES] = _told(read_sealed(path), path)
    of_checkpoints = dict(_of_checkpoints(folder.checkpoints))
    known = [one for one in records.values() if one is not None]
    if not known and not of_checkpoints:
        return _given(folder, pinned)
    own = _own([one.run for one in known], list(of_checkpoints.values()))
    for name, one in records.items():
        # A run of an earlier version is given its number in `resolved.json` first.
        if one is None and name == DEPENDENCIES:
            continue
        if one is None or one.run != own:
            raise _of_another(folder, name, of_checkpoints)
    return next((one for one in known), Identity(own))


def _own(known: list[str], of_checkpoints: list[str]) -> str:
    """What two records say; else what a record and a checkpoint say, else the newest checkpoint."""
    if len(known) > len(set(known)) or not of_checkpoints:
        return known[0]
    return next((run for run in of_checkpoints if run in known), of_checkpoints[0])


def _of_another(folder: RunFolder, name: str, of_checkpoints: Mapping[str, str]) -> RunError:
    than = next(iter(of_checkpoints), None) or (DEPENDENCIES if name != DEPENDENCIES else folder.resolved.name)
    path = folder.path / name
    without = (
        "which goes on without the comparison" if name == DEPENDENCIES else
        "which finds out anew what was `auto`: equal to rounding"
    )  # fmt: skip
    hint = f"put the run's own back, or rm {path}, {without}"
    return RunError(f"`{name}` is of another run than `{than}`", at=str(path), hint=hint)


def _given(folder: RunFolder, pinned: Mapping[str, Any]) -> Identity:
    """One for a run that has none, whose checkpoints up to now may lack digests."""
    old = [step_of(path) for path in complete(folder.checkpoints) if lacks_manifest(path)]
    given = Identity(secrets.token_hex(8), max(old, default=-1))
    if pinned:
        folder.write_resolved({**pinned, **stated(given)})
    return given


def _of_checkpoints(folder: Path) -> Iterator[tuple[str, str]]:
    """By name, newest first, whose each checkpoint is that tells it."""
    for path in complete(folder)[::-1]:
        if (run := run_of(path)) is not None:
            yield f"{path.name}/{MANIFEST}", run


def _told(values: Mapping[str, Any], path: Path) -> Identity | None:
    if KEY not in values:
        return None
    hint, at = f"put it back, or rm {path}", str(path)
    told = field(values, KEY, dict, at=at, error=RunError, hint=hint)
    run = field(told, "run", str, at=at, error=RunError, hint=hint)
    return Identity(run, field(told, "digests_after", int, at=at, error=RunError, hint=hint))

"""Export a model through the slot `exporter`: checked settings, a new place, a report that has passed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whet.base.catalogue import exporter
from whet.base.chosen import checked
from whet.base.errors import ConfigError

if TYPE_CHECKING:
    from whet.export.report import Report
    from whet.export.source import Source


def export(name: str, settings: Mapping[str, Any], source: Source, output: Path) -> Report:
    """Write `source` to the new folder `output` in the format called `name`.

    Raises ModelError when what was written is not the trained model; its files are kept as `<output>.failed`.
    """
    kind = exporter.get(name)
    chosen = checked(kind, settings)
    check_new(output)
    return kind.build(source, output, **chosen)


def check_new(output: Path) -> None:
    """Raise ConfigError if there is something at `output` already."""
    if output.exists():
        raise ConfigError(f"{output} exists already", hint=f"--output {output}-2")


def default_output(name: str, settings: Mapping[str, Any], path: str, run: Path | None) -> Path:
    """Where an export goes: `exports/` in the run, else the current folder; the given settings are in the name."""
    label = "-".join([name, *(str(value) for value in settings.values() if str(value).isidentifier())])
    return run / "exports" / label if run else Path(f"{Path(path).name}-{label}")

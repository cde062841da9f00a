"""Export a model through the slot `exporter`: checked settings, a new place, a report that has passed."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whet.base.catalogue import exporter
from whet.base.errors import ConfigError
from whet.base.slots import Kind

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


def checked(kind: Kind, settings: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of an exporter or quantizer. Raises ConfigError with the name or value that was meant."""
    from pydantic import ValidationError

    model: Any = kind.settings
    fields = {name: field for name, field in model.model_fields.items() if name != "kind"}
    for name in settings:
        if name not in fields:
            near = difflib.get_close_matches(name, fields, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"whet slots {kind.slot} {kind.name}"
            raise ConfigError(f"the {kind.slot} `{kind.name}` has no setting `{name}`", hint=hint)
    try:
        return model.model_validate({**settings, "kind": kind.name}).values()
    except ValidationError as error:
        first = error.errors()[0]
        name, said = str(first["loc"][0]), first["msg"]
        raise ConfigError(
            f"`{name}` of the {kind.slot} `{kind.name}`: {said[:1].lower()}{said[1:]} (it is {settings.get(name)!r})",
            hint=_meant(name, settings.get(name), first) or f"{name}: {fields[name].description}",
        ) from None


def check_new(output: Path) -> None:
    """Raise ConfigError if there is something at `output` already."""
    if output.exists():
        raise ConfigError(f"{output} exists already", hint=f"--output {output}-2")


def default_output(name: str, settings: Mapping[str, Any], path: str, run: Path | None) -> Path:
    """Where an export goes: `exports/` in the run, else the current folder; the given settings are in the name."""
    label = "-".join([name, *(str(value) for value in settings.values() if str(value).isidentifier())])
    return run / "exports" / label if run else Path(f"{Path(path).name}-{label}")


def _meant(name: str, value: Any, error: Mapping[str, Any]) -> str | None:
    """The nearest allowed value, where the values are words."""
    words = [
        word.strip().strip("'")
        for word in str(error.get("ctx", {}).get("expected", "")).replace(" or ", ",").split(",")
    ]
    near = difflib.get_close_matches(str(value).lower(), [word.lower() for word in words if word], n=1)
    return f"did you mean {name}={next(word for word in words if word.lower() == near[0])}?" if near else None

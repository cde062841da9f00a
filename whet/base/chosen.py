"""Settings of one kind that were given by hand, checked as the config's are."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from whet.base.errors import ConfigError
from whet.base.nearest import nearest
from whet.base.slots import Kind


def checked(kind: Kind, settings: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of a kind, given and default. Raises ConfigError with the name or value that was meant."""
    from pydantic import ValidationError

    from whet.base.mistakes import example

    model: Any = kind.settings
    fields = {name: field for name, field in model.model_fields.items() if name != "kind"}
    for name in settings:
        if name not in fields:
            near = nearest(name, fields)
            hint = f"did you mean `{near}`?" if near else f"whet slots {kind.slot} {kind.name}"
            raise ConfigError(f"the {kind.slot} `{kind.name}` has no setting `{name}`", hint=hint)
    try:
        return model.model_validate({**settings, "kind": kind.name}).values()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        if first["type"] == "missing":
            raise ConfigError(
                f"the {kind.slot} `{kind.name}` needs `{name}`", hint=example(model, (name,), (name,))
            ) from None
        said = "the value is none that it takes" if first["type"] == "predicate_failed" else first["msg"]
        raise ConfigError(
            f"`{name}` of the {kind.slot} `{kind.name}`: {said[:1].lower()}{said[1:]} (it is {settings.get(name)!r})",
            hint=first.get("ctx", {}).get("hint")
            or _meant(name, settings.get(name), first)
            or f"{name} is {fields[name].description}",
        ) from None


def _meant(name: str, value: Any, error: Mapping[str, Any]) -> str | None:
    """The nearest allowed value: by its letters, or, of numbers, by their size."""
    expected = str(error.get("ctx", {}).get("expected", "")).replace(" or ", ",")
    words = [word for word in (part.strip().strip("'") for part in expected.split(",")) if word]
    if words and all(word.isdigit() for word in words) and isinstance(value, int):
        return f"{name}={min(words, key=lambda word: abs(int(word) - value))}"
    near = difflib.get_close_matches(str(value).lower(), [word.lower() for word in words], n=1)
    return f"did you mean {name}={next(word for word in words if word.lower() == near[0])}?" if near else None

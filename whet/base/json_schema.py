"""The JSON Schema of a whole run, for editors and forms."""

from __future__ import annotations

from typing import Any

from whet.base.catalogue import SLOTS
from whet.base.run import Run


def run_schema() -> dict[str, Any]:
    """The JSON Schema of a run's config, one `$defs` entry a slot and one a kind."""
    schema = Run.model_json_schema(ref_template="#/$defs/{model}")
    definitions = schema.setdefault("$defs", {})
    for slot in SLOTS.values():
        kinds = []
        for name in slot.names():
            kind = slot.get(name).settings.model_json_schema(ref_template="#/$defs/{model}")
            definitions.update(kind.pop("$defs", {}))
            definitions[f"{slot.name}.{name}"] = kind
            kinds.append({"$ref": f"#/$defs/{slot.name}.{name}"})
        names: dict[str, Any] = {"type": "string"} if slot.shorthand else {"enum": slot.names()}
        definitions[slot.name] = {"anyOf": [names, *kinds]}
    return _with_references(schema)


def _with_references(schema: Any) -> Any:
    """Replace each `slot` mark by a reference to the slot's entry: pydantic refuses references it does not know."""
    if isinstance(schema, list):
        return [_with_references(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(slot := schema.get("slot"), str):
        rest = {key: value for key, value in schema.items() if key in {"description", "default"}}
        return {"$ref": f"#/$defs/{slot}", **rest}
    return {key: _with_references(value) for key, value in schema.items()}

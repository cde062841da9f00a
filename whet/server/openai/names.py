"""Which model a request means by the name that it gives."""

from __future__ import annotations

from collections.abc import Sequence

from whet.server.openai.refused import Refused


def adapter_named(model: str | None, names: Sequence[str], adapters: Sequence[str]) -> str | None:
    """The adapter that `model` means; None for the base model, by whichever of its `names`. Raises Refused for another
    one."""
    if model is None or model in names:
        return None
    if model in adapters:
        return model
    served = ", ".join(f"`{name}`" for name in (*names, *adapters))
    said = f"the model `{model}` is not served here: {served}"
    raise Refused(said, status=404, code="model_not_found", param="model")

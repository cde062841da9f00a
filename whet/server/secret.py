"""A word that opens a server, and whether it was given: then it is not printed, since whoever gave it has it."""

from __future__ import annotations

from dataclasses import dataclass, field

# The variable with the key of a served model.
KEY = "WHET_API_KEY"


@dataclass(frozen=True, slots=True)
class Secret:
    """A key or a token."""

    text: str = field(repr=False)
    is_given: bool

"""`whet.track` as the contents of a stand-in module: every name of it, as it is when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import whet.track
from whet.track.script import api


class Whole(Mapping[str, Any]):
    """The public names of `whet.track`, among them `run`, `config` and `summary` of the run that is open."""

    def __getitem__(self, name: str) -> Any:
        if name not in whet.track.__all__:
            raise KeyError(name)
        return getattr(whet.track, name)

    def __contains__(self, name: object) -> bool:
        return name in whet.track.__all__ and name != "summary" or name == "summary" and api.get_run() is not None

    def __iter__(self) -> Iterator[str]:
        return iter(whet.track.__all__)

    def __len__(self) -> int:
        return len(whet.track.__all__)

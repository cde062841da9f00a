"""Config and summary of a run: mappings that are also attributes, and tell every change to the log."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any

Tell = Callable[[dict[str, Any]], None]


class Told(MutableMapping[str, Any]):
    """A mapping whose entries are attributes too; each change goes to `tell`."""

    def __init__(self, tell: Tell, values: Mapping[str, Any] | None = None) -> None:
        self.__dict__["_tell"] = tell
        self.__dict__["_values"] = dict(values or {})

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._values[str(name)] = value
        self._tell({str(name): value})

    def __delitem__(self, name: str) -> None:
        del self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_values"][name]
        except KeyError:
            raise AttributeError(f"there is no `{name}`") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __repr__(self) -> str:
        return repr(self._values)

    def as_dict(self) -> dict[str, Any]:
        """A copy as a plain dict."""
        return dict(self._values)

    def update(self, values: Any = None, allow_val_change: Any = None, **more: Any) -> None:  # type: ignore[override]
        """Set several entries at once: a mapping, a namespace of argparse, or the path of a JSON or YAML file."""
        found = {**as_mapping(values), **more}
        self._values.update(found)
        if found:
            self._tell(found)

    def setdefaults(self, values: Mapping[str, Any]) -> None:
        """Set those that are not there."""
        self.update({name: value for name, value in values.items() if name not in self._values})

    def set_quietly(self, values: Mapping[str, Any]) -> None:
        """Set entries that the log has by other ways."""
        self._values.update(values)


def as_mapping(values: Any) -> dict[str, Any]:
    """A config in whichever form scripts have it. Raises TypeError for what is none."""
    if values is None:
        return {}
    if isinstance(values, Mapping):
        return {str(name): value for name, value in values.items()}
    if isinstance(values, str | Path):
        return _read(Path(values))
    if callable(getattr(values, "to_dict", None)):  # configs of transformers, of OmegaConf's kin
        return as_mapping(values.to_dict())
    if isinstance(getattr(values, "__dict__", None), dict):  # namespaces of argparse, dataclasses and plain objects
        return {name: value for name, value in vars(values).items() if not name.startswith("_")}
    raise TypeError(f"a config is a mapping, a namespace or the path of a file, not a {type(values).__name__}")


def _read(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        found = json.loads(text)
    else:
        import yaml

        found = yaml.safe_load(text)
    return as_mapping(found)

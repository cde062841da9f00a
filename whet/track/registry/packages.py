"""MLmodel packages taken in: a model of the `transformers` flavour lies in two folders there, and in one here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from whet.base.errors import ModelError
from whet.base.yaml import parse

FILE = "MLmodel"
_HINT = "a folder that `mlflow.transformers.save_model` or `whet export --to mlflow` wrote"


@dataclass(frozen=True, slots=True)
class Package:
    """Files by their names in a version, the flavours, and the model that the package says it was made from.

    `is_flat` says that the files lie elsewhere in the package, which is then kept beside.
    """

    contents: Mapping[str, Path]
    is_flat: bool
    flavours: tuple[str, ...]
    base: str | None


def package(folder: Path, files: Mapping[str, Path]) -> Package | None:
    """The package in a folder of these files; None where there is no MLmodel. Raises ModelError for a damaged one."""
    if FILE not in files:
        return None
    path = files[FILE]
    try:
        told = parse(path.read_text(encoding="utf-8"), str(path))[0]
    except UnicodeDecodeError:
        raise ModelError(f"`{FILE}` is not UTF-8", at=str(path), hint=_HINT) from None
    flavours = told.get("flavors") if isinstance(told, Mapping) else None
    if not isinstance(flavours, Mapping):
        raise ModelError(f"`{FILE}` names no flavours", at=str(path), hint=_HINT)
    names = tuple(sorted(map(str, flavours)))
    own = flavours.get("transformers")
    if not isinstance(own, Mapping):
        return Package(files, False, names, None)
    return Package(_flat(own, files, path), True, names, own.get("source_model_name"))


def _flat(flavour: Mapping[str, Any], files: Mapping[str, Path], at: Path) -> dict[str, Path]:
    """Weights, config and tokenizer side by side, as transformers and whet load them."""
    homes = [_home(flavour.get("peft_adaptor") or flavour.get("model_binary") or "model", at)]
    homes += [f"components/{_home(name, at)}" for name in flavour.get("components") or ()]
    found: dict[str, Path] = {}
    for home in homes:
        inner = {name[len(home) + 1 :]: path for name, path in files.items() if name.startswith(f"{home}/")}
        found |= {name: path for name, path in inner.items() if name not in found}
    if not any(name.endswith((".safetensors", ".json")) for name in found):
        raise ModelError(
            f"the package holds no weights: it only names {flavour.get('source_model_name')}", at=str(at),
            hint="mlflow.transformers.persist_pretrained_model writes them; or add the model that it names",
        )  # fmt: skip
    return found


def _home(name: Any, at: Path) -> str:
    pure = PurePosixPath(str(name))
    if pure.is_absolute() or ".." in pure.parts or not pure.parts:
        raise ModelError(f"`{FILE}` names {str(name)[:80]!r}, which would lie elsewhere", at=str(at), hint=_HINT)
    return pure.as_posix()

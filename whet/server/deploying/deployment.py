"""What is deployed: a model by its files, what it needs, and the versions that serve it here."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from whet.base.digests import sha256s
from whet.base.errors import ModelError

GIB = 1 << 30
PORT = 8080
# The user in the image, by number: Kubernetes does not believe names.
USER = 10001
# Beside the plan: Python, PyTorch and what answers requests.
PROCESS_BYTES = 2 * GIB
# What is no part of a served model.
_LEFT_OUT = (".git", "__pycache__", ".cache")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One model to be served. `memory_bytes` are those of one copy, on the GPU where there is one."""

    name: str  # of the service: letters, digits and dashes
    called: str  # what clients call the model
    folder: Path
    digests: Mapping[str, str]  # SHA-256 of each file of it
    model_bytes: int
    memory_bytes: int
    gpus: int
    replicas: int
    drain_s: int
    python: str = field(default_factory=platform.python_version)
    versions: Mapping[str, str] = field(default_factory=dict)
    hosts: tuple[str, ...] = ()  # further names that it is asked by
    options: tuple[str, ...] = ()  # of `whet serve`

    @property
    def host_bytes(self) -> int:
        """Memory of the machine that the process takes. Weights for a GPU pass through it."""
        return PROCESS_BYTES + (self.model_bytes if self.gpus else self.memory_bytes)

    @property
    def host_gib(self) -> int:
        """The same in whole GiB."""
        return -(-self.host_bytes // GIB)


def files_of(folder: Path) -> tuple[dict[str, str], int]:
    """The digests of a model's files by their places in its folder, and their bytes. Raises ModelError for a folder
    with pickled weights alone, or with links that lead out of it."""
    found = [
        path for path in sorted(folder.rglob("*"))
        if path.is_file() and not set(path.relative_to(folder).parts) & set(_LEFT_OUT)
    ]  # fmt: skip
    if not any(path.suffix in (".safetensors", ".gguf") for path in found):
        raise ModelError(
            f"{folder} holds no safetensors", at=str(folder), hint=f"whet export {folder} --output {folder}-whole"
        )
    told = sha256s(found)
    return {str(path.relative_to(folder)): told[path] for path in found}, sum(path.stat().st_size for path in found)


def pinned(package: str = "whet") -> dict[str, str]:
    """The versions of what a package needs, and of what that needs, as they are installed here; not its own.

    Raises ModelError for a package that is not installed, and so does not say what it needs."""
    from packaging.requirements import Requirement

    try:
        version(package)
    except PackageNotFoundError:
        said = f"{package} runs from its source, so what it needs is not known"
        raise ModelError(said, hint="pip install -e . where its source is") from None
    found: dict[str, str] = {}
    left = [(package, frozenset[str]())]
    seen: set[tuple[str, frozenset[str]]] = set()
    while left:
        name, extras = left.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        for text in requires(name) or []:
            needed = Requirement(text)
            if needed.marker and not any(needed.marker.evaluate({"extra": extra}) for extra in (*extras, "")):
                continue
            known = needed.name.lower().replace("_", "-")
            try:
                found[known] = version(needed.name).partition("+")[0]  # `+cpu` is of an index, not of a version
            except PackageNotFoundError:
                continue
            left.append((needed.name, frozenset(needed.extras)))
    return dict(sorted(found.items()))

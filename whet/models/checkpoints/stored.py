"""The weights of a model folder, read one at a time, under the names that the architecture gives them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from whet.base import hub
from whet.base.errors import ModelError
from whet.models.checkpoints.door import INDEX, check_header, places_of

if TYPE_CHECKING:
    from torch import Tensor


class Stored(Mapping[str, "Tensor"]):
    """Names and tensors of the safetensors files in a folder; a tensor is read when it is asked for.

    Tensors are copies: no file stays mapped, so memory holds what the caller holds. Raises ModelError for a folder
    without safetensors, and for a shard that its index names and the folder lacks.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._places = _places(folder)

    def __getitem__(self, name: str) -> Tensor:
        from safetensors import SafetensorError, safe_open

        with safe_open(self._folder / self._places[name], "pt") as file:
            try:
                return file.get_tensor(name).clone()
            except SafetensorError:
                raise self._lacks(name) from None

    def __contains__(self, name: object) -> bool:
        return name in self._places  # not by reading it

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor, without reading it."""
        from safetensors import SafetensorError, safe_open

        with safe_open(self._folder / self._places[name], "pt") as file:
            try:
                return tuple(file.get_slice(name).get_shape())
            except SafetensorError:
                raise self._lacks(name) from None

    def part(self, name: str, place: tuple[slice, ...]) -> Tensor:
        """The part of a tensor that lies at `place`, a slice for each dimension; no more of the file is read.

        A view of the mapped file: copy it and let go of it.
        """
        from safetensors import SafetensorError, safe_open

        with safe_open(self._folder / self._places[name], "pt") as file:
            try:
                return file.get_slice(name)[place]
            except SafetensorError:
                raise self._lacks(name) from None

    def headers(self) -> dict[str, tuple[tuple[int, ...], str]]:
        """The shape of every tensor, and its dtype by the format's name for it (F32, BF16), without reading it."""
        from safetensors import SafetensorError, safe_open

        found: dict[str, tuple[tuple[int, ...], str]] = {}
        for place in sorted(set(self._places.values())):
            names = [name for name, file in self._places.items() if file == place]
            with safe_open(self._folder / place, "pt") as file:
                for name in names:
                    try:
                        held = file.get_slice(name)
                    except SafetensorError:
                        raise self._lacks(name) from None
                    found[name] = (tuple(held.get_shape()), held.get_dtype())
        return found

    def _lacks(self, name: str) -> ModelError:
        file = self._folder / self._places[name]
        return ModelError(f"`{file.name}` lacks the tensor `{name}`", at=str(file), hint="copy the model's files again")


def local_folder(path: str) -> Path:
    """The folder of a model: itself, or what the hub's cache holds of an id after fetching it."""
    if Path(path).exists():
        return Path(path)
    from huggingface_hub import snapshot_download

    wanted = ["*.safetensors", "*.json", "*.jinja", "*.model", "*.txt"]
    try:
        with hub.asked(path):
            return Path(snapshot_download(path, allow_patterns=wanted))
    except Exception as error:  # the hub's client raises what its transport raises
        reason = hub.silence() or str(error).strip().split("\n")[0]
        raise ModelError(
            f"{path} is neither a folder here nor to be had from the hub: {reason}", hint=f"hf download {path}"
        ) from error


def _places(folder: Path) -> dict[str, str]:
    """Name of each tensor -> the file that holds it."""
    from safetensors import safe_open

    index = folder / INDEX
    if index.exists():
        return places_of(index)
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelError(f"{folder} holds no weights (*.safetensors)", hint="give a model folder")
    places: dict[str, str] = {}
    for path in files:
        check_header(path)
        with safe_open(path, "pt") as file:
            places |= dict.fromkeys(file.keys(), path.name)
    return places

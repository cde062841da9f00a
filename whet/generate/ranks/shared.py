"""A model that several processes share, for whoever answers with it; what is not shared is refused by name."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from whet.base.errors import ModelError
from whet.base.units import size
from whet.contracts.model import Loaded
from whet.generate.ranks.joining import AT
from whet.generate.ranks.leading import Followers, lead
from whet.generate.serving.engine import ServingEngine
from whet.generate.serving.request import Limits
from whet.models.forward.heads import head_of
from whet.models.loading.find import find_model
from whet.models.loading.reading import stored_config
from whet.models.loading.spec import Spec
from whet.models.sentence_transformers import is_sentence
from whet.models.tuning.adapter_files import is_adapter
from whet.parallel.held import bytes_here
from whet.track.recorded.checkpoint_names import checkpoint_named
from whet.track.registry.registry import exact

# Whoever answers a file gives as much as it likes.
_LIMITS = Limits(waiting=1 << 30)


class Shared(NamedTuple):
    """A model, and what answers with it."""

    loaded: Loaded
    engine: ServingEngine


@contextmanager
def shared(model: str, command: str, *, device: str, dtype: str, root: Path, ranks: int) -> Iterator[Shared]:
    """The model, and what answers with it until the end. Raises ModelError as `led` does."""
    loaded, followers = led(model, command, device=device, dtype=dtype, root=root, ranks=ranks)
    try:
        engine = ServingEngine(loaded, _LIMITS, followers=followers)
    except BaseException:
        followers.close()
        raise
    try:
        yield Shared(loaded, engine)
    finally:
        engine.close()


def led(model: str, command: str, *, device: str, dtype: str, root: Path, ranks: int) -> tuple[Loaded, Followers]:
    """The model as the first rank has it, and the other ranks; how much each holds is said.

    Raises ModelError for a model that ranks do not share, and which `command` takes without `--tensor`.
    """
    _check(model, command, root)
    loaded, followers = lead(exact(model, root), device=device, dtype=dtype, root=root, ranks=ranks)
    held, whole = size(bytes_here(loaded.module)), size(sum(loaded.costs.weight_bytes.values()))
    print(f"{ranks} processes share the weights: {held} of {whole} each", file=sys.stderr, flush=True)
    return loaded, followers


def _check(model: str, command: str, root: Path) -> None:
    if checkpoint_named(model, root) is not None:
        said = f"{model} is a checkpoint, and {AT} is of models that lie in a folder"
        raise ModelError(said, at=AT, hint=f"whet export {model}")
    folder, does = find_model(exact(model, root), root), ""
    if is_sentence(Path(folder)):
        does = "makes embeddings"
    elif not is_adapter(folder) and (head := head_of(stored_config(Spec(folder)))) and head.kind == "sequence":
        does = "scores texts"
    if does:
        said = f"{model} {does}, and {AT} is of models that continue texts"
        raise ModelError(said, at=AT, hint=f"{command} {model}")

"""A vLLM server as an engine: our requests in its dialect, and new weights through a folder that both see."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from whet.base.errors import ConfigError, RunError
from whet.generate.http import Endpoint
from whet.generate.openai_api import Remote
from whet.generate.protocol import Completion, GenerateSettings, Piece, Prompt

if TYPE_CHECKING:
    from torch import Tensor

SHARD_BYTES = 2**28  # so much the host holds at once


@dataclass(slots=True)
class VllmServer:
    """Answers through `/v1`; `sync` writes weights below `folder` and has the workers read them from there.

    The server needs `VLLM_SERVER_DEV_MODE=1`, without which it has none of these controls.
    """

    remote: Remote
    control: Endpoint
    folder: Path
    version: int = 0
    is_shared: ClassVar[bool] = True  # by all ranks of a run

    def complete(
        self, prompts: Sequence[Prompt], settings: GenerateSettings, numbers: Sequence[int] | None = None
    ) -> list[Completion]:
        return self.remote.complete(prompts, settings, numbers)

    def stream(self, prompt: Prompt, settings: GenerateSettings) -> Iterator[Piece]:
        return self.remote.stream(prompt, settings)

    def waiting(self) -> list[str]:
        return [*self.remote.endpoint.waiting(), *self.control.waiting()]

    def sync(self, weights: Iterable[tuple[str, Tensor]]) -> None:
        """Answers that are asked for after this come from these weights; those on their way are finished before."""
        self.version += 1
        fresh = self.folder / f"weights-{self.version}"
        write_weights(weights, fresh)
        self._ask("/pause?mode=wait")
        try:
            self._ask("/collective_rpc", {"method": "reload_weights", "kwargs": {"weights_path": str(fresh)}})
            self._ask("/reset_prefix_cache")
        finally:
            self._ask("/resume")
        shutil.rmtree(self.folder / f"weights-{self.version - 1}", ignore_errors=True)

    def _ask(self, path: str, body: dict[str, Any] | None = None) -> None:
        try:
            self.control.post(path, body or {})
        except RunError as error:
            if " answered 404" not in error.message:
                raise
            raise ConfigError(
                f"the server knows no {path.partition('?')[0]}: {error.message}",
                hint="export VLLM_SERVER_DEV_MODE=1 where it is started",
            ) from None


def write_weights(weights: Iterable[tuple[str, Tensor]], folder: Path) -> None:
    """Tensors as safetensors files of at most 256 MiB, one tensor at least. The iterator is read once, in order."""
    from safetensors.torch import save_file

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shard: dict[str, Tensor] = {}
    size = count = 0
    for name, tensor in weights:
        held = tensor.detach().cpu().contiguous()
        if shard and size + held.nbytes > SHARD_BYTES:
            save_file(shard, folder / f"model-{count:05d}.safetensors")
            shard, size, count = {}, 0, count + 1
        shard[name], size = held, size + held.nbytes
        del tensor  # before the next one is put together
    if not shard:
        raise RunError("there are no weights to send", hint="pass an iterator of (name, tensor)")
    save_file(shard, folder / f"model-{count:05d}.safetensors")

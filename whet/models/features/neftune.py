"""NEFTune: uniform noise on the embeddings of each sample while it is trained (Jain et al. 2024, algorithm 1)."""

# B rows  T tokens  D model

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from whet.base.seeds import derive
from whet.contracts.batch import Batch, Stream
from whet.contracts.feature import ModelFeature
from whet.contracts.model import Loaded


@dataclass(slots=True)
class Noise(ModelFeature):
    """The noise of one model object, in step `step`, while it runs over `stream`.

    What a sample gets is a function of seed, step and its tokens, so no split into micro-batches, ranks or rows
    changes it. Nothing is added in evaluation mode or without gradients.
    """

    alpha: float
    seed: int
    step: int = 0
    stream: Stream | None = None

    def install(self, model: Loaded) -> None:
        module: Any = model.module
        module.get_input_embeddings().register_forward_hook(self.add)

    def begin_step(self, index: int) -> None:
        self.step = index

    def begin_run(self, batch: Batch) -> None:
        self.stream = batch.text

    def end_run(self) -> None:
        self.stream = None

    def add(self, embedding: nn.Module, _: Any, output_BTD: Tensor) -> Tensor | None:
        """Hook on the embedding: the output of a packed row, or of a padded row a sample, with noise on real tokens."""
        if self.stream is None or not embedding.training or not torch.is_grad_enabled():
            return None
        noise_BTD = torch.zeros_like(output_BTD)
        is_packed = len(output_BTD) == 1 and output_BTD.shape[1] == self.stream.num_tokens
        for row, segment in enumerate(self.stream.segments):
            at = (0, slice(segment.start, segment.end)) if is_packed else (row, slice(segment.end - segment.start))
            noise_BTD[at] = self._of(self.stream.ids[segment.start : segment.end], noise_BTD[at])
        return output_BTD + noise_BTD

    def _of(self, ids_T: Tensor, like_TD: Tensor) -> Tensor:
        """Uniform in +-alpha / sqrt(T D)."""
        name = zlib.crc32(ids_T.cpu().numpy().tobytes())
        source = torch.Generator(like_TD.device).manual_seed(derive(self.seed, "noise", self.step, name))
        bound = self.alpha / like_TD.numel() ** 0.5
        return torch.empty_like(like_TD).uniform_(-bound, bound, generator=source)

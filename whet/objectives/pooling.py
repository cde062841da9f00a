"""Pooling: from the hidden states of a text's tokens to one embedding."""

# T tokens  D model  N texts

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from whet.base.errors import ConfigError
from whet.contracts.batch import Batch, Stream
from whet.contracts.model import Embedder, Model
from whet.kernels.host import sent
from whet.kernels.wide import wide, widened

HIDDEN = frozenset({"hidden"})


def embeddings(model: Model, batch: Batch, how: Embedder) -> Tensor:
    """The embedding of each text (N, D) float32, not normalised: shorter ones are normalised by themselves."""
    return pooled(model.run(batch, HIDDEN)["hidden"], batch.text, how.pooling)


def pooled(hidden_TD: Tensor, stream: Stream, pooling: str) -> Tensor:
    """The mean over tokens with weight, the last token, or the first, of each segment (N, D) float32."""
    device = hidden_TD.device
    if pooling != "mean":
        places = [s.end - 1 if pooling == "last" else s.start for s in stream.segments]
        return widened(hidden_TD[sent(places, device)])
    lengths = [s.end - s.start for s in stream.segments]
    owner_T = sent(np.repeat(np.arange(len(lengths)), lengths), device)
    weights_T = stream.weights.to(hidden_TD.device)
    sums_ND = torch.zeros(len(lengths), hidden_TD.shape[1], dtype=wide(hidden_TD.dtype), device=device).index_add(
        0, owner_T, widened(hidden_TD) * weights_T[:, None]
    )
    counts_N = torch.zeros(len(lengths), device=device).index_add(0, owner_T, weights_T)
    return sums_ND / counts_N.clamp(min=1)[:, None]


def compared(embeddings_ND: Tensor, dim: int | None, normalize: bool) -> Tensor:
    """The first `dim` numbers of each embedding in the type that similarities are computed in, perhaps of length 1.

    Float64 where the device has it: a temperature of 0.02 makes 50 times as much of each rounding.
    """
    if dim is not None and dim >= embeddings_ND.shape[1]:
        raise ConfigError(
            f"`objective.matryoshka` has {dim}, and embeddings have {embeddings_ND.shape[1]} numbers in all",
            at="objective.matryoshka",
            hint=f"objective.matryoshka=[{embeddings_ND.shape[1] // 2}]",
        )
    wide = torch.float32 if embeddings_ND.device.type == "mps" else torch.float64
    shown = embeddings_ND[:, :dim].to(wide)
    return F.normalize(shown, dim=-1) if normalize else shown

"""Texts for embedding models, and the same model without our paths: what the tests of contrast and likeness share."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.objectives.groups import VOCAB, built
from whet.contracts.model import Head, Loaded
from whet.contracts.sample import Sample


@cache
def body(seed: int = 3, is_causal: bool = True, **config: float) -> Loaded:
    """A llama without a head and with random weights."""
    return built(seed, head=Head("none", is_causal=is_causal), **config)


def group(texts: Sequence[Sequence[int]], **fields: Sequence[float]) -> Sample:
    """Texts of these tokens as branches of one sample, in place."""
    sizes = [len(text) for text in texts]
    ids = np.concatenate([np.array(text, np.int32) for text in texts])
    columns = {name: np.array(values) for name, values in fields.items()}
    cuts = tuple(np.cumsum([0, *sizes[:-1]]).tolist())
    return Sample(ids, np.ones(len(ids), np.float32), columns, None, cuts, is_in_place=True)


def asked(texts: Sequence[Sequence[int]], num_positives: int = 1) -> Sample:
    """A query, its positives, and negatives."""
    roles = [0, *[1] * num_positives, *[2] * (len(texts) - 1 - num_positives)]
    return group(texts, role=roles, text=[hash(tuple(text)) for text in texts])


def drawn(seed: int, *lengths: int) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(1, VOCAB, length).tolist() for length in lengths]


def texts_of(sample: Sample) -> list[list[int]]:
    return [sample.ids[at].tolist() for at in sample.branches]


def embedded(module: torch.nn.Module, text: Sequence[int], pooling: str = "mean") -> Tensor:
    """The embedding of one text by transformers alone."""
    hidden = module(input_ids=torch.tensor([text]), use_cache=False).last_hidden_state[0]
    return hidden.mean(0) if pooling == "mean" else hidden[-1 if pooling == "last" else 0]


def cosines(a: Tensor, b: Tensor) -> Tensor:
    return F.normalize(a, dim=-1) @ F.normalize(b, dim=-1).T


def with_gradients(module: torch.nn.Module, loss: Tensor) -> tuple[dict[str, float], dict[str, Tensor]]:
    module.zero_grad()
    loss.backward()
    found = {name: p.grad.clone() for name, p in module.named_parameters()}
    module.zero_grad()
    return {"loss": loss.item()}, found

"""Trials: what the probes run through a model of each family, by our way and by its own forward."""

# T tokens  V vocab

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from copy import deepcopy
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PretrainedConfig

from whet.base.errors import ModelError
from whet.contracts.batch import Batch, Segment, Stream
from whet.contracts.sight import SegmentKind
from whet.models.forward.backbone import unwrapped
from whet.models.loading.classes import Family
from whet.models.text import text_config

# Longer than the twin's windows, in no order that a sort would hide.
LENGTHS = (21, 13, 18)
# Shorter than where the twin's rotary embedding turns with the length.
SHORT = (12, 8)
CAUSALITY = 1e-4
# Two ways of computing the same sums: above rounding (2e-6, and 4e-5 through recurrent layers). That nothing leaks is
# measured far more sharply, by isolation.
AGREEMENT = 2e-4


class Trial(Protocol):
    """Samples of one family, and what its own forward says of them.

    `own_loss` sums the losses of separate, unpadded forwards. `sizes` are the rows of hidden states that each sample
    has in `batch`, and `changed` is a sample with other tokens and the same sizes.
    """

    is_causal: bool
    keeps_logits: bool  # whether its own forward gives logits of packed rows

    def samples(self, config: PretrainedConfig) -> list[Any]: ...

    def changed(self, sample: Any, vocab: int) -> Any: ...

    def sizes(self, samples: Sequence[Any]) -> list[int]: ...

    def batch(self, samples: Sequence[Any]) -> Batch: ...

    def own_loss(self, module: nn.Module, samples: Sequence[Any]) -> Tensor: ...

    def check(self, module: nn.Module, samples: Sequence[Any], name: str) -> None: ...


class CausalTrial:
    """Every token but the first is predicted from those before it."""

    is_causal = True
    keeps_logits = True
    kind: SegmentKind = "causal"

    def samples(self, config: PretrainedConfig) -> list[Tensor]:
        return random_tokens(config, LENGTHS)

    def changed(self, sample: Tensor, vocab: int) -> Tensor:
        return (sample + 1) % vocab

    def sizes(self, samples: Sequence[Tensor]) -> list[int]:
        return [len(ids) for ids in samples]

    def batch(self, samples: Sequence[Tensor]) -> Batch:
        ends = torch.tensor([len(ids) for ids in samples]).cumsum(0)
        ids = torch.cat(list(samples))
        weights = torch.ones(len(ids))
        weights[ends - 1] = 0
        return Batch({"text": stream_of(samples, ids.roll(-1), weights, self.kind)}, len(samples), _weight(samples))

    def own_loss(self, module: nn.Module, samples: Sequence[Tensor]) -> Tensor:
        losses = []
        for ids in samples:
            logits = module(input_ids=ids[None], use_cache=False).logits[0, :-1].float()
            losses.append(F.cross_entropy(logits, ids[1:], reduction="sum"))
        return torch.stack(losses).sum()

    def check(self, module: nn.Module, samples: Sequence[Tensor], name: str) -> None:
        """Raise ModelError when the model lets tokens see what follows them.

        Where float32 says so, float64 must say it too: the cycles of HRM magnify rounding past any limit.
        """
        leak = _leak(module, samples[0])
        if leak is None:
            return
        with suppress(RuntimeError, TypeError):  # a part that insists on its own dtype
            leak = _leak(deepcopy(module).double(), samples[0])
        if leak is not None:
            said, hint = leak
            raise ModelError(f"{name} is not causal: what it predicts depends on {said}", at="model", hint=hint)


@torch.no_grad()
def _leak(module: nn.Module, ids: Tensor) -> tuple[str, str] | None:
    """What its predictions depend on and may not, with a hint."""
    changed = torch.cat([ids[:-1], (ids[-1:] + 1) % vocabulary(module.config)])
    before, after = (module(input_ids=x[None], use_cache=False).logits[0, :-1] for x in (ids, changed))
    if not (after - before).abs().max() <= CAUSALITY * before.abs().max():
        hint = "another model, or `is_decoder: true` in its config if it has that choice"
        return "the tokens that follow", hint
    whole, part = (module(input_ids=ids[None, :n], use_cache=False).logits[0] for n in SHORT)
    if not (whole[: len(part)] - part).abs().max() <= CAUSALITY * part.abs().max():
        return "how many tokens follow", "another model"
    return None


class MaskedTrial(CausalTrial):
    """Every second token is predicted, as another one, from all of its sample."""

    is_causal = False
    kind: SegmentKind = "bidirectional"

    def batch(self, samples: Sequence[Tensor]) -> Batch:
        targets = torch.cat([ids.flip(0) for ids in samples])
        weights = torch.cat([torch.arange(len(ids)) % 2 for ids in samples]).float()
        return Batch({"text": stream_of(samples, targets, weights, self.kind)}, len(samples), _weight(samples))

    def own_loss(self, module: nn.Module, samples: Sequence[Tensor]) -> Tensor:
        losses = []
        for ids in samples:
            logits = module(input_ids=ids[None]).logits[0].float()
            losses.append(F.cross_entropy(logits[1::2], ids.flip(0)[1::2], reduction="sum"))
        return torch.stack(losses).sum()

    def check(self, module: nn.Module, samples: Sequence[Tensor], name: str) -> None:
        """An encoder may look anywhere."""


class PairTrial:
    """Every token of a target is predicted from its source and the target's tokens before it."""

    is_causal = False
    keeps_logits = False

    def samples(self, config: PretrainedConfig) -> list[tuple[Tensor, Tensor]]:
        sources, targets = random_tokens(config, LENGTHS), random_tokens(config, LENGTHS[::-1], seed=1)
        return list(zip(sources, targets, strict=True))

    def changed(self, sample: tuple[Tensor, Tensor], vocab: int) -> tuple[Tensor, Tensor]:
        source, target = ((ids + 1) % vocab for ids in sample)
        return source, target

    def sizes(self, samples: Sequence[tuple[Tensor, Tensor]]) -> list[int]:
        return [len(target) for _, target in samples]

    def batch(self, samples: Sequence[tuple[Tensor, Tensor]]) -> Batch:
        sources, targets = zip(*samples, strict=True)
        read, written = torch.cat(sources), torch.cat(targets)
        streams = {
            "source": stream_of(sources, read, torch.zeros(len(read)), "bidirectional"),
            "target": stream_of(targets, written, torch.ones(len(written)), "causal"),
        }
        return Batch(streams, len(samples), _weight(samples))

    def own_loss(self, module: nn.Module, samples: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
        losses = []
        for source, target in samples:
            inputs = {"input_ids": source[None], "labels": target[None]} | feeding(module, target[None])
            logits = module(**inputs, use_cache=False).logits[0].float()  # not its loss: ProphetNet's is of n-grams
            losses.append(F.cross_entropy(logits, target, reduction="sum"))
        return torch.stack(losses).sum()

    def check(self, module: nn.Module, samples: Sequence[tuple[Tensor, Tensor]], name: str) -> None:
        """The agreement with its own forward says what has to be known."""


TRIALS: dict[Family, Trial] = {"causal": CausalTrial(), "masked": MaskedTrial(), "seq2seq": PairTrial()}


def feeding(module: Any, labels_NL: Tensor) -> dict[str, Tensor]:
    """What a decoder has to be given besides labels. FSMT's (transformers 5.23) writes from the source without."""
    if module.config.model_type != "fsmt":
        return {}
    return {"decoder_input_ids": unwrapped(module).prepare_decoder_input_ids_from_labels(labels_NL)}


def random_tokens(config: PretrainedConfig, lengths: Sequence[int], seed: int = 0) -> list[Tensor]:
    """Samples without padding tokens, which models of some families leave out of their count of positions."""
    generator = torch.Generator().manual_seed(seed)
    vocab, padding = vocabulary(config), getattr(config, "pad_token_id", None)
    tokens = torch.tensor([token for token in range(vocab) if token != padding])
    return [tokens[torch.randint(len(tokens), (length,), generator=generator)] for length in lengths]


def vocabulary(config: PretrainedConfig) -> int:
    return text_config(config).vocab_size


def stream_of(samples: Sequence[Tensor], targets: Tensor, weights: Tensor, kind: SegmentKind) -> Stream:
    """Samples in one flat row."""
    ends = torch.tensor([len(ids) for ids in samples]).cumsum(0).tolist()
    segments = tuple(Segment(end - len(ids), end, -1, kind) for end, ids in zip(ends, samples, strict=True))
    positions = torch.cat([torch.arange(len(s)) for s in samples])
    return Stream(torch.cat(list(samples)), positions, segments, targets, weights)


def _weight(samples: Sequence[Any]) -> dict[str, Tensor]:
    return {"weight": torch.ones(len(samples))}

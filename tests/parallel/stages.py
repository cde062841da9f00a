"""A second executor, by hand: two gloo ranks that each hold half of a llama's layers (contract: `Executor`).

No schedule and no overlap: rank 0 runs its half of a micro-batch and sends the hidden states, rank 1 has the objective
read them, and sends their gradient back. It shows that nothing outside an executor needs the whole model.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from whet.contracts.batch import Batch
from whet.contracts.executor import POLICY, Weights
from whet.contracts.model import PLAIN, Loaded, Model, Models, Readout
from whet.contracts.objective import Objective, Terms
from whet.contracts.optimizer import Optimizer
from whet.models.forward.backbone import unwrapped
from whet.parallel.norm import not_finite
from whet.parallel.whole import whole_tensors

HIDDEN = frozenset({"hidden"})


class Through(nn.Module):
    """Stands where another stage's layer is."""

    def forward(self, hidden: Tensor, **_: Any) -> Tensor:
        return hidden


class Received(nn.Module):
    """Stands where the embeddings are, and gives what the stage before has sent."""

    hidden: Tensor

    def forward(self, ids: Tensor) -> Tensor:
        return self.hidden[None]


def cut(loaded: Loaded, stage: int) -> Loaded:
    """Leave one of two stages in the module, under the names of the whole model. Weights must not be tied."""
    model: Any = unwrapped(loaded.module)
    layers = model.model.layers
    half = len(layers) // 2
    for number in range(half, len(layers)) if stage == 0 else range(half):
        layers[number] = Through()
    if stage == 0:
        model.model.norm = model.lm_head = nn.Identity()
    else:
        model.model.embed_tokens = Received()
    return loaded


class TwoStages:
    """Forward and backward over two ranks; each steps the weights that it holds."""

    def __init__(self, loaded: Loaded, objective: Objective, optimizer: Optimizer, clip: float) -> None:
        self.module, self.model, self.width = loaded.module, loaded.model, unwrapped(loaded.module).config.hidden_size
        self.objective, self.optimizer, self.clip, self.stage = objective, optimizer, clip, dist.get_rank()

    def weigh(self, batches: Sequence[Batch], flags: Weights) -> tuple[dict[str, float], dict[str, float]]:
        totals = dict.fromkeys(self.objective.coefficients, 0.0)
        for batch in batches:
            for name, weight in self.objective.weights(batch).items():
                totals[name] += weight
        return totals, dict(flags)

    def step(self, index: int, batches: Sequence[Batch], weights: Weights, factor: float) -> dict[str, float]:
        self.optimizer.begin_step()
        loss = self._backward(batches, weights, last=self.optimizer.before_last_backward)
        self.optimizer.after_backward()
        gradients = [p.grad for p in self.module.parameters() if p.grad is not None]
        square = torch.stack([g.double().square().sum() for g in gradients]).sum()
        dist.all_reduce(square)
        norm = float(square.sqrt())
        for gradient in gradients:
            gradient.mul_(min(1.0, self.clip / norm))
        self.optimizer.step()
        self.optimizer.zero_grad()
        return {"loss": loss, "grad_norm": norm, "lr": self.optimizer.param_groups[0]["lr"]}

    def abort(self) -> None:
        self.optimizer.abort()
        self.optimizer.zero_grad()

    def broken(self) -> list[str]:
        return not_finite(self.module.named_parameters())

    def gradients(self, batches: Sequence[Batch]) -> None:
        self._backward(batches, self.weigh(batches, {})[0])

    @torch.no_grad()
    def measure(self, batches: Sequence[Batch], weights: Weights) -> dict[str, float]:
        parts = [self._forward(batch, lambda model, b: self._loss(self._terms(model, b), weights)) for batch in batches]
        return {"loss": _told(sum(float(part) for part in parts if part is not None))}

    @torch.no_grad()
    def ask(
        self, batches: Iterable[Batch], want: frozenset[str], readout: Readout = PLAIN, model: str = POLICY
    ) -> Iterator[dict[str, Tensor]]:
        assert model == POLICY
        for batch in batches:
            yield _told(self._forward(batch, lambda asked, b: asked.run(b, want, readout)))

    def weights(self, names: Collection[str] | None = None) -> Iterator[tuple[str, Tensor]]:
        for owner in range(2):
            own = dict(whole_tensors(self.module, names))
            for name in _told(list(own), owner):
                yield name, _told(own.get(name), owner)

    def evaluation_weights(self) -> AbstractContextManager[None]:
        return self.optimizer.evaluation_weights()

    def _backward(self, batches: Sequence[Batch], weights: Weights, last: Any = lambda: None) -> float:
        """Leave each stage's gradients in its parameters. Returns the loss, on both."""
        total = 0.0
        for batch in batches:
            if batch is batches[-1]:
                last()
            made = self._forward(batch, lambda model, b: self._loss(self._terms(model, b), weights))
            if self.stage == 1:
                made.backward()
                total += float(made.detach())
                dist.send(unwrapped(self.module).model.embed_tokens.hidden.grad, 0)
            else:
                gradient = torch.empty_like(made)
                dist.recv(gradient, 1)
                made.backward(gradient)
        return _told(total)

    def _forward(self, batch: Batch, read: Any) -> Any:
        """The last stage's reading of a batch; of the first stage its hidden states (T, D), where a gradient is due."""
        if self.stage == 0:
            hidden_TD = self.model.run(batch, HIDDEN)["hidden"]
            dist.send(hidden_TD.detach(), 1)
            return hidden_TD if torch.is_grad_enabled() else None
        received_TD = torch.empty(batch.num_tokens, self.width)
        dist.recv(received_TD, 0)
        unwrapped(self.module).model.embed_tokens.hidden = received_TD.requires_grad_(torch.is_grad_enabled())
        return read(self.model, batch)

    def _terms(self, model: Model, batch: Batch) -> Terms:
        return self.objective(Models(model), batch, {})

    def _loss(self, terms: Terms, weights: Weights) -> Tensor:
        return torch.stack([c * terms.sums[k] / weights[k] for k, c in self.objective.coefficients.items()]).sum()


def _told(value: Any, source: int = 1) -> Any:
    """The last stage's value (or that of `source`), on both."""
    box = [value]
    dist.broadcast_object_list(box, src=source)
    return box[0]

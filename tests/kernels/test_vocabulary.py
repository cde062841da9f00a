"""A head that ranks share gives the loss, scores, divergences and gradients of a whole one."""

from __future__ import annotations

from itertools import product

import pytest
import torch
import torch.distributed as dist
from torch.distributed.tensor import DTensor, Shard, distribute_tensor

from tests.ranks import on_ranks
from whet.contracts.model import Divergence, Prediction
from whet.kernels.linear_divergence import linear_divergence
from whet.kernels.linear_loss import linear_nlls
from whet.kernels.linear_scores import linear_scores, linear_top
from whet.kernels.vocabulary import held

P, D, V, K = 13, 6, 20, 3
LEAST = 17  # tokens that every teacher knows
MEASURES = [
    Divergence(), Divergence("reverse_kl", temperature=0.5, sft=0.7), Divergence("jsd", beta=0.3, temperature=1.5),
]  # fmt: skip
SHAPE = {"logit_scale": 1.3, "softcap": 5.0, "chunk": 4}


def found(is_cut: bool) -> dict[str, torch.Tensor]:
    source = torch.Generator().manual_seed(0)
    hidden, weight, bias, factors = (
        torch.randn(*shape, generator=source, dtype=torch.float64) for shape in ((P, D), (V, D), (V,), (P,))
    )
    ids = torch.randint(0, V, (P, K), generator=source)
    hidden.requires_grad_()
    shape = dict(SHAPE)
    if is_cut:
        mesh = dist.init_device_mesh("cpu", (dist.get_world_size(),))
        weight, bias = (distribute_tensor(whole, mesh, [Shard(0)]) for whole in (weight, bias))
    weight, bias = weight.detach().requires_grad_(), bias.detach().requires_grad_()
    own, shape["vocabulary"] = held(weight)
    shape["bias"] = held(bias)[0]
    total, nlls = linear_nlls(hidden, own, ids[:, 0], factors, **shape)
    scores = linear_scores(hidden, own, ids, entropy=True, temperature=0.7, **shape)
    top = linear_top(hidden, own, 5, **shape)
    (3 * total + (scores.logprobs_PK * factors[:, None]).sum() + (scores.entropy_P * factors).sum()).backward()
    told = [total, nlls, *scores, *top, *gradients(hidden, weight, bias)]
    for teacher, measure in product(teachers(source, is_cut), MEASURES):
        near = linear_divergence(hidden, own, teacher, ids[:, 0] % LEAST, factors, measure, **shape)
        (2 * near.total).backward()
        told += [*near, *gradients(hidden, weight, bias)]
    return [one.detach() for one in told]


def gradients(*leaves):
    """Those of these tensors, whole, which forget them."""
    found = [leaf.grad.full_tensor() if isinstance(leaf.grad, DTensor) else leaf.grad for leaf in leaves]
    for leaf in leaves:
        leaf.grad = None
    return found


def teachers(source, is_cut):
    """One whose head lies as the student's, one whose longer head does not, a shorter one that is whole, and logits."""
    found = [Prediction(torch.randn(P, V, generator=source, dtype=torch.float64))]
    for vocab in (V, V + 4, LEAST):
        states, weight, bias = (
            torch.randn(*size, generator=source, dtype=torch.float64) for size in ((P, 4), (vocab, 4), (vocab,))
        )
        if is_cut and vocab > LEAST:
            mesh = dist.init_device_mesh("cpu", (dist.get_world_size(),))
            weight, bias = (distribute_tensor(whole, mesh, [Shard(0)]) for whole in (weight, bias))
        found.append(Prediction(states, weight, bias, 0.7, 4.0))
    return found


def on_a_rank() -> list[torch.Tensor]:
    dist.init_process_group("gloo")
    return found(True)


@pytest.mark.ranks
def test_a_head_that_ranks_share_is_a_whole_one():
    expected = found(False)
    for told in on_ranks(2, on_a_rank):
        for one, other in zip(told, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)

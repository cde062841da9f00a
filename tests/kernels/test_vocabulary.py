"""A head that ranks share gives the loss, scores and gradients of a whole one."""

from __future__ import annotations

import pytest
import torch
import torch.distributed as dist
from torch.distributed.tensor import Shard, distribute_tensor

from tests.ranks import on_ranks
from whet.kernels.linear_loss import linear_nlls
from whet.kernels.linear_scores import linear_scores, linear_top
from whet.kernels.vocabulary import held

P, D, V, K = 13, 6, 20, 3
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
    grads = [hidden.grad, weight.grad, bias.grad]
    told = [total, nlls, *scores, *top, *(g.full_tensor() if hasattr(g, "full_tensor") else g for g in grads)]
    return [one.detach() for one in told]


def on_a_rank() -> list[torch.Tensor]:
    dist.init_process_group("gloo")
    return found(True)


@pytest.mark.ranks
def test_a_head_that_ranks_share_is_a_whole_one():
    expected = found(False)
    for told in on_ranks(2, on_a_rank):
        for one, other in zip(told, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)

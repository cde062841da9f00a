"""Where laws are proven: models that keep every number in float64, and how far float32 may round away from them.

In float32 two right ways differ by rounding, which depends on the processor's vectors and threads. In float64 they
differ by 1e-13 or so, and a law that is broken differs by much more than LIMIT.
"""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

from whet.contracts.model import Loaded

LIMIT = 1e-10
Made = TypeVar("Made", nn.Module, Loaded)


def exact(made: Made) -> Made:
    """The same model with float64 weights, in place; norms of transformers that compute in float32 are torch's own."""
    module = made if isinstance(made, nn.Module) else made.module
    for parent in list(module.modules()):
        for name, norm in list(parent.named_children()):
            if hasattr(norm, "variance_epsilon"):
                own = nn.RMSNorm(norm.weight.shape, eps=norm.variance_epsilon)
                own.weight = norm.weight
                setattr(parent, name, own)
    module.double()
    return made


def rounding(*lengths: int, dtype: torch.dtype = torch.float32) -> float:
    """The largest relative error of sums of these lengths that feed each other, in any order (Higham 2002, 3.1).

    A sum of n numbers is off by at most n eps/2 of the sum of their sizes; two ways of adding by twice that.
    """
    return sum(lengths) * torch.finfo(dtype).eps

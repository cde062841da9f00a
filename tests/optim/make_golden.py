"""Write `golden.npz`: what published packages do on the open-loop problem. Only the numbers are kept.

Run it in an environment that has the packages beside torch:

    pip install lion-pytorch==0.2.5 came-pytorch==0.1.3 schedulefree==1.4.1 pytorch-optimizer==4.1.0
    python -m tests.optim.make_golden
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from tests.optim.problem import Problem, Shapes

FILE = Path(__file__).with_name("golden.npz")
SMALL: Shapes = {"wide": (16, 32), "tall": (32, 16)}
AFTER = (1, 2, 10, 199, 201, 450)


def packages() -> dict[str, tuple[Shapes, Callable[[list[nn.Parameter]], torch.optim.Optimizer]]]:
    import pytorch_optimizer as kozistr
    from came_pytorch import CAME
    from lion_pytorch import Lion
    from schedulefree import AdamWScheduleFree

    rank = {"rank": 4, "update_proj_gap": 1000, "scale": 1.0, "projection_type": "std"}
    return {
        "lion": (SMALL, lambda p: Lion(p, lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1)),
        "came": (SMALL, lambda p: CAME(p, lr=1e-2, weight_decay=0.1)),
        "schedule-free": (SMALL, lambda p: AdamWScheduleFree(p, lr=1e-2, betas=(0.9, 0.999), weight_decay=0.1)),
        "ademamix": (SMALL, lambda p: kozistr.AdEMAMix(
            p, lr=1e-2, alpha=5.0, t_alpha_beta3=300, weight_decay=0.1, weight_decouple=True, foreach=False)),
        "soap": (SMALL, lambda p: kozistr.SOAP(
            p, lr=1e-2, betas=(0.95, 0.95), shampoo_beta=0.95, weight_decay=0.1, precondition_frequency=10)),
        "fira": (SMALL, lambda p: kozistr.Fira([{"params": p, **rank}], lr=1e-2, foreach=False)),
    }  # fmt: skip


def record(shapes: Shapes, make: Callable[[list[nn.Parameter]], Any]) -> dict[str, np.ndarray]:
    """The weights of each parameter after the steps `AFTER`, and for averaging rules those they evaluate with."""
    problem = Problem(shapes)
    parameters = [nn.Parameter(w.clone()) for w in problem.start]
    chosen = make(parameters)
    averages = hasattr(chosen, "eval")
    if averages:
        chosen.train()
    found: dict[str, list[np.ndarray]] = {name: [] for name in shapes}
    for step in range(1, AFTER[-1] + 1):
        for parameter, gradient in zip(parameters, problem.gradients(), strict=True):
            parameter.grad = gradient
        chosen.step()
        if step in AFTER:
            for name, parameter in zip(shapes, parameters, strict=True):
                found[name].append(parameter.detach().numpy().copy())
    if averages:
        chosen.eval()
        found.update({f"{n}.evaluated": [p.detach().numpy().copy()] for n, p in zip(shapes, parameters, strict=True)})
    return {name: np.stack(snapshots) for name, snapshots in found.items()}


if __name__ == "__main__":
    torch.set_num_threads(1)
    arrays = {f"{tag}/{name}": a for tag, made in packages().items() for name, a in record(*made).items()}
    np.savez_compressed(FILE, **arrays)
    print(f"{FILE}: {len(arrays)} arrays, {FILE.stat().st_size:,} bytes")

"""Rules that move each weight by its own history: Adam and what was made of it, sign, momentum."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from whet.optim.codecs import Entry
from whet.optim.rules import At, RowRule, Tensors

M, V = Entry("m", True), Entry("v", False)
SLOW = Entry("slow", True)
CURVATURE = Entry("curvature", False)

State = Mapping[str, Tensors]


class Adam(RowRule):
    """Adam with decoupled decay (Loshchilov and Hutter 2019, algorithm 2), as torch.optim.AdamW computes it."""

    entries = (M, V)

    def __init__(self, betas: tuple[float, float], eps: float) -> None:
        self.betas, self.eps = betas, eps

    def advance(self, weights: Tensors, grads: Tensors, state: State, at: At) -> None:
        fused_adam(weights, grads, state["m"], state["v"], self.betas, self.eps, at.step, at.lr, at.decay)


class Momentum(RowRule):
    """SGD with momentum as torch.optim.SGD computes it: the decay is added to the gradient."""

    entries: tuple[Entry, ...] = (M,)

    def __init__(self, momentum: float, nesterov: bool) -> None:
        self.momentum, self.nesterov = momentum, nesterov
        self.entries = (M,) if momentum else ()

    def advance(self, weights: Tensors, grads: Tensors, state: State, at: At) -> None:
        torch._fused_sgd_(  # the kernel behind torch.optim.SGD(fused=True): one pass over memory
            weights, grads, state.get("m", []), weight_decay=at.decay, momentum=self.momentum, lr=at.lr, dampening=0.0,
            nesterov=self.nesterov, maximize=False, is_first_step=False,
        )  # fmt: skip


class Lion(RowRule):
    """Sign of the interpolated momentum (Chen et al. 2023, algorithm 2)."""

    entries = (M,)

    def __init__(self, betas: tuple[float, float]) -> None:
        self.betas = betas

    def advance(self, weights: Tensors, grads: Tensors, state: State, at: At) -> None:
        decay(weights, at)
        directions = torch._foreach_lerp(state["m"], grads, 1 - self.betas[0])
        torch._foreach_sign_(directions)
        torch._foreach_add_(weights, directions, alpha=-at.lr)
        torch._foreach_lerp_(state["m"], grads, 1 - self.betas[1])


class AdEMAMix(RowRule):
    """Adam with a second, slow momentum (Pagliardini et al. 2024, algorithm 1).

    `horizon` steps warm up the slow momentum's weight `alpha` linearly and its decay rate on a scale of half-lives;
    0 has them in full from the first step.
    """

    entries = (M, V, SLOW)

    def __init__(self, betas: tuple[float, float, float], eps: float, alpha: float, horizon: int) -> None:
        self.betas, self.eps, self.alpha, self.horizon = betas, eps, alpha, horizon

    def advance(self, weights: Tensors, grads: Tensors, state: State, at: At) -> None:
        alpha, beta = self._slow(at.step)
        torch._foreach_lerp_(state["slow"], grads, 1 - beta)
        m, v = state["m"], state["v"]
        fused_adam(weights, grads, m, v, self.betas[:2], self.eps, at.step, at.lr, at.decay)
        # The slow momentum is divided by the same root: slow / (sqrt(v) / c + eps) = c slow / (sqrt(v) + c eps).
        correction = math.sqrt(1 - self.betas[1] ** at.step)
        roots = torch._foreach_sqrt(v)
        torch._foreach_add_(roots, correction * self.eps)
        torch._foreach_addcdiv_(weights, state["slow"], roots, value=-at.lr * alpha * correction)

    def _slow(self, step: int) -> tuple[float, float]:
        """alpha and beta_3 of this step (their equations 4 and 5)."""
        if not self.horizon or step >= self.horizon:
            return self.alpha, self.betas[2]
        share = step / self.horizon
        fast, slow = math.log(self.betas[0]), math.log(self.betas[2])
        return share * self.alpha, math.exp(fast * slow / ((1 - share) * slow + share * fast))


class Sophia(RowRule):
    """Momentum over a diagonal of the curvature, clipped to one rate a weight (Liu et al. 2023, algorithm 3).

    `advance` moves; `curve` renews the curvature from a gradient of labels drawn from the model.
    """

    entries = (M, CURVATURE)

    def __init__(self, betas: tuple[float, float], rho: float) -> None:
        self.betas, self.rho = betas, rho

    def advance(self, weights: Tensors, grads: Tensors, state: State, at: At) -> None:
        decay(weights, at)
        torch._foreach_lerp_(state["m"], grads, 1 - self.betas[0])
        scales = torch._foreach_mul(state["curvature"], self.rho)
        torch._foreach_add_(scales, 1e-15)
        ratios = torch._foreach_abs(state["m"])
        torch._foreach_div_(ratios, scales)
        torch._foreach_clamp_max_(ratios, 1.0)
        torch._foreach_mul_(ratios, torch._foreach_sign(state["m"]))
        torch._foreach_add_(weights, ratios, alpha=-at.lr)

    def curve(self, grads: Tensors, state: State, scale: float) -> dict[str, Tensors]:
        """h = beta_2 h + (1 - beta_2) scale g^2, g the gradient of a mean over `scale` samples. Gives what changed."""
        torch._foreach_mul_(state["curvature"], self.betas[1])
        torch._foreach_addcmul_(state["curvature"], grads, grads, value=(1 - self.betas[1]) * scale)
        return {"curvature": state["curvature"]}


def normalised(grads: Tensors, m: Tensors, v: Tensors, betas: tuple[float, float], eps: float, step: float) -> Tensors:
    """Adam's direction in new tensors, both moments renewed: m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + eps).

    At step infinity nothing is corrected for the start. One pass over memory, by the kernel of torch's fused Adam: six
    passes of foreach take 1.9 times as long (10 M numbers, one core).
    """
    found = [torch.zeros_like(grad) for grad in grads]
    fused_adam(found, grads, m, v, betas, eps, step, lr=-1.0)
    return found


def fused_adam(
    weights: Tensors, grads: Tensors, m: Tensors, v: Tensors, betas: tuple[float, ...], eps: float, step: float,
    lr: float, decay: float = 0.0,
) -> None:  # fmt: skip
    """A step of AdamW in one pass over memory, by the kernel behind torch.optim.AdamW(fused=True)."""
    steps = [torch.full((), float(step), device=weights[0].device)] * len(weights)
    torch._fused_adamw_(
        weights, grads, m, v, [], steps, lr=lr, beta1=betas[0], beta2=betas[1], weight_decay=decay, eps=eps,
        amsgrad=False, maximize=False,
    )  # fmt: skip


def root(v: Tensors, divisor: float, eps: float) -> Tensors:
    """sqrt(v) / divisor + eps, in new tensors."""
    found = torch._foreach_sqrt(v)
    torch._foreach_div_(found, divisor)
    torch._foreach_add_(found, eps)
    return list(found)


def decay(weights: Tensors, at: At) -> None:
    """Decoupled weight decay of the old weight."""
    if at.decay:
        torch._foreach_mul_(weights, 1 - at.lr * at.decay)


def rms(tensor: Tensor) -> Tensor:
    """Root mean square, without leaving the device."""
    return tensor.norm() / tensor.numel() ** 0.5

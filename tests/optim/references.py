"""The rules written out in float64 with numpy, from the papers and the published code, one matrix after the other.

Nothing of the package is used here. A reference is a class whose `step(weights, grads)` changes the weights in place;
it is made with the shapes of the weights. Decompositions are torch's, since the sign of a vector is arbitrary and
moments outlive the basis that they were taken in.
"""

# t step, from 1  G gradient  P basis  Q eigenbasis

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy import ndarray

Shapes = Sequence[tuple[int, ...]]


class Reference(ABC):
    def __init__(self, shapes: Shapes, lr: float) -> None:
        self.lr, self.t = lr, 0
        self.state: list[dict] = [{} for _ in shapes]

    def step(self, weights: Sequence[ndarray], grads: Sequence[ndarray]) -> None:
        self.t += 1
        for i, (weight, grad) in enumerate(zip(weights, grads, strict=True)):
            self.one(weight, grad, self.state[i], i)

    @abstractmethod
    def one(self, w: ndarray, g: ndarray, s: dict, index: int) -> None:
        """Change one weight in place, by its gradient and what is kept of it."""


def averaged(state: dict, name: str, value: ndarray, beta: float) -> ndarray:
    state[name] = beta * state.get(name, np.zeros_like(value)) + (1 - beta) * value
    return state[name]


class AdEMAMix(Reference):
    """Pagliardini et al. 2024, algorithm 1 with the schedulers of its equations 4 and 5."""

    betas, alpha, horizon = (0.9, 0.999, 0.9999), 5.0, 300

    def one(self, w, g, s, index):
        b1, b2, b3 = self.betas
        share = min(1.0, self.t / self.horizon)
        slow = np.exp(np.log(b1) * np.log(b3) / ((1 - share) * np.log(b3) + share * np.log(b1)))
        m, v, n = averaged(s, "m", g, b1), averaged(s, "v", g * g, b2), averaged(s, "n", g, slow)
        m, v = m / (1 - b1**self.t), v / (1 - b2**self.t)
        w -= self.lr * ((m + share * self.alpha * n) / (np.sqrt(v) + 1e-8))


class AdamMini(Reference):
    """Zhang et al. 2024, algorithm 1: the blocks of a matrix are its rows, of a vector all of it."""

    def one(self, w, g, s, index):
        mean = (g * g).mean(-1, keepdims=True)
        m, v = averaged(s, "m", g, 0.9), averaged(s, "v", mean, 0.95)
        w -= self.lr * (m / (1 - 0.9**self.t)) / (np.sqrt(v / (1 - 0.95**self.t)) + 1e-8)


class Adafactor(Reference):
    """Shazeer and Stern 2018, algorithm 4, with a rate of at most 1/sqrt(t) and eps_1 as torch has it."""

    def one(self, w, g, s, index):
        beta = 1 - self.t**-0.8
        tiny = np.finfo(g.dtype).eps
        if g.ndim > 1:
            r, c = averaged(s, "r", (g * g).mean(1), beta), averaged(s, "c", (g * g).mean(0), beta)
            v = np.outer(r, c) / max(r.mean(), tiny)
        else:
            v = averaged(s, "v", g * g, beta)
        u = g / np.sqrt(np.maximum(v, tiny**2))
        u = u / max(1.0, np.sqrt((u * u).mean()))
        w -= min(self.lr, self.t**-0.5) * max(1e-3, np.sqrt((w * w).mean())) * u


class Came(Reference):
    """Luo et al. 2023, algorithm 2."""

    def one(self, w, g, s, index):
        u = g * self.inverse_root(s, "v", g * g + 1e-30, 0.999)
        u = u / max(1.0, np.sqrt((u * u).mean()))
        m = averaged(s, "m", u, 0.9)
        w -= self.lr * (m * self.inverse_root(s, "u", (u - m) ** 2 + 1e-16, 0.9999) if g.ndim > 1 else m)

    @staticmethod
    def inverse_root(s, name, squares, beta):
        if squares.ndim < 2:
            return 1 / np.sqrt(averaged(s, name, squares, beta))
        r, c = averaged(s, name + "r", squares.mean(1), beta), averaged(s, name + "c", squares.mean(0), beta)
        return 1 / np.sqrt(np.outer(r / r.mean(), c))


class Sophia(Reference):
    """Liu et al. 2023, algorithm 3. `curve` is its Gauss-Newton-Bartlett estimator's moving average."""

    def one(self, w, g, s, index):
        m, h = averaged(s, "m", g, 0.965), s.setdefault("h", np.zeros_like(g))
        w -= self.lr * np.sign(m) * np.minimum(np.abs(m) / (0.04 * h + 1e-15), 1)

    def curve(self, grads: Sequence[ndarray], scale: float) -> None:
        for s, g in zip(self.state, grads, strict=True):
            s["h"] = 0.99 * s["h"] + 0.01 * scale * g * g


def orthogonal(m: ndarray, triples: Sequence[tuple[float, float, float]], factor: float = 1.0) -> ndarray:
    """Newton-Schulz by polynomials of X X^T, on the smaller side."""
    if m.shape[0] > m.shape[1]:
        return orthogonal(m.T, triples, factor).T
    x = m / (np.linalg.norm(m) * factor + 1e-7)
    for a, b, c in triples:
        gram = x @ x.T
        x = a * x + b * gram @ x + c * gram @ gram @ x
    return x


# Amsel et al. 2025, published table for five iterations; the safety factor is 1.02.
POLAR = (
    (8.156554524902461, -22.48329292557795, 15.878769915207462),
    (4.042929935166739, -2.808917465908714, 0.5000178451051316),
    (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
    (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
    (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
)
QUINTIC = (
    (4.0848, -6.8946, 2.9270), (3.9505, -6.3029, 2.6377), (3.7418, -5.5913, 2.3037), (2.8769, -3.1427, 1.2046),
    (2.8366, -3.0525, 1.2012),
)  # fmt: skip


class Muon(Reference):
    """Jordan et al. 2024 with Nesterov's momentum, at the length of Liu et al. 2025; heads by themselves if cut."""

    triples, factor, head_rows = QUINTIC, 1.0, 0

    def one(self, w, g, s, index):
        m = averaged(s, "m", g, 0.95)
        u = 0.95 * m + 0.05 * g
        rows = self.head_rows or len(u)
        for first in range(0, len(u), rows):
            part = orthogonal(u[first : first + rows], self.triples, self.factor)
            w[first : first + rows] -= self.lr * 0.2 * np.sqrt(max(part.shape)) * part


class PolarMuon(Muon):
    triples, factor = POLAR, 1.02


class HeadMuon(PolarMuon):
    head_rows = 16


class NorMuon(Reference):
    """Li et al. 2025, algorithm 1."""

    def one(self, w, g, s, index):
        m = averaged(s, "m", g, 0.95)
        o = orthogonal(0.95 * m + 0.05 * g, POLAR, 1.02)
        v = averaged(s, "v", (o * o).mean(1, keepdims=True), 0.95)
        o = o / (np.sqrt(v) + 1e-8)
        w -= self.lr * 0.2 * np.sqrt(o.size) * o / np.linalg.norm(o)


class GaLore(Reference):
    """Zhao et al. 2024, algorithm 2, with the published code's Adam: eps before the correction for the start."""

    rank, gap, scale, betas, eps = 4, 150, 0.25, (0.9, 0.999), 1e-6

    def one(self, w, g, s, index):
        w -= self.correction() * self.scale * self.direction(g, s)

    def correction(self) -> float:
        return self.lr * np.sqrt(1 - self.betas[1] ** self.t) / (1 - self.betas[0] ** self.t)

    def basis(self, g, s):
        if (self.t - 1) % self.gap == 0:
            s["P"] = self.facing(self.leading(g), s.get("P"), g)
        return s["P"]

    def facing(self, fresh, old, g):
        """The new directions on the side of the old ones of their number: where a decomposition lets them point is no
        part of the method."""
        if old is None:
            return fresh
        axis = 1 if g.shape[0] >= g.shape[1] else 0
        return np.where((fresh * old).sum(axis, keepdims=True) < 0, -fresh, fresh)

    def leading(self, g):
        """P (rank, columns) where rows are no fewer than columns, else (rows, rank)."""
        u, _, vt = (a.numpy() for a in torch.linalg.svd(torch.from_numpy(g), full_matrices=False))
        return vt[: self.rank] if g.shape[0] >= g.shape[1] else u[:, : self.rank]

    def low(self, g, p):
        return g @ p.T if g.shape[0] >= g.shape[1] else p.T @ g

    def back(self, low, p, g):
        return low @ p if g.shape[0] >= g.shape[1] else p @ low

    def adam(self, low, s):
        m, v = averaged(s, "m", low, self.betas[0]), averaged(s, "v", low * low, self.betas[1])
        return m / (np.sqrt(v) + self.eps)

    def direction(self, g, s):
        p = self.basis(g, s)
        return self.back(self.adam(self.low(g, p), s), p, g)


class GramGaLore(GaLore):
    """The same directions, as eigenvectors of the smaller Gram matrix."""

    def leading(self, g):
        gram = g.T @ g if g.shape[0] >= g.shape[1] else g @ g.T
        vectors = eigenvectors(gram)[:, ::-1][:, : self.rank]
        return vectors.T if g.shape[0] >= g.shape[1] else vectors


class QGaLore(GaLore):
    """Zhang et al. 2024: the gap doubles once the first direction has hardly turned in five renewals on average."""

    gap, similarity = 20, 0.4

    def basis(self, g, s):
        gap = s.setdefault("gap", self.gap)
        if "P" not in s or self.t - s["last"] >= gap:
            fresh = self.facing(self.leading(g), s.get("P"), g)
            if "P" in s:
                first = [p[0] if g.shape[0] >= g.shape[1] else p[:, 0] for p in (s["P"], fresh)]
                s["cosines"] = [*s.get("cosines", []), abs(first[0] @ first[1])][-5:]
                if len(s["cosines"]) == 5 and np.mean(s["cosines"]) >= self.similarity:
                    s["gap"] *= 2
            s["P"], s["last"] = fresh, self.t
        return s["P"]


class Fira(GaLore):
    """Chen et al. 2024, algorithm 1: the rest of the gradient, scaled as Adam scaled each channel, and limited."""

    scale = 1.0

    def direction(self, g, s):
        p = self.basis(g, s)
        low = self.low(g, p)
        normal = self.adam(low, s)
        axis = 1 if g.shape[0] >= g.shape[1] else 0
        factor = np.linalg.norm(normal, axis=axis, keepdims=True)
        factor = factor / (np.linalg.norm(low, axis=axis, keepdims=True) + 1e-8)
        rest = (g - self.back(low, p, g)) * factor
        norm = np.linalg.norm(rest)
        if "norm" in s:
            limit = max(norm / (s["norm"] + 1e-8), 1.01) / 1.01
            rest, norm = rest / limit, norm / limit
        s["norm"] = norm
        return self.back(normal, p, g) + rest


class Soap(Reference):
    """Vyas et al. 2024, algorithm 3, the momentum in the weights' own coordinates as they have it."""

    every = 10

    def one(self, w, g, s, index):
        if self.t == 1:
            averaged(s, "L", g @ g.T, 0.95), averaged(s, "R", g.T @ g, 0.95)
            s["QL"], s["QR"] = (eigenvectors(s[side])[:, ::-1] for side in "LR")
            return
        t, m = self.t - 1, averaged(s, "m", g, 0.95)
        v = averaged(s, "v", (s["QL"].T @ g @ s["QR"]) ** 2, 0.95)
        n = (s["QL"].T @ m @ s["QR"]) / (np.sqrt(v) + 1e-8)
        rate = self.lr * np.sqrt(1 - 0.95**t) / (1 - 0.95**t)
        w -= rate * s["QL"] @ n @ s["QR"].T
        averaged(s, "L", g @ g.T, 0.95), averaged(s, "R", g.T @ g, 0.95)
        if t % self.every == 0:
            for side, axis in (("L", 0), ("R", 1)):
                q = s["Q" + side]
                order = np.argsort(-np.diag(q.T @ s[side] @ q), kind="stable")
                s["v"] = np.take(s["v"], order, axis)
                s["Q" + side] = torch.linalg.qr(torch.from_numpy(s[side] @ q[:, order]))[0].numpy()


def eigenvectors(matrix: ndarray) -> ndarray:
    return torch.linalg.eigh(torch.from_numpy(matrix))[1].numpy()


class Adam(Reference):
    """Adam on what `trained(t, index)` says: a mask, True or False; where a turn begins, it begins anew."""

    def __init__(self, shapes: Shapes, lr: float, every: int, trained: Callable[[int, int], ndarray | bool]) -> None:
        super().__init__(shapes, lr)
        self.every, self.trained = every, trained

    def one(self, w, g, s, index):
        turn, within = divmod(self.t - 1, self.every)
        mask = self.trained(turn, index)
        if within == 0 and not (mask is True and s.get("is_always")):
            s.clear()
        s["is_always"] = mask is True and self.trained(turn + 1, index) is True
        if mask is False:
            return
        s["t"] = s.get("t", 0) + 1
        m, v = averaged(s, "m", g, 0.9), averaged(s, "v", g * g, 0.999)
        w -= mask * self.lr * (m / (1 - 0.9 ** s["t"])) / (np.sqrt(v / (1 - 0.999 ** s["t"])) + 1e-8)

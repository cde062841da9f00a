"""Time of a step and bytes of state, beside the published packages, on the weights of a small Llama.

    pip install galore-torch badam adam-mini lion-pytorch came-pytorch schedulefree pytorch-optimizer
    pip install bitsandbytes torchao
    python benchmarks/optimizers/step.py [--only muon] [--width 1024 --layers 1] [--device cuda]

Weights and gradients are random and the same for both; gradients are set anew before every step, outside of the clock.
Ours and the package take turns in one process; printed are medians with the lowest and highest, and the median of the
ratios within a round. Kinds that renew a basis are timed between two renewals, and the renewal by itself.
"""

from __future__ import annotations

import argparse
import io
import logging
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from whet.base.catalogue import optimizer
from whet.contracts.model import ParamRole
from whet.contracts.optimizer import Optimizer
from whet.optim.groups import NamedParameter, ParamGroups

WIDTH, INNER, HEADS, VOCAB = 384, 1024, 6, 8192
LR = {"lr": 1e-4, "weight_decay": 0.0}


class Weights(nn.Module):
    """Named as a Llama's: `layers` decoder layers, an embedding, norms."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (VOCAB, WIDTH)}
        for i in range(layers):
            for x in "qkvo":
                self.shapes[f"model.layers.{i}.self_attn.{x}_proj.weight"] = (WIDTH, WIDTH)
            for x, shape in (("gate", (INNER, WIDTH)), ("up", (INNER, WIDTH)), ("down", (WIDTH, INNER))):
                self.shapes[f"model.layers.{i}.mlp.{x}_proj.weight"] = shape
            self.shapes[f"model.layers.{i}.input_layernorm.weight"] = (WIDTH,)
        draw = torch.Generator().manual_seed(0)
        for name, shape in self.shapes.items():
            parameter = nn.Parameter(torch.randn(shape, generator=draw) * 0.02)
            self.register_parameter(name.replace(".", "/"), parameter)

    def named(self) -> list[tuple[str, nn.Parameter]]:
        return [(name.replace("/", "."), p) for name, p in self.named_parameters()]

    def matrices(self) -> list[nn.Parameter]:
        return [p for name, p in self.named() if p.dim() == 2 and "embed" not in name]

    def rest(self) -> list[nn.Parameter]:
        return [p for name, p in self.named() if p.dim() != 2 or "embed" in name]

    def groups(self) -> ParamGroups:
        found = []
        for name, p in self.named():
            role = ParamRole.EMBEDDING if "embed" in name else ParamRole.MATRIX if p.dim() == 2 else ParamRole.NORM
            layer = int(name.split(".")[2]) if "layers" in name else None
            heads = WIDTH // HEADS if name.endswith(("q_proj.weight", "k_proj.weight")) else 0
            found.append(NamedParameter(name, p, role, 1.0, layer, heads))
        return ParamGroups(found)


def ours(kind: str, matrices_only: bool = False, **settings: Any) -> Callable[[Weights], Any]:
    def build(weights: Weights) -> Any:
        made = optimizer.get(kind)
        groups = weights.groups()
        if matrices_only:
            groups = replace(groups, members=[m for m in groups.members if m.role == ParamRole.MATRIX])
        return made.build(groups, **made.settings.model_validate({"kind": kind, **LR, **settings}).values())

    return build


def pairs() -> dict[str, tuple[Callable[[Weights], Any], Callable[[Weights], Any]]]:
    """Ours and the package of each kind. A package is imported when its turn comes."""
    return {
        "muon": (ours("muon", True, coefficients="kj", scale="original"), _torch_muon),
        "muon bf16": (ours("muon", True, coefficients="kj", scale="original", precision="bf16"), _torch_muon),
        "galore": (ours("galore", rank=128), _galore),
        "galore gram": (ours("galore", rank=128, basis="gram"), _galore),
        "adam-mini": (ours("adam-mini"), _adam_mini),
        "badam": (ours("badam", every=1000, order="ascending"), _badam),
        "adamw 8bit": (ours("adamw", state="8bit"), _bnb),
        "adamw": (ours("adamw"), lambda w: torch.optim.AdamW(w.parameters(), **LR, foreach=True)),
        "lion": (ours("lion"), lambda w: _from("lion_pytorch", "Lion")(w.parameters(), **LR)),
        "adafactor": (ours("adafactor"), lambda w: torch.optim.Adafactor(w.parameters(), **LR)),
        "came": (ours("came"), lambda w: _from("came_pytorch", "CAME")(w.parameters(), **LR)),
        "schedule-free": (ours("schedule-free"), _schedule_free),
        "ademamix": (ours("ademamix"), lambda w: _from("pytorch_optimizer", "AdEMAMix")(w.parameters(), **LR)),
        "soap": (ours("soap", True), lambda w: _from("pytorch_optimizer", "SOAP")(w.matrices(), **LR)),
        "adamw 8bit (torchao)": (ours("adamw", state="8bit"), _torchao),
    }


def _from(package: str, name: str) -> Any:
    return getattr(__import__(package), name)


def _torch_muon(weights: Weights) -> Any:
    return torch.optim.Muon(weights.matrices(), **LR)


def _galore(weights: Weights) -> Any:
    low = {"params": weights.matrices(), "rank": 128, "update_proj_gap": 200, "scale": 0.25, "proj_type": "std"}
    return _from("galore_torch", "GaLoreAdamW")([{"params": weights.rest()}, low], no_deprecation_warning=True, **LR)


def _adam_mini(weights: Weights) -> Any:
    named = [(n, p) for n, p in weights.named() if "norm" not in n]
    return _from("adam_mini", "Adam_mini")(named, **LR, dim=WIDTH, n_heads=HEADS)


def _badam(weights: Weights) -> Any:
    named = weights.named()
    base = torch.optim.AdamW([p for _, p in named], **LR)
    return _from("badam", "BlockOptimizer")(
        base_optimizer=base, named_parameters_list=named, switch_block_every=1000, switch_mode="ascending", verbose=0
    )


def _bnb(weights: Weights) -> Any:
    return __import__("bitsandbytes").optim.AdamW8bit(weights.parameters(), **LR)


def _torchao(weights: Weights) -> Any:
    from torchao.optim import AdamW8bit

    return AdamW8bit(weights.parameters(), **LR)


def _schedule_free(weights: Weights) -> Any:
    chosen = _from("schedulefree", "AdamWScheduleFree")(weights.parameters(), **LR)
    chosen.train()
    return chosen


class Contender:
    """An optimizer on weights of its own."""

    def __init__(self, build: Callable[[Weights], Any], layers: int, device: str, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.weights = Weights(layers).to(device)
        self.chosen = build(self.weights)
        self.device = device
        draw = torch.Generator().manual_seed(1)
        self.grads = [torch.randn(p.shape, generator=draw).to(device) * 0.01 for p in self.weights.parameters()]

    def step(self) -> float:
        """Seconds of one step."""
        if isinstance(self.chosen, Optimizer):
            self.chosen.begin_step()
        for parameter, grad in zip(self.weights.parameters(), self.grads, strict=True):
            parameter.grad = grad.clone() if parameter.requires_grad else None
        if isinstance(self.chosen, Optimizer):
            self.chosen.after_backward()
        self._wait()
        began = self.clock()
        self.chosen.step()
        self._wait()
        return self.clock() - began

    def state_bytes(self) -> int:
        state = getattr(self.chosen, "base_optimizer", self.chosen).state
        extra = getattr(self.chosen, "param_idx2hp", {})  # BAdam's float32 copy of the active block
        return sum({id(t): t.numel() * t.element_size() for t in _tensors([state, extra])}.values())

    def _wait(self) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()


def _tensors(value: Any) -> Iterator[Tensor]:
    """All tensors inside; tensor subclasses (torchao's) and objects (GaLore's projector) are looked into."""
    if isinstance(value, Tensor):
        inner = [t for t in vars(value).values() if isinstance(t, Tensor) and not isinstance(value, nn.Parameter)]
        yield from inner or [value]
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors(part)
    elif hasattr(value, "values"):
        for part in value.values():
            yield from _tensors(part)
    elif hasattr(value, "ortho_matrix"):
        yield from _tensors(value.ortho_matrix)


def compare(name: str, layers: int, rounds: int, device: str, clock: Callable[[], float]) -> str:
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):  # packages talk while they are built
        mine, theirs = (Contender(build, layers, device, clock) for build in pairs()[name])
        firsts = [(mine.step(), theirs.step())]
    for contender in (mine, theirs):
        contender.step()
    times = []
    for turn in range(rounds):
        order = (mine, theirs) if turn % 2 else (theirs, mine)
        taken = {id(contender): min(contender.step() for _ in range(2)) for contender in order}
        times.append((taken[id(mine)], taken[id(theirs)]))
    ratio = statistics.median(a / b for a, b in times)
    spread = [
        f"{1e3 * statistics.median(t):7.1f} ({1e3 * min(t):.1f} to {1e3 * max(t):.1f})"
        for t in zip(*times, strict=True)
    ]
    sizes = [contender.state_bytes() / 2**20 for contender in (mine, theirs)]
    first = f"{firsts[0][0]:.2f} / {firsts[0][1]:.2f}"
    return f"{name:<22}{spread[0]:>26}{spread[1]:>26}{ratio:>8.2f}{sizes[0]:>10.1f}{sizes[1]:>10.1f}{first:>16}"


def main() -> None:
    global WIDTH, INNER, HEADS
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--width", type=int, default=WIDTH, help="of the model; its other sizes follow")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--cpu-time", action="store_true", help="seconds of the processor, for a machine that others use"
    )
    args = parser.parse_args()
    WIDTH, INNER, HEADS = args.width, args.width * 8 // 3, args.width // 64
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    count = sum(p.numel() for p in Weights(args.layers).parameters())
    clock = time.process_time if args.cpu_time else time.perf_counter
    unit = "of processor time" if args.cpu_time else "of wall time"
    threads = f"{torch.get_num_threads()} threads"
    print(
        f"{count / 1e6:.1f} M weights, fp32, {args.device}, {threads}, {args.rounds} rounds of the better of 2 {unit}"
    )
    print(f"{'':<22}{'ours ms':>26}{'package ms':>26}{'ratio':>8}{'ours MiB':>10}{'theirs':>10}{'first step s':>16}")
    for name in args.only or pairs():
        try:
            print(compare(name, args.layers, args.rounds, args.device, clock), flush=True)
        except Exception as error:  # a package that is missing or fails is one line of the table
            print(f"{name:<22}{type(error).__name__}: {str(error)[:120]}", flush=True)


if __name__ == "__main__":
    main()

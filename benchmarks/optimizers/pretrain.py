"""Pre-train a small Llama on bytes with each optimizer: loss, step time, state, peak memory, by seed and rate.

    python benchmarks/optimizers/pretrain.py run results.jsonl --data ../shared/data/wikitext-2 --minutes 3
    python benchmarks/optimizers/pretrain.py report results.jsonl

`run` goes on where it stopped: it takes the next combinations of kind, rate and seed that the file lacks until the time
is over. The main kinds have three seeds at each of three rates, the others one. All have the same batches, schedule
(cosine to a tenth, tenth of warm-up), clip and budget. `--width 768 --layers 12 --device cuda` trains 85 M weights.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from whet.contracts.optimizer import Optimizer

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

# kind -> rates, settings. `rest` is AdamW at 3e-3, the best of its own search, for kinds that step matrices only.
REST = {"rest": {"kind": "adamw", "lr": 3e-3}}
MAIN: dict[str, tuple[tuple[float, ...], dict[str, Any]]] = {
    "adamw": ((1e-3, 3e-3, 1e-2), {}),
    "muon": ((1e-2, 3e-2, 1e-1), REST),
    "apollo": ((1e-2, 3e-2, 1e-1), {"rank": 16, "gap": 50, **REST}),
    "galore": ((3e-2, 1e-1, 3e-1), {"rank": 16, "gap": 50, **REST}),
    "adam-mini": ((1e-3, 3e-3, 1e-2), {}),
    "badam": ((1e-3, 3e-3, 1e-2), {"every": 5, "outside": "always"}),
}
OTHERS: dict[str, tuple[tuple[float, ...], dict[str, Any]]] = {
    "lion": ((1e-3, 3e-3, 1e-2), {}),
    "adafactor": ((3e-2, 1e-1, 3e-1), {}),
    "came": ((3e-4, 1e-3, 3e-3), {}),
    "normuon": ((1e-2, 3e-2, 1e-1), REST),
    "apollo-mini": ((1e-2, 3e-2, 1e-1), {"gap": 50, **REST}),
    "fira": ((1e-3, 3e-3, 1e-2), {"rank": 16, "gap": 50, **REST}),
    "q-galore": ((3e-2, 1e-1, 3e-1), {"rank": 16, "gap": 50, **REST}),
    "soap": ((1e-3, 3e-3, 1e-2), REST),
    "schedule-free": ((3e-3, 1e-2, 3e-2), {}),
    "ademamix": ((1e-3, 3e-3, 1e-2), {"horizon": 100}),
    "lisa": ((1e-3, 3e-3, 1e-2), {"every": 5, "layers": 2}),
    "badam-ratio": ((1e-3, 3e-3, 1e-2), {"every": 20, "ratio": 0.25}),
}


def combinations() -> Iterator[dict[str, Any]]:
    """What says most comes first: the main kinds, then their middle rate with other seeds, then the others."""
    for seed, rates, kinds in (
        (0, slice(None), MAIN), (1, slice(1, 2), MAIN), (2, slice(1, 2), MAIN), (0, slice(1, 2), OTHERS),
        (1, slice(None), MAIN), (2, slice(None), MAIN), (0, slice(None), OTHERS),
    ):  # fmt: skip
        for kind, (found, settings) in kinds.items():
            yield from ({"kind": kind, "lr": rate, "seed": seed, "settings": settings} for rate in found[rates])


def train(task: dict[str, Any], args: argparse.Namespace) -> dict[str, Any]:
    """One run. Its result is the loss on held-out bytes in nats, with the weights that the rule evaluates with."""
    import torch

    torch.set_num_threads(1 if args.device == "cpu" else 4)
    torch.manual_seed(task["seed"])
    model, groups = build_model(args)
    text = torch.frombuffer(bytearray(Path(args.data).read_bytes()), dtype=torch.uint8).to(args.device)
    held_out, text = text[-100_000:], text[:-100_000]
    chosen = build_optimizer(task, groups)
    before = _memory(args.device)
    factor = _constant if task["kind"] == "schedule-free" else _cosine
    draw = torch.Generator().manual_seed(100 + task["seed"])
    seconds, losses = [], []
    for step in range(args.steps):
        for group in chosen.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor(step, args.steps)
        chosen.begin_step()
        loss = loss_of(model, sample(text, args, draw))
        loss.backward()
        chosen.after_backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        losses.append(float(loss.detach()))
        began = time.perf_counter()
        chosen.step()
        seconds.append(time.perf_counter() - began)
        chosen.zero_grad()
    peak = _memory(args.device, peak=True) - before
    state = sum(t.numel() * t.element_size() for s in chosen.state.values() for t in s.values() if torch.is_tensor(t))
    with chosen.evaluation_weights(), torch.no_grad():
        draw = torch.Generator().manual_seed(0)
        found = statistics.mean(float(loss_of(model, sample(held_out, args, draw))) for _ in range(10))
    return {
        **{k: task[k] for k in ("kind", "lr", "seed")}, "loss": found, "curve": losses[9::10],
        "step_ms": 1e3 * statistics.median(seconds), "state_bytes": state, "peak_bytes": peak, "steps": args.steps,
        "weights": sum(p.numel() for p in model.parameters()), "tokens": args.steps * args.batch * args.length,
    }  # fmt: skip


def _memory(device: str, *, peak: bool = False) -> int:
    """Bytes that are held now, from where the peak is counted, or the most since then."""
    import torch

    if device != "cpu":
        if not peak:
            torch.cuda.reset_peak_memory_stats()
        return torch.cuda.max_memory_allocated() if peak else torch.cuda.memory_allocated()
    if not peak:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM" if peak else "VmRSS"))


def build_model(args: argparse.Namespace) -> tuple[Any, Any]:
    from transformers import LlamaConfig, LlamaForCausalLM

    from whet.models.blocks import layers_of
    from whet.models.roles import roles
    from whet.optim.groups import ParamGroups

    config = LlamaConfig(
        vocab_size=256, hidden_size=args.width, intermediate_size=3 * args.width, num_hidden_layers=args.layers,
        num_attention_heads=max(1, args.width // 16 if args.width < 256 else args.width // 64),
        max_position_embeddings=args.length, tie_word_embeddings=False,
    )  # fmt: skip
    model = LlamaForCausalLM(config).to(args.device)
    return model, ParamGroups.of(model, roles(model), layers=layers_of(model))


def build_optimizer(task: dict[str, Any], groups: Any) -> Optimizer:
    from whet.base.catalogue import optimizer
    from whet.optim.adapted import adapted

    made = optimizer.get(task["kind"])
    settings = {"weight_decay": 0.0, "lr": task["lr"], **task["settings"]}
    return adapted(made.build(groups, **made.settings.model_validate({"kind": task["kind"], **settings}).values()))


def sample(text: torch.Tensor, args: argparse.Namespace, draw: torch.Generator) -> torch.Tensor:
    import torch

    starts = torch.randint(len(text) - args.length - 1, (args.batch,), generator=draw).tolist()
    return torch.stack([text[s : s + args.length + 1] for s in starts]).long()


def loss_of(model: Any, rows: torch.Tensor) -> torch.Tensor:
    import torch

    logits = model(rows[:, :-1], use_cache=False).logits
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())


def _cosine(step: int, total: int) -> float:
    warm = total // 10
    if step < warm:
        return (step + 1) / (warm + 1)
    return 0.1 + 0.45 * (1 + math.cos(math.pi * (step - warm) / (total - 1 - warm)))


def _constant(step: int, total: int) -> float:
    return min(1.0, (step + 1) / (total // 10 + 1))


def run(args: argparse.Namespace) -> None:
    file = Path(args.results)
    lines = file.read_text().splitlines() if file.exists() else []
    done = {(r["kind"], r["lr"], r["seed"]) for r in map(json.loads, lines)}
    every = {(t["kind"], t["lr"], t["seed"]): t for t in combinations()}
    open_tasks = [task for key, task in every.items() if key not in done]
    until = time.monotonic() + 60 * args.minutes
    fresh: dict[str, Any] = {"max_tasks_per_child": 1, "mp_context": get_context("spawn")}  # memory is a process's own
    with ProcessPoolExecutor(args.workers, **fresh) as pool, file.open("a") as out:
        waiting, tasks = set(), iter(open_tasks)
        while True:
            while len(waiting) < args.workers and time.monotonic() < until and (task := next(tasks, None)):
                waiting.add(pool.submit(train, task, args))
            if not waiting:
                break
            finished = next(as_completed(waiting))
            waiting.remove(finished)
            out.write(json.dumps(finished.result()) + "\n")
            out.flush()
    print(f"{len(file.read_text().splitlines())} runs done, {len(every)} in all")


def report(args: argparse.Namespace) -> None:
    rows = [json.loads(line) for line in Path(args.results).read_text().splitlines()]
    by_kind: dict[str, dict[float, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        by_kind[row["kind"]][row["lr"]].append(row)
    first = rows[0]
    print(f"{first['weights']:,} weights, {first['steps']} steps, {first['tokens']:,} bytes; held-out loss in nats")
    columns = {"kind": 15, "rate": 9, "seeds": 6, "loss": 9, "spread": 9, "step ms": 9, "B/weight": 9, "peak MiB": 10}
    print("".join(f"{name:<{n}}" if name == "kind" else f"{name:>{n}}" for name, n in columns.items()), " at each rate")
    scores = {}
    for kind, rates in by_kind.items():
        means = {lr: statistics.mean(r["loss"] for r in found) for lr, found in rates.items()}
        best = min(means, key=means.__getitem__)
        found = rates[best]
        losses = [r["loss"] for r in found]
        scores[kind] = found
        size = found[0]["state_bytes"] / found[0]["weights"]
        peak = statistics.median(r["peak_bytes"] for r in found) / 2**20
        listed = ", ".join(f"{lr:g}: {means[lr]:.4f}" for lr in sorted(means))
        print(
            f"{kind:<15}{best:>9g}{len(found):>6}{means[best]:>9.4f}{max(losses) - min(losses):>9.4f}"
            f"{statistics.median(r['step_ms'] for r in found):>9.2f}{size:>9.2f}{peak:>10.1f}  {listed}"
        )
    _claims(scores)


def _claims(scores: dict[str, list[dict[str, Any]]]) -> None:
    """Published claims beside what was measured here."""
    if "adamw" not in scores:
        return
    base = statistics.mean(r["loss"] for r in scores["adamw"])
    for kind in ("apollo", "galore", "adam-mini", "badam", "muon"):
        if kind in scores:
            loss = statistics.mean(r["loss"] for r in scores[kind])
            print(f"{kind}: loss {100 * (loss / base - 1):+.1f} % of AdamW's")
    if "muon" in scores:
        curve = [statistics.mean(c) for c in zip(*(r["curve"] for r in scores["adamw"]), strict=True)]
        other = [statistics.mean(c) for c in zip(*(r["curve"] for r in scores["muon"]), strict=True)]
        smooth = [statistics.mean(other[max(0, i - 1) : i + 2]) for i in range(len(other))]
        target = statistics.mean(curve[-2:])
        reached = next((10 * (i + 1) for i, value in enumerate(smooth) if value <= target), None)
        print(
            f"muon reaches AdamW's last training loss, {target:.3f}, at step {reached} of {scores['adamw'][0]['steps']}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("run", "report"))
    parser.add_argument("results")
    parser.add_argument("--data", help="a file of text")
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    for name, value in (("width", 64), ("layers", 4), ("steps", 100), ("batch", 16), ("length", 128)):
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    (run if args.what == "run" else report)(args)


if __name__ == "__main__":
    main()

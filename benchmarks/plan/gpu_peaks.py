"""Law 7 on a GPU: memory that is planned beside what real steps take, allocated and reserved, and other estimators.

    python benchmarks/plan/gpu_peaks.py [DEVICE]

Planned is what `whet plan` tells of the run on this card, without what the process and the allocator take; measured are
two steps of two micro-batches, above what was in use before the model was built. Reserved is planned with the
allocator's share. `make gpu` runs it; with `cpu` as the device the same rows are made small, to see that all of them
run: what they take is lost in what the process lets go of.
"""

from __future__ import annotations

import gc
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from process import SHRUNK, facts_of, stored, trained_of
from rivals import RIVALS, Facts
from rows import GPT2, LLAMA, LORA, MIXTRAL, OFF, QWEN3, Row, _with

from whet.base.config import from_mapping
from whet.plan.hardware.cards import Card
from whet.plan.hardware.detected import detected_for
from whet.plan.timeline import FRAGMENTED
from whet.train.foreseen import example_batch, hollow_run
from whet.train.planned import Wanted, planned
from whet.train.step.memory import begin_peak, peak_since, unused_bytes, used_bytes

MIB = 2**20
ALLOCATED, RESERVED = 0.05, 0.10
LARGE = {
    **LLAMA, "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 8, "num_attention_heads": 32,
    "num_key_value_heads": 8, "vocab_size": 32000,
}  # fmt: skip
WIDE_VOCABULARY = {**LARGE, "vocab_size": 128_256, "num_hidden_layers": 4, "tie_word_embeddings": True}
QWEN = {**QWEN3, "hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 16,
        "num_key_value_heads": 8, "vocab_size": 151_936}  # fmt: skip
EXPERTS = {**MIXTRAL, "hidden_size": 1024, "intermediate_size": 2048, "num_local_experts": 8}
GPT = {**GPT2, "n_embd": 1024, "n_layer": 12, "n_head": 16, "vocab_size": 50_257}
TRAIN = {"precision": "bf16"}
ROWS = [
    Row("llama bf16", LARGE, (2048,), _with(train=TRAIN)),
    Row("llama packed", LARGE, (512,) * 8, _with(train=TRAIN)),
    Row("llama long", LARGE, (8192,), _with(train=TRAIN)),
    Row("llama fp32", LARGE, (1024,)),
    Row("llama bf16-pure", LARGE, (2048,), _with(train={"precision": "bf16-pure"})),
    Row("llama recompute", LARGE, (8192,), _with(train={**TRAIN, "recompute": True})),
    Row("llama selective", LARGE, (4096,), _with(train={**TRAIN, "recompute": "selective"})),
    Row("llama offload", LARGE, (4096,), _with(train={**TRAIN, "offload": {"activations": True}})),
    Row("llama state away", LARGE, (2048,), _with(train={**TRAIN, "offload": {"optimizer": 1.0}})),
    Row("llama adamw 8bit", LARGE, (2048,), _with(optimizer={"kind": "adamw", "state": "8bit"}, train=TRAIN)),
    Row("llama muon", LARGE, (2048,), _with(optimizer="muon", train=TRAIN)),
    Row("llama lion", LARGE, (2048,), _with(optimizer="lion", train=TRAIN)),
    Row("llama galore", LARGE, (2048,), _with(optimizer={"kind": "galore", "rank": 64}, train=TRAIN)),
    Row("llama adafactor", LARGE, (2048,), _with(optimizer="adafactor", train=TRAIN)),
    Row("llama freeze", LARGE, (2048,), _with(tuner={"kind": "freeze", "last": 2}, train=TRAIN)),
    Row("llama wide head", WIDE_VOCABULARY, (4096,), _with(train=TRAIN)),
    Row("llama lora", LARGE, (2048,), _with(tuner=LORA, train=TRAIN)),
    Row("llama lora recompute", LARGE, (8192,), _with(tuner=LORA, train={**TRAIN, "recompute": True})),
    Row("llama qlora nf4", LARGE, (2048,), _with(tuner=LORA, model={"quantize": "nf4"}, train=TRAIN)),
    Row("llama dpo lora", LARGE, (1024,), _with(objective={"kind": "dpo", "reference": "adapters"}, tuner=LORA,
                                                train=TRAIN), OFF),
    Row("llama dpo copy", LARGE, (1024,), _with(objective={"kind": "dpo", "reference": "copy"}, train=TRAIN), "copy"),
    Row("llama reward", LARGE, (1024,), _with(objective="reward", train=TRAIN)),
    Row("qwen3 bf16", QWEN, (4096,), _with(train=TRAIN)),
    Row("qwen3 recompute", QWEN, (8192,), _with(train={**TRAIN, "recompute": True})),
    Row("mixtral bf16", EXPERTS, (2048,), _with(train=TRAIN)),
    Row("gpt2 bf16", GPT, (1024,) * 4, _with(train=TRAIN)),
]  # fmt: skip


def main() -> None:
    device = torch.device(sys.argv[1] if len(sys.argv) > 1 else "cuda")
    card = detected_for(device.type)
    print(f"{card.name}, torch {torch.__version__}\n{'MiB':24}{'allocated':>10}{'planned':>10}{'error':>8}", end="")
    print(f"{'reserved':>10}{'error':>8}" + "".join(f"{name:>12}" for name in RIVALS), flush=True)
    errors: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        for row in ROWS if device.type == "cuda" else map(small, ROWS):
            errors += shown(row, card, device, Path(folder))
    close = sum(abs(one) <= ALLOCATED and abs(other) <= RESERVED for one, other in errors)
    print(f"\n{close} of {len(ROWS)} rows within {ALLOCATED:.0%} allocated and {RESERVED:.0%} reserved")
    if errors:
        middle = [statistics.median(map(abs, column)) for column in zip(*errors, strict=True)]
        print(f"in the median off by {middle[0]:.1%} and {middle[1]:.1%}")


def small(row: Row) -> Row:
    """The same in little."""
    config = {name: 96 if name in SHRUNK else size for name, size in row.config.items()}
    layers = {name: 2 for name in ("num_hidden_layers", "n_layer") if name in config}
    heads = {name: 4 for name in ("num_attention_heads", "num_key_value_heads", "n_head") if name in config}
    return replace(row, config={**config, **layers, **heads}, lengths=(64,) * len(row.lengths))


def shown(row: Row, card: Card, device: torch.device, folder: Path) -> Iterator[tuple[float, float]]:
    """Print a row; what allocated and reserved memory were off by, of a row that could be planned and taken."""
    try:
        told, facts = foretold(row, card)
        allocated, reserved = measured(row, device, folder)
    except Exception as error:  # the other rows still have their say
        print(f"{row.name:24}{type(error).__name__}: {error}".splitlines()[0], flush=True)
        return
    off = told / allocated - 1, told * (1 + FRAGMENTED) / reserved - 1
    figures = f"{allocated / MIB:>10.1f}{told / MIB:>10.1f}{off[0]:>+8.1%}{reserved / MIB:>10.1f}{off[1]:>+8.1%}"
    others = "".join(f"{rule(facts) / allocated - 1:>+12.0%}" for rule in RIVALS.values())
    print(f"{row.name:24}{figures}{others}", flush=True)
    yield off


def foretold(row: Row, card: Card) -> tuple[float, Facts]:
    """Bytes of tensors at the peak as planned on the card, and what other estimators ask for."""
    run = from_mapping(row.run("base" if row.is_adapter else None)).run
    plan = planned(Wanted(run, row.name, row.config, card, max(row.lengths), sum(row.lengths)))
    facts = Facts(**facts_of(row, hollow_run(run, row.config).trained))
    return max(moment.total - moment.parts.get("overhead", 0.0) for moment in plan.memory.moments), facts


def measured(row: Row, device: torch.device, folder: Path) -> tuple[float, float]:
    """Bytes that were allocated, and reserved, at the most, in steps of the row's run."""
    base = stored_once(row, folder) if row.is_adapter else None
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    before = used_bytes(device)
    trained = trained_of(from_mapping(row.run(base)).run, row.reference, device)
    batches = [example_batch(trained, row.lengths, row.reference).to(device)] * 2
    weights, _ = trained.executor.weigh(batches, {})
    begin_peak(device)
    for index in range(2):
        trained.executor.step(index, batches, weights, 1.0)
    peak = peak_since(device) - before
    return peak, peak + unused_bytes(device)


def stored_once(row: Row, folder: Path) -> str:
    """The folder of the row's model, which rows of the same one share."""
    place = folder / f"{row.config['model_type']}-{row.config['hidden_size']}"
    return str(place) if place.exists() else stored(row, str(place))


if __name__ == "__main__":
    main()

"""One row: what is foreseen of it, and what its steps take, in a process of its own.

`process.py` reads names of rows and prints JSON, in a line each. Libraries are loaded once, for all processes to come.
"""

from __future__ import annotations

import gc
import json
import os
import re
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rows import ROWS, Row

from whet.base.config import from_mapping
from whet.base.memory import give_back
from whet.base.run import Run

torch.set_num_threads(1)
CPU = torch.device("cpu")
SHRUNK = ("hidden_size", "n_embd", "d_model", "intermediate_size", "d_ff", "vocab_size")


def foresee(row: Row) -> dict[str, Any]:
    from whet.plan.tracing.live import Timeline, watched
    from whet.plan.tracing.workspaces import Processor
    from whet.train.foreseen import example_batch, foresee, hollow_run

    run = from_mapping(row.run(None) if not row.is_adapter else row.run("base")).run
    made = hollow_run(run, row.config)
    batches = [example_batch(made.trained, row.lengths, made.reference)] * 2
    found = foresee(made, batches, Processor.here())
    peak = max(found, key=lambda moment: moment.total)
    with made.mode, watched(Timeline()):  # which takes products of experts that torch refuses without values
        saved = saved_bytes(made.trained, batches[0])
    parts = {name: round(size) for name, size in peak.parts.items()}
    facts = facts_of(row, made.trained)
    return {"peak": peak.total, "moment": str(peak), "parts": parts, "saved": saved, "facts": facts}


def facts_of(row: Row, trained: Any) -> dict[str, Any]:
    """What other estimators ask for."""
    shapes, train = [(p.numel(), p.requires_grad) for p in trained.loaded.module.parameters()], trained.run.train
    return {
        "parameters": sum(n for n, _ in shapes), "trained": sum(n for n, learns in shapes if learns),
        "layers": len(trained.loaded.layers), "width": width(row.config), "tokens": sum(row.lengths),
        "precision": train.precision, "recompute": train.recompute != "none",
    }  # fmt: skip


def width(config: Any) -> int:
    return next(config[name] for name in ("hidden_size", "n_embd", "d_model") if name in config)


def measure(row: Row) -> dict[str, Any]:
    steps(replace(row, config=small(row)), 1)
    # MKL takes its buffers, up to 4.9 MiB a thread for a product as wide as that of a head, and keeps them.
    torch.mm(torch.ones(2048, 4096), torch.ones(4096, 16000))
    gc.collect()
    give_back()
    before = resident("RssAnon")
    return {**steps(row, 2), "before": before}


def small(row: Row) -> dict[str, Any]:
    """Its model's config, narrowed."""
    return {name: 96 if name in SHRUNK else size for name, size in row.config.items()}


def steps(row: Row, count: int) -> dict[str, Any]:
    """Steps of the row's run, and their peak above what was there."""
    from whet.train.foreseen import example_batch

    with tempfile.TemporaryDirectory() as folder:
        base = stored(row, folder) if row.is_adapter else None
        gc.collect()
        give_back()
        before = resident("RssAnon")
        trained = trained_of(from_mapping(row.run(base)).run, row.reference)
    batches = [example_batch(trained, row.lengths, row.reference)] * 2
    weights, _ = trained.executor.weigh(batches, {})
    give_back()
    Path("/proc/self/clear_refs").write_text("5")
    files = resident("VmRSS") - resident("RssAnon")
    held = resident("RssAnon") - before
    for index in range(count):
        trained.executor.step(index, batches, weights, 1.0)
    peak = resident("VmHWM") - files - before
    return {"peak": peak, "held": held, "saved": saved_bytes(trained, batches[0])}


def stored(row: Row, folder: str) -> str:
    """The row's model with drawn weights, and a tokenizer that knows a word."""
    from tokenizers import Tokenizer, models
    from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

    AutoModelForCausalLM.from_config(AutoConfig.for_model(**row.config)).save_pretrained(folder)
    words = Tokenizer(models.WordLevel({"<unk>": 0, "word": 1, "<end>": 2}, unk_token="<unk>"))
    PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>", eos_token="<end>").save_pretrained(folder)
    return folder


def trained_of(run: Run, reference: str, device: torch.device = CPU) -> Any:
    """All that trains the run, with values, as the run builds it."""
    from whet.base.catalogue import tuner
    from whet.contracts.objective import traits_of
    from whet.parallel.world import World
    from whet.train.setup.chosen import chosen_of
    from whet.train.setup.models import build_model, features_for, models_beside
    from whet.train.setup.trained import Trained
    from whet.train.source_kind import source_of

    world, method = World(device), tuner.get(run.tuner.kind).build(**run.tuner.values())
    loss = source_of(run).loss(run, chosen_of(run))
    head = traits_of(loss).head
    head = replace(head, labels=("0", "1")) if head is not None and head.labels is None else head
    loaded = build_model(run, world, method, head, features_for(run, method, loss))
    way = reference if traits_of(loss).reference is not None else None
    return Trained.of(run, world, loaded, method, loss, models_beside(run, world, loaded, loss, way))


def saved_bytes(trained: Any, batch: Any) -> int:
    """Bytes of the distinct tensors that autograd keeps of one forward pass, but parameters and what was given."""
    outside = {s for p in (*trained.loaded.module.parameters(), *trained.loaded.module.buffers()) for s in numbers(p)}
    found: dict[int, Any] = {}
    executor = trained.executor

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        for number, size in numbers(tensor).items():
            if number not in outside:
                found[number] = size
        kept.append(tensor)  # else its place may be given to another
        return tensor

    kept: list[torch.Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor), executor._precision():
        terms = executor.objective(executor.models, batch, {})
    del terms
    return sum(found.values())


def numbers(tensor: torch.Tensor) -> dict[int, int]:
    from whet.plan.tracing.live import storages

    return {storage._cdata: storage.nbytes() for storage in storages(tensor)}


def resident(field: str) -> int:
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def forked(row: Row) -> None:
    """Print what the row's steps take, from a fork of this process."""
    if child := os.fork():
        if status := os.waitpid(child, 0)[1]:
            print(json.dumps({"error": f"its process ended with {status}"}), flush=True)
        return
    try:
        found = measure(row)
    except Exception as error:
        found = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(found), flush=True)
    os._exit(0)


if __name__ == "__main__":
    steps(replace(ROWS[0], config=small(ROWS[0])), 1)
    for name in map(str.strip, sys.stdin):
        forked(next(row for row in ROWS if row.name == name))

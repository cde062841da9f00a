"""Runs that are made to fail, a way each: real trainings of a tiny model with a fault, and scripts that log one."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import whet.track as track
from tests.tiny import CHATML, LLAMA, config, conversations, sentence, tokenizer, write_rows
from tests.track.runs import write
from tests.train.cut import cut_after
from whet.base import config as configs
from whet.base.config import from_mapping
from whet.track.logs.event_log import EventLog
from whet.track.reading.store import LOGS
from whet.track.records import CheckpointRecord, RunEnded, RunStarted, StepRecord
from whet.train.build import Built, assemble
from whet.train.record.batch_rows import sequences
from whet.train.run.folder import RunFolder

Fault = Callable[[Built], None]
SETTINGS: dict[str, Any] = {"track": {"sinks": ["log"]}}
# A vocabulary of words that no other row has.
GARBAGE = "".join(chr(33 + (i * 37) % 90) for i in range(90))


@dataclass(frozen=True)
class Failing:
    """A way to fail: what makes the run in a folder, the rule that is to tell, and what its message is."""

    make: Callable[[Path], Path]
    kind: str
    message: str
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    others: frozenset[str] = frozenset()  # what may be told beside it


def trained(folder: Path, name: str, fault: Fault = lambda built: None, **sections: Any) -> Path:
    """A run's folder, after its loop has come to an end."""
    built = assemble(from_mapping(settings(folder, name, **sections)))
    fault(built)
    built.loop.run()
    built.close()
    return built.folder.path


def settings(folder: Path, name: str, **sections: Any) -> dict[str, Any]:
    if not (folder / "rows.jsonl").exists():
        tokenizer(folder / "tokenizer")
        write_rows(folder / "rows.jsonl", unlike(60))
    length = {"steps": 40, "checkpoint_every": 1000, **sections.pop("train", {})}
    told = {"sinks": ["log"], **sections.pop("track", {})}
    return config(folder, name=name, train=length, track=told, **sections)


def unlike(count: int, start: int = 0) -> list[dict[str, Any]]:
    """Rows no two of which are the same."""
    rows = conversations(start + count)[start:]
    return [{**row, "instruction": f"{number + start} {row['instruction']}"} for number, row in enumerate(rows)]


def rows_of(folder: Path, name: str, rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {"train": [str(write_rows(folder / f"{name}.jsonl", list(rows)))]}


def scripted(folder: Path, name: str, seconds: float = 1.0, num: int = 60, rank: int = 0, **parts: Any) -> Path:
    """What a training of `num` steps would log; parts are numbers, or functions of the step."""

    def at(step: int) -> dict[str, float]:
        return {key: float(value(step) if callable(value) else value) for key, value in parts.items()}

    def record(step: int) -> StepRecord:
        figures = {"loss": 3.0 / step**0.3 + 0.02 * math.sin(step), "grad_norm": 1.0, "lr": 1e-4}
        return StepRecord(step, num, figures, 512, 8, seconds, 1 << 30, 0.1, at(step))

    stream = [RunStarted(0, num, {}), *map(record, range(1, num + 1)), RunEnded(num, "done", "all steps done")]
    write(folder / "runs" / name, stream, rank).close()
    return folder / "runs" / name


def sampled(path: Path, curves: dict[str, Callable[[int], float]], num: int = 40, every_s: float = 5.0) -> Path:
    """Samples of a machine, as if one had come every so many seconds."""
    log = EventLog(path / LOGS, "machine")
    now = 1.7e9
    for number in range(num):
        with clock(now + every_s * number):
            log.scalars(number, {name: value(number) for name, value in curves.items()})
    log.close("done", "")
    return path


class clock:
    """Inside, logs are written at a moment that is given."""

    def __init__(self, moment: float) -> None:
        self.moment = moment

    def __enter__(self) -> None:
        from whet.track.logs import event_log

        self._real = event_log.time.time
        event_log.time.time = lambda: self.moment

    def __exit__(self, *raised: object) -> None:
        from whet.track.logs import event_log

        event_log.time.time = self._real


def spike_of_a_row(folder: Path) -> Path:
    """One row among many is no language."""
    rows = [{"instruction": sentence(i % 6, 4), "input": "", "output": sentence(i % 6 + 1, 8)} for i in range(200)]
    rows[130] = {"instruction": "say", "input": "", "output": GARBAGE}
    return trained(folder, "row", data={**rows_of(folder, "spiked", rows), "shuffle": False, "window_steps": 1})


def spike_of_the_rate(folder: Path) -> Path:
    """The learning rate is forty times what it should be, in one step."""

    def jolt(built: Built) -> None:
        usual = built.loop.schedule
        built.loop.schedule = lambda step, total: usual(step, total) * (40 if step == 30 else 1)

    rows = [{"instruction": sentence(i % 6, 4), "input": "", "output": sentence(i % 6 + 1, 8)} for i in range(400)]
    settings = {"optimizer": {"lr": 3e-3}, "train": {"steps": 70, "watchdog": {"action": "warn"}}}
    return trained(folder, "jolt", jolt, data=rows_of(folder, "alike", rows), schedule="constant", **settings)


def diverging(folder: Path) -> Path:
    """A learning rate that grows without end."""

    def grow(built: Built) -> None:
        built.loop.schedule = lambda step, total: 1.12**step

    train = {"steps": 80, "clip": 0.0, "epochs": None, "watchdog": {"action": "off"}}
    return trained(folder, "diverging", grow, optimizer={"lr": 3e-4}, train=train)


def not_finite_weights(folder: Path) -> Path:
    """The learning rate is beyond all numbers, and the run ends with weights that are none."""
    return trained(folder, "broken", optimizer={"lr": 1e30}, train={"clip": 0.0})


def not_finite_layer(folder: Path) -> Path:
    """Half way a weight of the second layer becomes NaN, as a faulty memory would make it."""

    def spoil(built: Built) -> None:
        usual = built.loop.schedule

        def schedule(step: int, total: int) -> float:
            if step == 12:
                with torch.no_grad():
                    built.loaded.module.model.layers[1].mlp.up_proj.weight[3, 3] = torch.nan
            return usual(step, total)

        built.loop.schedule = schedule

    return trained(folder, "layer", spoil, track={"layers_every": 1})


def not_finite_row(folder: Path) -> Path:
    """One row has a weight that no number is: its answer's, as a faulty reward would give."""

    def spoil(built: Built) -> None:
        executor = built.trained.executor
        object.__setattr__(executor, "objective", Faulty(executor.objective, 33))

    return trained(folder, "nan-row", spoil)


class Faulty:
    """An objective that makes NaN of one row."""

    def __init__(self, usual: Any, row: int) -> None:
        self._usual, self._row = usual, row

    def __getattr__(self, name: str) -> Any:
        return getattr(self._usual, name)

    def __call__(self, models: Any, batch: Any, stats: Any = None) -> Any:
        found = self._usual(models, batch, stats)
        places = [i for i, origin in enumerate(batch.origins) if origin is not None and origin.row == self._row]
        return spoilt(found, batch, places[0]) if places else found


def spoilt(found: Any, batch: Any, index: int) -> Any:
    segment = sequences(batch.trained)[index]
    at = batch.trained.trained_at
    mask = (at >= segment.start) & (at < segment.end)
    values = found.parts.values.clone()
    values[mask] = torch.nan
    sums = {name: total + values.sum() * 0 for name, total in found.sums.items()}
    return replace(found, sums=sums, parts=found.parts._replace(values=values))


def not_finite_rank(folder: Path) -> Path:
    """Of two ranks one logs NaN."""
    path = scripted(folder, "rank")
    log = EventLog(path / LOGS, "r1")
    for step in range(1, 61):
        log.scalars(step, {"loss": math.nan if step > 40 else 2.0, "grad_norm": 1.0})
    log.close("done", "")
    return path


def stalled(folder: Path) -> Path:
    return scripted(folder, "stalled", seconds=3.0, wait_s=2.0, data_s=2.2)


def straggling(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    for rank in range(4):
        slow = 1.6 if rank == 2 else 1.0
        path = scripted(
            folder, "straggling", rank=rank, forward_s=lambda _, s=slow: s * (0.3 + 0.02 * rng.random()),
            backward_s=0.6 * slow, update_s=0.05, wait_s=0.01, communication_s=0.6 if slow == 1.0 else 0.0,
        )  # fmt: skip
    return path


def leaking(folder: Path) -> Path:
    """A script that keeps what it should let go of."""
    return sampled(scripted(folder, "leaking"), {"memory/process_bytes": lambda n: (2 << 30) + n * (40 << 20)})


def leaking_device(folder: Path) -> Path:
    return sampled(scripted(folder, "device"), {"gpu0/memory_bytes": lambda n: (20 << 30) + n * (200 << 20)})


def jumping(folder: Path) -> Path:
    """A script that goes on and forgets the state of its scheduler."""
    for first, last, total in ((0, 30, 60), (30, 60, 60)):
        with track.init(name="jumping", id="jumping", resume="allow", dir=folder / "runs") as run:
            weight = torch.nn.Parameter(torch.ones(1))
            optimizer = torch.optim.SGD([weight], 0.1)
            scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, total)
            for step in range(first, last):
                run.log({"loss": 1 / (step + 1), "lr": scheduler.get_last_lr()[0]}, step=step)
                optimizer.step()
                scheduler.step()
    return folder / "runs" / "jumping"


def changed_rate(folder: Path) -> Path:
    """A training whose config is edited before it goes on."""
    path = cut_after(16, settings(folder, "changed", schedule="constant"))
    text = (path / "config.yaml").read_text()
    (path / "config.yaml").write_text(re.sub(r"(\blr: )0\.01", r"\g<1>0.03", text))
    built = assemble(configs.load(path / "config.yaml"), RunFolder(path))
    built.loop.run()
    built.close()
    return path


def dead(folder: Path) -> Path:
    """A layer whose ways in and out are all 0, as a bad merge would leave it."""

    def kill(built: Built) -> None:
        layer = built.loaded.module.model.layers[1]
        with torch.no_grad():
            for weight in (
                layer.self_attn.o_proj.weight, layer.mlp.down_proj.weight, layer.input_layernorm.weight,
                layer.post_attention_layernorm.weight,
            ):  # fmt: skip
                weight.zero_()

    return trained(folder, "dead", kill, track={"layers_every": 2}, train={"steps": 10})


def contaminated(folder: Path) -> Path:
    """Two of the rows that are measured stand among those that are trained."""
    rows = unlike(60)
    held = write_rows(folder / "held.jsonl", [rows[7], rows[23], *unlike(6, start=100)])
    data = {**rows_of(folder, "leaky", rows), "held_out": [str(held)]}
    return trained(folder, "contaminated", data=data, train={"steps": 20})


def overfitted(folder: Path) -> Path:
    """Eight rows, learned by heart."""
    data = {**rows_of(folder, "few", unlike(8)), "held_out": [str(write_rows(folder / "h.jsonl", unlike(8, start=80)))]}
    train = {"steps": 60, "epochs": None}
    return trained(folder, "overfitted", data=data, train=train, optimizer={"lr": 2e-2}, evaluate={"every": 5})


def new_token_in_no_row(folder: Path) -> Path:
    """A token is added that no row has."""
    settings(folder, "new")
    model = {"init": LLAMA, "tokenizer": str(folder / "tokenizer"), "new_tokens": ["<|tool|>"]}
    return trained(folder, "new", model=model, train={"steps": 6})


def end_never_trained(folder: Path) -> Path:
    """A template that writes the end of a turn outside of what is trained, and nobody minds."""
    settings(folder, "end")
    template = folder / "endless.jinja"
    template.write_text(CHATML.replace("<|im_end|>{% endgeneration %}", "{% endgeneration %}<|im_end|>"))
    data = {"train": [str(folder / "rows.jsonl")], "template": str(template), "allow": ["untrained_end"]}
    return trained(folder, "end", data=data, train={"steps": 6})


def nothing_learned(folder: Path) -> Path:
    """Every gradient is 0: the head multiplies by 0."""

    def cut(built: Built) -> None:
        with torch.no_grad():
            built.loaded.module.model.norm.weight.zero_()
        for parameter in built.loaded.module.parameters():
            parameter.register_hook(torch.zeros_like)

    return trained(folder, "nothing", cut, train={"steps": 24})


def masked_rows(folder: Path) -> Path:
    """A pattern of `loss_scale` that takes in whole answers, and nobody minds."""
    rows = unlike(40)
    for row in rows[::5]:
        row["output"] = f"MUTE {row['output']}"
    allow = ["nothing_to_train", "untrained_end"]
    data = {**rows_of(folder, "masked", rows), "loss_scale": {"MUTE.*": 0.0}, "allow": allow}
    return trained(folder, "masked", data=data, train={"steps": 12})


def slow_checkpoints(folder: Path) -> Path:
    path = scripted(folder, "checkpoints")
    stream = [CheckpointRecord(step, f"checkpoints/step-{step:08d}", 8.0) for step in range(10, 61, 10)]
    write(path, [RunStarted(60, 60), *stream, RunEnded(60, "done", "")]).close()
    return path


def one_slow_checkpoint(folder: Path) -> Path:
    path = scripted(folder, "checkpoint", seconds=60.0)
    stream = [CheckpointRecord(s, f"checkpoints/step-{s:08d}", 90.0 if s == 30 else 2.0) for s in range(10, 61, 10)]
    write(path, [RunStarted(60, 60), *stream, RunEnded(60, "done", "")]).close()
    return path


def throttled_device(folder: Path) -> Path:
    curves = {"gpu0/throttled": lambda n: float(n > 10), "gpu0/temperature_c": lambda n: 88.0}
    return sampled(scripted(folder, "hot"), curves)


def throttled_group(folder: Path) -> Path:
    return sampled(scripted(folder, "quota"), {"cgroup/throttled_s": lambda n: 3.0 * n})


FAILING: dict[str, Failing] = {
    "spike of a row": Failing(spike_of_a_row, "loss-spike", "loss-spike.row"),
    "spike of the rate": Failing(spike_of_the_rate, "loss-spike", "loss-spike.all"),
    "diverging": Failing(diverging, "divergence", "divergence", others=frozenset({"loss-spike"})),
    "weights not finite": Failing(not_finite_weights, "not-finite", "not-finite"),
    "layer not finite": Failing(not_finite_layer, "not-finite", "not-finite.layer"),
    "row not finite": Failing(not_finite_row, "not-finite", "not-finite.row"),
    "rank not finite": Failing(not_finite_rank, "not-finite", "not-finite.rank"),
    "data stall": Failing(stalled, "data-stall", "data-stall"),
    "straggler": Failing(straggling, "straggler", "straggler"),
    "leak": Failing(leaking, "memory-growth", "memory-growth.host"),
    "leak on a device": Failing(leaking_device, "memory-growth", "memory-growth.device"),
    "scheduler forgotten": Failing(jumping, "schedule-jump", "schedule-jump"),
    "rate changed": Failing(changed_rate, "schedule-jump", "schedule-jump"),
    "dead layer": Failing(dead, "dead-layers", "dead-layers"),
    "nothing learned": Failing(nothing_learned, "dead-layers", "dead-layers.all"),
    "contamination": Failing(contaminated, "contamination", "contamination"),
    "overfitting": Failing(overfitted, "overfitting", "overfitting"),
    "new token unused": Failing(new_token_in_no_row, "untrained-tokens", "untrained-tokens.new"),
    "end untrained": Failing(end_never_trained, "untrained-tokens", "untrained-tokens.end"),
    "masked rows": Failing(masked_rows, "untrained-tokens", "untrained-tokens.rows"),
    "checkpoint stall": Failing(slow_checkpoints, "checkpoint-stall", "checkpoint-stall"),
    "one slow checkpoint": Failing(one_slow_checkpoint, "checkpoint-stall", "checkpoint-stall.one"),
    "hot device": Failing(throttled_device, "throttling", "throttling.device"),
    "quota used up": Failing(throttled_group, "throttling", "throttling.group"),
}

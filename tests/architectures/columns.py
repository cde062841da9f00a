"""What whet does with one model, column by column, beside what transformers and PEFT say of the same folder.

Each column is `yes`, or begins with `no: ` (a refusal in a sentence, or a choice that the run told), `wrong: ` (a
difference), or `traceback: `.
"""

from __future__ import annotations

import json
import logging
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tests.architectures.own import Step, continued, distances, logits_of, own_step, worst
from tests.architectures.small import KINDS, LABELS, tokenizer, write
from tests.probed import probed
from tests.tiny import conversations, sentence, write_rows
from whet.base.config import from_mapping
from whet.base.errors import WhetError
from whet.contracts.batch import Batch
from whet.contracts.rewards import questions
from whet.export.report import plain
from whet.generate.decode import complete
from whet.generate.groups import Groups
from whet.generate.protocol import GenerateSettings
from whet.models.probing.probes import has_experts
from whet.train.build import Built, assemble
from whet.train.result import write_result

COLUMNS = ("trains", "packs", "adapts", "decodes", "rolls out", "exports")
# Of two ways to compute the same in float32; of experts, whose shapes follow from the other tokens. Where that is not
# kept, float64 says whether it is rounding: some layers round to float32 inside.
AGREEMENT, ROUTED, PROVEN = 1e-5, 5e-5, 1e-7
# Of log-probabilities at the cache's places; an adapter against what it changes.
SAID, CHANGED = 1e-4, 1e-3
SCALES = (1.0, 0.1)  # of an adapter's values
_OVERFLOWS = "the gradient of a random adapter overflows"
RATE = 0.5
OBJECTIVES = {"causal": "sft", "seq2seq": "sft", "masked": "mlm", "sequence": "sequence-classification"}
ROWS: dict[str, list[dict[str, Any]]] = {
    "causal": conversations(8),
    "seq2seq": [{"prompt": sentence(i, 3 + i % 4), "completion": sentence(i + 1, 2 + i % 3)} for i in range(8)],
    "masked": [{"text": sentence(i, 4 + i % 7)} for i in range(8)],
    "sequence": [{"text": sentence(i, 4 + i % 7), "label": LABELS[i % 3]} for i in range(8)],
    "token": [
        {"tokens": sentence(i, 3 + i % 4).split(), "tags": [LABELS[(i + j) % 3] for j in range(3 + i % 4)]}
        for i in range(8)
    ],
}
PROMPTS = [sentence(1, 3), "x", sentence(2, 6)]


class Wrong(Exception):
    """A number that is not the oracle's; the message says which."""


@dataclass
class Bench:
    """One model on its folder, and what was found so far."""

    kind: str
    name: str
    folder: Path
    found: dict[str, str] = field(default_factory=dict)

    @property
    def model(self) -> Path:
        return self.folder / "model"

    def config(self, run: str, **sections: Any) -> dict[str, Any]:
        values: dict[str, Any] = {
            "name": run,
            "model": {"path": str(self.model)},
            "objective": OBJECTIVES.get(self.kind, "token-classification"),
            "data": {"train": [str(write_rows(self.folder / "rows.jsonl", ROWS[self.kind]))], "workers": 0},
            "optimizer": {"kind": "sgd", "lr": RATE, "momentum": 0.0},
            "schedule": {"kind": "constant", "warmup": 0},
            "train": {"steps": 1, "batch_tokens": 512, "micro_batch": 256, "clip": 0.0, "precision": "fp32"},
            "track": {"folder": str(self.folder / "runs"), "sinks": ["jsonl"]},
        }
        for key, value in sections.items():
            values[key] = {**values[key], **value} if key in ("train", "data") else value
        return values


def measure(kind: str, name: str, folder: Path) -> dict[str, str]:
    """Every column of one model."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    bench = Bench(kind, name, folder)
    with probed({}):
        return _measured(bench)


def _measured(bench: Bench) -> dict[str, str]:
    kind, name = bench.kind, bench.name
    try:
        write(kind, name, bench.model)
    except Exception as error:
        return {"made": f"{type(error).__name__}: {error}".splitlines()[0][:160]}
    _column(bench, "trains", _trains)
    if bench.found["trains"].startswith("no: "):
        return bench.found
    _column(bench, "adapts", _adapts)
    if kind in ("causal", "seq2seq"):
        _column(bench, "decodes", _decodes)
    if kind == "causal":
        _column(bench, "rolls out", _rolls_out)
    return bench.found


def _column(bench: Bench, column: str, of: Callable[[Bench], str | None]) -> None:
    try:
        bench.found[column] = of(bench) or "yes"
    except Wrong as error:
        bench.found[column] = f"wrong: {error}"
    except WhetError as error:
        bench.found[column] = f"no: {error.message}" if error.hint else f"no hint: {error.message}"
    except Exception as error:
        place = next(f for f in reversed(traceback.extract_tb(error.__traceback__)))
        where = f"{'/'.join(Path(place.filename).parts[-2:])}:{place.lineno}"
        said = str(error).strip().splitlines()[:1] or [""]
        bench.found[column] = f"traceback: {type(error).__name__}: {said[0][:160]} ({where})"


def _trains(bench: Bench) -> str | None:
    """A step of plain SGD: loss, gradient and the written model beside those of transformers' own forwards."""
    built, batches, gradients = _watched(bench.config("full"))
    bench.found["packs"] = _packs(built)
    try:
        built.loop.run()
        own = plain(bench.model)
        limit = ROUTED if has_experts(own.config) else AGREEMENT
        found, expected = Step(_metrics(built)["loss"], gradients), own_step(bench.kind, own, batches)
        name, off = worst(distances(found, expected, expected))
        if not off <= limit:
            _prove(bench, found, expected, limit, f"{name} is off by {off:.1g}")
    except Exception:
        _close(built)
        raise
    _column(bench, "exports", lambda _: _exports(built, own))
    return None


def _prove(bench: Bench, found: Step, expected: Step, limit: float, said: str) -> None:
    """That a difference in float32 is rounding: none in float64, and an error at most twice that of its own forward.

    Raises Wrong with what was `said` where it is not.
    """
    built, batches, gradients = _watched(bench.config("float64"))
    built.loaded.module.double()
    try:
        built.loop.run()
        metrics = _metrics(built)
    finally:
        _close(built)
    exact = own_step(bench.kind, plain(bench.model).double(), batches)
    name, off = worst(distances(Step(metrics["loss"], gradients), exact, exact))
    if not off <= PROVEN:
        raise Wrong(f"{said}, and {name} by {off:.1g} in float64")
    ours, theirs = distances(found, exact, exact), distances(expected, exact, exact)
    name, more = worst({name: off - 2 * theirs[name] for name, off in ours.items()})
    if not more <= limit:
        raise Wrong(f"{name} is off by {ours[name]:.1g} from float64, and its own forward by {theirs[name]:.1g}")


def _packs(built: Built) -> str:
    found = built.loaded.capabilities
    return "yes" if found.packed else f"no: {' '.join(n for n in found.notices if 'row' in n or 'forward' in n)}"


def _exports(built: Built, own: nn.Module) -> str | None:
    """The written folder as transformers reads it, beside the oracle after the same step."""
    try:
        write_result(built.trained, built.folder)
    finally:
        _close(built)
    with torch.no_grad():
        for parameter in own.parameters():
            if parameter.grad is not None:
                parameter -= RATE * parameter.grad
    written = plain(built.folder.model)
    theirs, ours = dict(own.named_parameters()), dict(written.named_parameters())
    if theirs.keys() != ours.keys():
        raise Wrong(f"other tensors: {sorted(theirs.keys() ^ ours.keys())[:3]}")
    for name, tensor in theirs.items():
        off = (ours[name] - tensor).norm() / tensor.norm().clamp(min=1e-3)
        if not off <= 1e-3:
            raise Wrong(f"the written {name} is off by {float(off):.1g}")
    return None


def _adapts(bench: Bench) -> str | None:
    """LoRA with values that matter, read back by PEFT: beside the trained module, by what the adapter changes.

    Values so large that the gradient of a model without normalisation (MobileBERT) overflows are drawn smaller.
    """
    for number, scale in enumerate(SCALES):
        said = _adapted(bench, f"lora-{number}", scale)
        if said != _OVERFLOWS:
            return said
    raise Wrong(_OVERFLOWS)


def _adapted(bench: Bench, run: str, scale: float) -> str | None:
    sections = {"tuner": {"kind": "lora", "rank": 4}, "optimizer": {"kind": "sgd", "lr": 1e-3, "momentum": 0.0}}
    built, _, gradients = _watched(bench.config(run, **sections))
    try:
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for name, parameter in built.loaded.module.named_parameters():
                if "lora_" in name:
                    drawn = torch.randn(parameter.shape, generator=generator) / parameter.shape[-1] ** 0.5
                    parameter.copy_(scale * drawn)
        ended = built.loop.run()
        if ended.outcome == "failed" and "not finite" in (ended.reason or ""):
            return _OVERFLOWS
        if not any("lora_B" in name for name in gradients):
            raise Wrong("no gradient reached the adapter")
        write_result(built.trained, built.folder)
        read = plain(built.folder.model)
        trained = logits_of(bench.kind, built.loaded.module)
        base, again = logits_of(bench.kind, plain(bench.model)), logits_of(bench.kind, read)
        change = (trained - base).abs().max()
        off = (again - trained).abs().max() / change
        if not change > 1e-4 * base.abs().max():
            raise Wrong("the adapter changes nothing")
        if not off <= CHANGED:
            raise Wrong(f"PEFT's adapter is off by {float(off):.1g} of what it changes")
    finally:
        _close(built)
    return None


def _decodes(bench: Bench) -> str | None:
    """Greedy answers alone, batched, and several to a prompt: each token as the plain uncached forward has it."""
    from whet.generate.models import load_model

    loaded = load_model(str(bench.model), device="cpu")
    module, settings = loaded.module, GenerateSettings(max_new_tokens=6, logprobs=True)
    prompts = [tokenizer().encode(text, add_special_tokens=False) for text in PROMPTS]
    own = plain(bench.model).eval()
    ways = {
        "alone": [complete(module, loaded.processor, [prompt], settings)[0] for prompt in prompts],
        "in a batch": complete(module, loaded.processor, prompts, settings),
    }
    for way, answers in ways.items():
        for prompt, answer in zip(prompts, answers, strict=True):
            said = continued(bench.kind, own, prompt, [t.id for t in answer.tokens])
            drawn = [t.id for t in answer.tokens], [t.logprob for t in answer.tokens]
            _check_said(own, way, said, *drawn, greedy=True)
    if bench.kind == "causal":
        player = Groups(module, loaded.processor, GenerateSettings(max_new_tokens=6, temperature=1.0))
        groups = player(questions(prompts), 2, seed=5)
        for prompt, group in zip(prompts, groups, strict=True):
            for one in group:
                said = continued(bench.kind, own, prompt, list(one.ids))
                _check_said(own, "spread over answers", said, list(one.ids), list(one.logprobs or ()), greedy=False)
    return None


def _check_said(
    own: Any, way: str, said_TV: Tensor, ids: list[int], logprobs: Sequence[float | None], *, greedy: bool
) -> None:
    """That decoding said of its tokens what one forward says.

    What follows a padding token is left out: models that count positions by what is no padding mean none after it.
    """
    count = ids.index(own.config.pad_token_id) + 1 if own.config.pad_token_id in ids else len(ids)
    said_TV, ids, logprobs = said_TV[:count], ids[:count], logprobs[:count]
    expected = said_TV[torch.arange(len(ids)), ids]
    found = torch.tensor([float("nan") if one is None else one for one in logprobs])
    scale = said_TV[said_TV > -torch.inf].abs().max().clamp(min=1.0)
    off = (found - expected).abs().max() / scale
    if not off <= SAID:
        raise Wrong(f"decoded {way}, log p is off by {float(off):.1g}")
    if greedy and not bool(((said_TV.max(-1).values - expected) <= SAID * scale).all()):
        raise Wrong(f"decoded {way}, another token is likelier")


def _rolls_out(bench: Bench) -> str | None:
    """A step of GRPO, whose `drift` is how far the decoder's log p are from training's."""
    rows = write_rows(bench.folder / "prompts.jsonl", [{"prompt": sentence(i, 2 + i % 3)} for i in range(4)])
    reward = {"kind": "length", "least": 3, "most": 4, "margin": 4, "unit": "characters"}
    sections: dict[str, Any] = {
        "objective": "grpo",
        "data": {"train": [str(rows)]},
        "rewards": {"functions": [reward], "workers": 1},
        "rollout": {"prompts": 3, "completions": 4, "max_new_tokens": 6},
        "train": {"batch_tokens": None},
        "optimizer": {"kind": "sgd", "lr": 1e-3, "momentum": 0.0},
    }
    built, _, _ = _watched(bench.config("grpo", **sections))
    try:
        built.loop.run()
        drift = _metrics(built).get("drift")
    finally:
        _close(built)
    if drift is None or not drift <= SAID / 5:
        raise Wrong(f"the drift is {drift}")
    return None


def _watched(values: dict[str, Any]) -> tuple[Built, list[Batch], dict[str, Tensor]]:
    """A run that is ready to go, and what will have been in its step: batches, and gradients by parameter."""
    built = assemble(from_mapping(values))
    batches: list[Batch] = []
    gradients: dict[str, Tensor] = {}
    deal, module = built.loop.dealer, built.loaded.module

    def dealt(step: Any) -> list[Batch]:
        batches.extend(found := deal(step))
        return found

    def keep(*_: Any) -> None:
        gradients.update({n: p.grad.clone() for n, p in module.named_parameters() if p.grad is not None})

    built.loop.dealer = dealt  # type: ignore[assignment]
    built.loop.executor.optimizer.register_step_pre_hook(keep)
    return built, batches, gradients


def _close(built: Built) -> None:
    for sink in built.sinks:
        sink.close()
    built.world.close()


def _metrics(built: Built) -> dict[str, float]:
    records = map(json.loads, (built.folder.path / "records.jsonl").read_text().splitlines())
    return next(r["metrics"] for r in records if r["kind"] == "step")


__all__ = ["COLUMNS", "KINDS", "measure"]

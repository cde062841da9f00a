"""Advice: from data and a card to a base model, a tuner, epochs and the time that they take, each with its reason."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from whet.base.catalogue import objective, tuner
from whet.base.errors import ConfigError
from whet.base.mesh import Mesh
from whet.base.units import duration, figure, size
from whet.plan.calibration import Calibration, calibrated
from whet.plan.decide import Decided, with_enough, with_mesh, with_micro
from whet.plan.hardware.cards import Card
from whet.plan.hardware.detected import HOST
from whet.plan.job import Job, traced_tuners
from whet.plan.models.planned import PlannedModel
from whet.plan.possible import USUAL_TOKENS, known
from whet.plan.speed import speed
from whet.plan.subject import Speed
from whet.plan.typed import command, settings

# How often data of so many tokens are gone over: few are soon learned by heart, and many need no second look.
EPOCHS = ((1e6, 3), (20e6, 2), (float("inf"), 1))
# From so many tokens on there is more to learn than adapters hold well (Biderman et al. 2024, "LoRA learns less and
# forgets less": they fall behind where training goes on for billions, and not on instructions).
ALL_WEIGHTS_TOKENS = 100e6
USUAL_HOURS = 12.0
# Models to begin with, by who made them, and the scripts of the languages that they are published for (None: many).
ADVISED: Mapping[str, frozenset[str] | None] = {
    "Qwen/Qwen3": None, "meta-llama/Llama-3": frozenset(("latin", "thai", "devanagari")),
    "HuggingFaceTB/SmolLM2": frozenset(("latin",)),
}  # fmt: skip
# Raw text is cut where it is longer.
_TEXT_TOKENS = 2048


@dataclass(frozen=True, slots=True)
class DataFacts:
    """What was seen of data: `tokens` are estimated, `longest` those of a sample, `kind` that of its rows, `script` the
    one of most letters, with the share of all that it has. Of the rows that were looked at, `refused` are none. Texts
    that are `is_labelled` have one of a few labels each."""

    rows: int
    tokens: int
    longest: int
    kind: str
    script: str
    share: float
    refused: int = 0
    is_labelled: bool = False


@dataclass(frozen=True, slots=True)
class Advice:
    """What to train and how: the job, its memory and speed, epochs, and a reason for each choice."""

    decided: Decided
    objective: str
    epochs: int
    speed: Speed | None
    reasons: Sequence[str]

    @property
    def job(self) -> Job:
        return self.decided.job

    def seconds(self, data: DataFacts) -> float | None:
        return None if self.speed is None else data.tokens * self.epochs / self.speed.tokens_per_s

    def settings(self) -> list[str]:
        """As they are typed behind `whet train`, with the model."""
        named = [f"model={self.job.model.name}", f"objective={self.objective}", f"train.epochs={self.epochs}"]
        tokens = self.job.step_tokens
        return named + settings(self.job) + ([f"train.batch_tokens={tokens}"] if tokens != USUAL_TOKENS else [])

    def command(self, path: str, data_format: str | None) -> str:
        """What trains it on a file, a folder or a data set, whose rows are of a format that may be given."""
        told = json.dumps([{"path": path, "format": data_format}], ensure_ascii=False)
        data = ["--data", path] if data_format is None else [f"data.train={told}"]
        return command([*data, *self.settings()], self.job.mesh)


def advise(data: DataFacts, card: Card, gpus: int, hours: float = USUAL_HOURS, *, is_measured: bool = False) -> Advice:
    """The largest model to begin with that is trained on the card within so many hours beside whole weights; where none
    is, beside packed ones, or the smallest that fits at all; `is_measured` asks finished runs of this machine too.

    Raises ConfigError where no known model fits, or the data are of a kind that nothing learns from.
    """
    chosen, epochs = objective_for(data.kind), next(times for most, times in EPOCHS if data.tokens <= most)
    data = replace(data, longest=min(data.longest, _TEXT_TOKENS)) if data.kind == "text" else data
    fitting: list[Advice] = []
    for model in filter(lambda one: _suits(one, data), known()):
        measured = calibrated(card, model.architecture.model_type, model.num_parameters) if is_measured else None
        found = _way(model, data, card, gpus, measured)
        if found is None or (fitting and not found[2]):
            continue
        job, why, _ = found
        advice = Advice(job, chosen, epochs, speed(job.job), ())
        seconds = advice.seconds(data)
        is_soon = seconds is None or seconds <= hours * 3600
        if fitting and not is_soon:
            break
        fitting.append(replace(advice, reasons=[*_reasons(advice, data, hours, is_soon), why]))
    if not fitting:
        raise ConfigError(
            f"no known model can be trained on {gpus} x {card.name} with samples of {data.longest:,} tokens",
            at="--gpu", hint=f"--length {max(256, data.longest // 4)}, or --gpu h100-sxm",
        )  # fmt: skip
    return fitting[-1]


def _suits(model: PlannedModel, data: DataFacts) -> bool:
    """Whether a model is one to begin with, for the script of the data."""
    return any(
        model.name.startswith(maker) and (scripts is None or data.script in scripts)
        for maker, scripts in ADVISED.items()
    )


def objective_for(kind: str) -> str:
    """The objective to begin with, for rows of a kind. Raises ConfigError where none takes them."""
    taking = [name for name in objective.names() if kind in objective.get(name).facts.takes]
    if not taking:
        raise ConfigError(f"nothing learns from rows of the kind `{kind}`", at="DATA", hint="whet slots objective")

    def place(name: str) -> tuple[bool, bool, bool]:
        facts = objective.get(name).facts
        return facts.families[0] != "causal", facts.takes[0] != kind, not facts.usual

    return min(taking, key=place)


def _way(
    model: PlannedModel, data: DataFacts, card: Card, gpus: int, measured: Calibration | None
) -> tuple[Decided, str, bool] | None:
    """The first way to train the model that fits, of those that suit so much data, why, and whether it is the one that
    suits best; None where none fits."""
    length = min(data.longest, model.context or data.longest)
    plain = "bf16" if card.device == "cuda" else "fp32"
    for place, (name, quantize, why) in enumerate(tuners_for(model, data, card)):
        for recompute in (False, True):
            rank = tuner.get(name).settings().values().get("rank", 0)
            job = Job(
                model, card, Mesh(), length, max(USUAL_TOKENS, length), length, plain, name, rank, quantize=quantize,
                recompute=recompute, measured=measured,
            )  # fmt: skip
            found = with_micro(with_mesh(job, gpus, enough=with_enough) if gpus > 1 else job)
            if found.fits:
                return found, why, place == 0
    return None


def tuners_for(model: PlannedModel, data: DataFacts, card: Card) -> list[tuple[str, str | None, str]]:
    """Tuners, with formats of weights, that suit so much data, the best first; each with why it is taken where those
    before it do not fit."""
    whole = next(name for name in traced_tuners() if tuner.get(name).facts.all_weights)
    tokens, is_much = figure(data.tokens), data.tokens >= ALL_WEIGHTS_TOKENS
    much: list[tuple[str, str | None, str]] = [
        (whole, None, f"all weights: {tokens} tokens are more than adapters hold well")
    ]
    if "num_experts" in model.sizes:
        return much if is_much else [(whole, None, "all weights: adapters beside experts are not planned")]
    beside = [name for name in traced_tuners() if name != whole]
    why = "all weights do not fit" if is_much else f"{tokens} tokens are few, and adapters forget less"
    little = [(name, None, f"{name}: {why}") for name in beside]
    packed = [
        (name, "nf4", f"{name} beside weights in nf4 (QLoRA): beside whole ones it does not fit")
        for name in beside
        if card.vendor == "nvidia"
    ]
    return [*(much if is_much else []), *little, *packed]


def _reasons(advice: Advice, data: DataFacts, hours: float, is_soon: bool) -> list[str]:
    job, seconds = advice.job, advice.seconds(data)
    within = f" and is done within {hours:g} hours" if is_soon else f", though not done within {hours:g} hours"
    if seconds is None:
        within = "; nobody knows how long it takes, for no rate is known until runs have finished"
    took = "" if seconds is None or advice.speed is None else f", about {duration(seconds)} ({advice.speed.how})"
    found = [
        f"{advice.objective}: rows are of the kind `{data.kind}`",
        f"{job.model.name}: the largest of those to begin with that fits{within}{took}",
        f"{advice.epochs} epoch{'s' if advice.epochs > 1 else ''}: data of {figure(data.tokens)} tokens",
        f"{job.micro:,} tokens at once: {size(advice.decided.memory.peak.total)} of {size(job.card.usable_bytes)}",
    ]
    if data.script != "latin":
        found.append(f"{data.share:.0%} of the letters are {data.script}, which the model is published for")
    if not objective.get(advice.objective).facts.traced:
        found.append(f"memory and time are those of next tokens: `{_step_of(advice)}` takes a step of it")
    return found


def _step_of(advice: Advice) -> str:
    """The plan of a step of the objective itself, as it is typed; it knows one rank."""
    job = advice.job
    own = [word for word in settings(job) if not word.startswith("parallel.")]
    on = [] if job.card.name == HOST else ["--gpu", job.card.name]
    length = ["--length", str(job.length)]
    return shlex.join(["whet", "plan", job.model.name, f"objective={advice.objective}", *own, *on, *length])

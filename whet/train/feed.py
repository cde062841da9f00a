"""Feed: from the config's data section to a source of steps and a held-out step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from whet.base.catalogue import model_source, objective
from whet.base.errors import ConfigError, DataError
from whet.base.run import Data, DataSource, Run, Train
from whet.contracts.steps import Step, StepSource
from whet.data.annotate import Annotated
from whet.data.files import Source
from whet.data.fill_in import FillIn
from whet.data.ledger import Ledger
from whet.data.mismatch import BASELINE, Mismatched
from whet.data.recipe import Recipe
from whet.data.render import Renderer
from whet.data.source import DatasetSource
from whet.data.store import Dataset, TokenStore, build_store, held_out
from whet.data.stream import StreamingSource
from whet.data.template import chat_template
from whet.train.rollout_feed import rollouts
from whet.train.rollouts import Rollouts

BATCH_TOKENS, BATCH_SAMPLES, HELD_OUT_STEP = 16_384, 128, -1


@dataclass(frozen=True, slots=True)
class Feed:
    """What the loop learns from. `longest` is the longest sample in tokens (or 1).

    `annotated` are the data sets by name whose samples may get further fields before the first step; none where
    rows are streamed. `rollouts` is the source where it makes its own samples, whose steps have up to `step_tokens`.
    """

    source: StepSource
    held_out: Step | None
    longest: int
    notices: tuple[str, ...]
    facts: dict[str, Any]
    annotated: Mapping[str, Annotated] = field(default_factory=dict)
    rollouts: Rollouts | None = None
    step_tokens: int | None = None

    def epochs(self, run: Run) -> float:
        """About how often the run sees each sample; 0 where that is unknown."""
        if run.train.epochs is not None or (run.train.steps is None and run.train.tokens is None):
            return run.train.epochs or 1.0
        if "train" not in self.annotated:
            return 0.0
        data = self.annotated["train"]
        size = (
            len(data) / run.train.batch_samples
            if run.train.batch_samples
            else self.facts["tokens"] / (run.train.batch_tokens or BATCH_TOKENS)
        )
        return self.source.total / size


def feed(run: Run, processor: Any | None, context: int | None, ledger: Ledger) -> Feed:
    """Read, render and store the data, outside any process group: slow work must not keep ranks waiting.

    Raises DataError at the door: nothing to read, rows that the objective cannot take, nothing trained.
    """
    if not run.data.train:
        raise DataError("there is nothing to train on", at="data.train", hint="data=[file.jsonl], or --data FILE")
    if objective.get(run.objective.kind).facts.get("rollouts"):
        return _answered(run, processor, context, ledger)
    renderer = _renderer(run, processor)
    _check_replies(run)
    if run.data.streaming:
        return _streamed(run, renderer, context, ledger)
    training: Dataset = _store(run, run.data.train, renderer, context, ledger)
    measured: Dataset | None = None
    if not isinstance(run.data.held_out, float):
        measured = _held_out_store(run, run.data.held_out, renderer, context, ledger)
    elif run.data.held_out > 0:
        training, measured = held_out(training, run.data.held_out, run.seed)
    limit = _max_length(run.data, context)
    annotated = {"train": Annotated(_beside(run, training, limit))}
    if measured is not None:
        annotated["held_out"] = measured = Annotated(_beside(run, measured, limit))
    training = annotated["train"]
    source = DatasetSource(
        training, seed=run.seed, window_steps=run.data.window_steps, shuffle=run.data.shuffle,
        **_budget(run), **_length(run.train),
    )  # fmt: skip
    longest = max(int(part.lengths.max()) for part in (training, measured) if part is not None)
    return Feed(source, _as_step(measured), longest, source.notices, _facts(training, measured), annotated)


def _answered(run: Run, processor: Any | None, context: int | None, ledger: Ledger) -> Feed:
    """Prompts that the model answers itself while it trains."""
    if processor is None:
        raise DataError("prompts need a tokenizer, and the model has none", at="model", hint="model.tokenizer=FOLDER")
    source, prompts, longest = rollouts(run, _sources(run.data.train), takes(run), processor, context, ledger)
    made = run.rollout
    tokens = -(-made.prompts // made.updates) * (longest + (made.completions - 1) * made.max_new_tokens)
    facts = {"prompts": len(prompts), "completions": made.completions}
    return Feed(source, None, longest, (), facts, rollouts=source, step_tokens=tokens)


def _streamed(run: Run, renderer: Renderer | None, context: int | None, ledger: Ledger) -> Feed:
    """Steps as the rows come: for data that is too large, or too slow, to render first."""
    if run.train.steps is None and run.train.tokens is None:
        raise ConfigError("a stream has no known length", at="data.streaming", hint="give train.steps or train.tokens")
    if isinstance(run.data.held_out, float) and run.data.held_out > 0:
        raise ConfigError(
            "a stream has no known part to hold out", at="data.held_out", hint="data.held_out=[valid.jsonl]"
        )
    if objective.get(run.objective.kind).facts.get("streams"):
        raise ConfigError(
            f"`{run.objective.kind}` compares samples that lie far apart, and a stream has only the next ones",
            at="data.streaming",
            hint="data.streaming=false",
        )
    held = run.data.held_out if isinstance(run.data.held_out, list) else []
    measured = _held_out_store(run, held, renderer, context, ledger)
    limit = _max_length(run.data, context)
    recipe = Recipe(renderer, takes(run), limit, run.data.truncation, context)
    source = StreamingSource(
        _sources(run.data.train), recipe, ledger=ledger, seed=run.seed, window_steps=run.data.window_steps,
        shuffle=run.data.shuffle, max_skipped=run.data.max_skipped,
        workers=_workers(run.data) or 0, **_budget(run), **_length(run.train),
    )  # fmt: skip
    budget = next(iter(_budget(run).values()))
    return Feed(source, _as_step(measured), min(limit or budget, budget), (), {"streaming": True})


def takes(run: Run) -> frozenset[str]:
    """The kinds of rows that the run's objective learns from."""
    return frozenset(objective.get(run.objective.kind).facts["takes"])


def _beside(run: Run, data: Dataset, limit: int | None) -> Dataset:
    """The data set with the further streams that the objective asks for."""
    wants_baseline = BASELINE in objective.get(run.objective.kind).facts.get("streams", ())
    return Mismatched(data, limit) if wants_baseline else data


def template_of(run: Run, tokenizer: Any) -> str | None:
    """The chat template that conversations are rendered with; None leaves the tokenizer as it is."""
    if not takes(run) & {"conversation", "preference", "labelled", "prompt"}:
        return None
    return chat_template(tokenizer, run.data.template).text


def _check_replies(run: Run) -> None:
    """Preferences compare replies: their prompts cannot be trained as well."""
    if run.data.train_on == "all" and takes(run) & {"preference", "labelled"}:
        raise ConfigError(
            f"`{run.objective.kind}` learns from replies, and `data.train_on` asks for all tokens",
            at="data.train_on",
            hint="data.train_on=assistant",
        )


def _renderer(run: Run, processor: Any | None) -> Renderer | None:
    if processor is None:
        return None
    data, fill_in = run.data, _fill_in(run, processor)
    return Renderer(
        processor, template=data.template, train_on=data.train_on, scale=data.loss_scale, allow=data.allow,
        fill_in=fill_in,
    )  # fmt: skip


def _fill_in(run: Run, processor: Any) -> FillIn | None:
    """How raw text is rearranged to be filled in, where the objective asks for it."""
    asked = run.objective.values()
    if not asked.get("fim"):
        return None
    if run.data.loss_scale:
        raise ConfigError(
            "`data.loss_scale` weighs text where it stands, and `objective.fim` moves it",
            at="data.loss_scale", hint="objective.fim=0",
        )  # fmt: skip
    return FillIn.of(processor, asked["fim_tokens"], rate=asked["fim"], spm=asked["spm"], seed=run.seed)


def _store(
    run: Run, sources: Sequence[DataSource], renderer: Renderer | None, context: int | None, ledger: Ledger
) -> TokenStore:
    return build_store(
        _sources(sources), renderer, takes=takes(run), ledger=ledger, max_length=_max_length(run.data, context),
        truncation=run.data.truncation, context=context, workers=_workers(run.data),
        max_skipped=run.data.max_skipped, seed=run.seed,
    )  # fmt: skip


def _held_out_store(
    run: Run, sources: Sequence[DataSource], renderer: Renderer | None, context: int | None, ledger: Ledger
) -> TokenStore | None:
    """The held-out samples, if there are sources of them. Their share of skipped rows is a matter of their own."""
    if not sources:
        return None
    own = Ledger()
    store = _store(run, sources, renderer, context, own)
    for entry in own:
        ledger.add(entry)
    return store


def _workers(data: Data) -> int | None:
    return None if data.workers == "auto" else data.workers


def _sources(sources: Sequence[DataSource]) -> list[Source]:
    return [Source.parse(source.model_dump(), Path.cwd()) for source in sources]


def _max_length(data: Data, context: int | None) -> int | None:
    """What a sample may have: the config's word, but never more than the model can see."""
    if data.max_length and context and data.max_length > context:
        raise ConfigError(
            f"`data.max_length` is {data.max_length}, and the model sees {context} tokens",
            at="data.max_length",
            hint=f"data.max_length={context}",
        )
    return data.max_length or context


def _budget(run: Run) -> dict[str, int]:
    """Tokens or samples a step. A model without tokens counts samples."""
    has_tokens = model_source.get(run.model.kind).facts.get("tokens", True)
    if run.train.batch_samples:
        return {"batch_samples": run.train.batch_samples}
    if not has_tokens:
        return {"batch_samples": BATCH_SAMPLES}
    return {"batch_tokens": run.train.batch_tokens or BATCH_TOKENS}


def _length(train: Train) -> dict[str, Any]:
    given = {name: getattr(train, name) for name in ("steps", "tokens", "epochs") if getattr(train, name) is not None}
    return given or {"epochs": 1.0}


def _as_step(data: Dataset | None) -> Step | None:
    return Step(HELD_OUT_STEP, data.lengths.tolist(), data.__getitem__) if data is not None else None


def _facts(training: Dataset, measured: Dataset | None) -> dict[str, Any]:
    tokens, trained = int(training.lengths.sum()), int(training.trained.sum())
    held = {"held_out_samples": len(measured)} if measured is not None else {}
    return {"samples": len(training), "tokens": tokens, "trained_tokens": trained, **held}

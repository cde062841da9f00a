"""Rollouts as a kind of source: from the config to prompts that a run answers, and to the source of its steps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from whet.base.errors import INSPECT, TOKENIZER, ConfigError, DataError
from whet.base.run import DataSource, Run
from whet.contracts.rollouts import Online
from whet.data.chat.speech import speech_of
from whet.data.order.dataset import View, held_out
from whet.data.order.step_source import DatasetSource
from whet.data.render.prompts import Asked, Prompts, read_prompts
from whet.data.store.ledger import Entry, Ledger
from whet.generate.prompts import prompt_ids
from whet.generate.tool_calls import Exchange
from whet.generate.tools import load_tools
from whet.rewards.build import required_columns
from whet.train.online.build import drift_limit, making_of
from whet.train.online.held_out import HeldOutReward
from whet.train.online.preflight import check_online
from whet.train.online.rollouts import Rollouts
from whet.train.setup.chosen import Chosen
from whet.train.setup.rows import sources_of, takes, voiced
from whet.train.setup.sources import Feed, SourceKind, Supply, Words
from whet.train.setup.trained import Trained
from whet.train.step.micro_batches import Dealer

# The order of prompts goes on for as long as it is asked.
_FOR_EVER = 1 << 40


def rollouts(run: Run, chosen: Chosen, words: Words, ledger: Ledger) -> Feed:
    """Prompts that the model answers itself while it trains, read and rendered.

    Raises DataError for prompts that leave no room for an answer, and for rewards whose columns are missing.
    """
    if words.processor is None:
        raise DataError("prompts need a tokenizer, and the model has none", at="model", hint=TOKENIZER)
    prompts = _prompts(run, run.data.train, words, ledger, "data.train")
    training: Prompts | View = prompts
    measured: list[Asked] = []
    if isinstance(run.data.held_out, list) and run.data.held_out:
        apart = _prompts(run, run.data.held_out, words, ledger, "data.held_out")
        measured = [apart.asked(i) for i in range(len(apart))]
    elif isinstance(run.data.held_out, float) and run.data.held_out > 0:
        training, part = held_out(prompts, run.data.held_out, run.seed)
        measured = [prompts.asked(int(part[i].fields["number"])) for i in range(len(part))]
    order = DatasetSource(
        training, seed=run.seed, batch_samples=run.rollout.prompts, steps=_FOR_EVER, shuffle=run.data.shuffle,
        window_steps=run.data.window_steps,
    )  # fmt: skip
    asked = [prompts.asked(i) for i in range(len(prompts))] + measured
    made, total = run.rollout, _total(run, len(training))
    longest = max(len(a.ids) for a in asked) + made.max_new_tokens
    longest = min(longest, words.context or longest)
    held = {"held_out_prompts": len(measured)} if measured else {}
    return Feed(
        lambda: total, longest, {"prompts": len(training), "completions": made.completions, **held},
        partial(_begun, prompts, order, measured, total), chosen.traits.example_of(None),
        step_tokens=-(-made.prompts // made.updates) * (longest + (made.completions - 1) * made.max_new_tokens),
    )  # fmt: skip


def _begun(
    prompts: Prompts,
    order: DatasetSource,
    measured: Sequence[Asked],
    total: int,
    data: Mapping[str, Any],
    trained: Trained,
    dealer: Dealer,
) -> Supply:
    run, making = trained.run, making_of(trained, dealer)
    source = Rollouts(prompts, order.over(), run.rollout, making, total=total, seed=run.seed)
    held = HeldOutReward(measured, making.asking, trained.executor, run.seed, source.settle) if measured else None
    return Supply(source, held, watches_spikes=False, drift_limit=drift_limit(run, trained.world, trained.loaded))


def _sampled(run: Run, chosen: Chosen) -> Online:
    return chosen.loss.sampled(run.rollout.temperature, run.rollout.max_new_tokens)


ROLLOUTS = SourceKind(rollouts, check_online, _sampled)


def _prompts(run: Run, given: Sequence[DataSource], words: Words, ledger: Ledger, place: str) -> Prompts:
    """The prompts of some sources that have room for an answer and the columns that rewards read."""
    sources = sources_of(given)
    asked = read_prompts(sources, takes(run), ledger, seed=run.seed, max_skipped=run.data.max_skipped)
    fitting = list(_fitting(run, _rendered(run, asked, words.processor), words.context, ledger))
    ledger.check(run.data.max_skipped)
    if not fitting:
        raise DataError(
            f"no prompt is left to answer: {ledger.summary()}",
            at=place,
            hint=f"{INSPECT} shows why rows are skipped",
        )
    prompts = Prompts(fitting, sources)
    check_columns(run, prompts, place)
    return prompts


def check_columns(run: Run, prompts: Prompts, place: str = "data.train") -> None:
    """Raise DataError for a reward that could never score for want of a column."""
    for column, name in required_columns(run.rewards).items():
        if column not in prompts.columns:
            have = ", ".join(f"`{c}`" for c in sorted(prompts.columns)) or "none"
            path = next((span.source for span in prompts.spans), "chat.jsonl")
            other = next(iter(sorted(prompts.columns)), "reference")
            raise DataError(
                f"the reward `{name}` needs the column `{column}`, and what all prompts have is {have}",
                at=place,
                hint=f"data: {{{place[5:]}: [{{path: {path}, columns: {{{column}: {other}}}}}]}}",
            )


def _rendered(run: Run, asked: Sequence[Asked], processor: Any) -> list[Asked]:
    """The prompts with their tokens, in which the run's tools are shown."""
    tokenizer = voiced(run, processor)
    if not run.rollout.tools:
        speech = speech_of(tokenizer, with_tools=True) if tokenizer.chat_template else None
        return [replace(a, ids=tuple(prompt_ids(tokenizer, a.prompt.messages, a.prompt.tools, speech))) for a in asked]
    exchange = Exchange(tokenizer, [tool.schema for tool in load_tools(run.rollout.tools)])
    for a in asked:
        if a.prompt.tools:
            raise DataError(
                "a row has tools of its own, which nobody could run beside those of `rollout.tools`",
                at=f"{a.origin.source} row {a.origin.row}", hint="rollout.tools=[], or rows without `tools`",
            )  # fmt: skip
    return [replace(a, ids=tuple(exchange.prompt(_messages(a)))) for a in asked]


def _messages(asked: Asked) -> Sequence[Mapping[str, Any]]:
    given = asked.prompt.messages
    return [{"role": "user", "content": given}] if isinstance(given, str) else given


def _fitting(run: Run, asked: Sequence[Asked], context: int | None, ledger: Ledger) -> Iterator[Asked]:
    """Prompts that leave room for a whole answer; others are an error, or with `truncation: skip` left out."""
    limit = run.data.max_length or (context - run.rollout.max_new_tokens if context else None)
    if limit is not None and limit < 1:
        raise ConfigError(
            f"answers of {run.rollout.max_new_tokens} tokens leave no room in a context of {context}",
            at="rollout.max_new_tokens",
            hint=f"rollout.max_new_tokens={(context or 2) // 2}",
        )
    for a in asked:
        if limit is None or len(a.ids) <= limit:
            yield a
        elif run.data.truncation == "skip":
            detail = f"{len(a.ids)} tokens, and {limit} are allowed"
            ledger.add(Entry(a.origin.source, a.origin.row, "skipped", "too_long", detail))
        else:
            raise DataError(
                f"a prompt has {len(a.ids):,} tokens, and {limit:,} leave room for an answer",
                at=f"{a.origin.source} row {a.origin.row}",
                hint="data.truncation=skip, or a smaller rollout.max_new_tokens",
            )


def _total(run: Run, num_prompts: int) -> int:
    """Optimizer steps of the run."""
    if run.train.steps:
        return run.train.steps
    rounds = math.ceil((run.train.epochs or 1.0) * num_prompts / run.rollout.prompts - 1e-9)
    return max(1, rounds) * run.rollout.updates * run.rollout.passes

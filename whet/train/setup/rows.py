"""Rows: from the config's data section to how a row becomes samples."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from whet.base.errors import TOKENIZER, ConfigError, DataError
from whet.base.run import Data, DataSource, Run
from whet.contracts.example import Example
from whet.contracts.reading import Classes, Steps, Tags
from whet.data.chat.speech import speech_of
from whet.data.chat.template_choice import any_tools, decisions, facts, wording_for
from whet.data.chat.template_wording import Wording
from whet.data.refusal import Refused
from whet.data.render.branches import views
from whet.data.render.class_names import check, settle
from whet.data.render.recipe import Recipe, RowsToSamples
from whet.data.render.renderer import Renderer
from whet.data.render.task_tokenizer import Reader
from whet.data.rows.detect import parse_rows
from whet.data.sources.files import Source
from whet.data.transforms.fim import FillIn
from whet.data.transforms.forms import Form
from whet.train.setup.chosen import Chosen, facts_of
from whet.train.setup.forms import form_of

# Rows of a source that are looked at for what is said of its texts.
FIRST = 256
_CONVERSATIONS = frozenset({"conversation", "preference", "labelled", "prompt"})


@dataclass(frozen=True, slots=True)
class Rows:
    """How the run's rows become samples.

    `example` makes up one of them. `form` is what samples are drawn in, where they are not learned from as they are
    stored; `labels` are the classes that an objective of classes tells apart.
    """

    recipe: RowsToSamples
    example: Example
    form: Form | None = None
    labels: tuple[str, ...] = ()


def rows_of(run: Run, chosen: Chosen, processor: Any | None, context: int | None, family: str) -> Rows:
    """Raises ConfigError and DataError for what the objective, the tokenizer and the section cannot do together."""
    how = (takes(run), max_length(run.data, context), run.data.truncation, context)
    form = form_of(run, processor, family)
    if form is not None:
        return Rows(form.recipe(*how), form.example, form)
    reader = _reader(run, chosen, processor, context, family)
    if reader is None:
        return Rows(Recipe(renderer_of(run, chosen, processor), *how), chosen.traits.example_of(None))
    read = reader.reading
    labels = (read.labels or ()) if isinstance(read, Classes | Tags) else ()
    return Rows(Recipe(None, *how, reader), chosen.traits.example_of(read), labels=labels)


def takes(run: Run) -> frozenset[str]:
    """The kinds of rows that the run's objective learns from."""
    return frozenset(facts_of(run).takes)


def template_of(run: Run, tokenizer: Any) -> str | None:
    """The chat template that conversations are rendered with; None where it is the tokenizer's own, as it is."""
    data = run.data
    if not takes(run) & _CONVERSATIONS or (data.template is None and not tokenizer.chat_template):
        return None
    speech = speech_of(tokenizer, data.template, wording_of(data), with_tools=wording_of(data).as_text)
    return None if speech.template.is_own and not speech.is_worded else speech.template.text


def template_facts(run: Run, tokenizer: Any) -> dict[str, str]:
    """How conversations are written: template, tools, thoughts, system messages; nothing where the run has none."""
    data = run.data
    if tokenizer is None or not takes(run) & _CONVERSATIONS or (data.template is None and not tokenizer.chat_template):
        return {}
    return facts(speech_of(tokenizer, data.template, wording_of(data), with_tools=True))


def voiced(run: Run, tokenizer: Any) -> Any:
    """The tokenizer with the run's chat template, for what renders conversations by the tokenizer alone.

    Raises ModelError where there is none.
    """
    own = copy.copy(tokenizer)
    text = template_of(run, tokenizer)
    if text is not None:
        own.chat_template = text
    return own


def wording_of(data: Data) -> Wording:
    return Wording(data.tools, data.thinking, data.system)


def settled(run: Run, tokenizer: Any | None) -> tuple[Run, tuple[str, ...]]:
    """The run with `data.tools: auto` decided, and what is to be said about its template.

    Reads the first rows of each source where the template cannot write tools: whether any has them decides.
    """
    data = run.data
    if tokenizer is None or not takes(run) & _CONVERSATIONS or (data.template is None and not tokenizer.chat_template):
        return run, ()
    chosen = wording_of(data)
    if data.tools == "auto":
        chosen = wording_for(chosen, tokenizer, data.template, lambda: _has_tools(run))
        run = run.model_copy(update={"data": data.model_copy(update={"tools": chosen.tools})})
    return run, decisions(tokenizer, data.template, chosen, was_auto=data.tools == "auto")


def on_scale(run: Run, recipe: RowsToSamples) -> Iterator[str]:
    """Sentences of the patterns of `data.loss_scale` that match nothing in the first rows of the sources."""
    renderer = recipe.renderer if isinstance(recipe, Recipe) else None
    if renderer is None or not run.data.loss_scale:
        return
    sources, own = sources_of(run.data.train), takes(run)
    parsed = chain.from_iterable(islice(parse_rows(one, seed=run.seed, takes=own), FIRST) for one in sources)
    rows = [row for _, row in parsed if not isinstance(row, Refused)]
    for pattern in renderer.unmatched([view for row in rows for _, view in views(row)]):
        yield f"data.loss_scale: `{pattern}` matches nothing in the first {len(rows)} rows"


def _has_tools(run: Run) -> bool:
    return bool(run.rollout.tools) or any_tools(sources_of(run.data.train), takes(run), seed=run.seed)


def sources_of(sources: Sequence[DataSource]) -> list[Source]:
    return [Source.parse(source.model_dump(), Path.cwd()) for source in sources]


def max_length(data: Data, context: int | None) -> int | None:
    """What a sample may have: the config's word, but never more than the model can see."""
    if data.max_length and context and data.max_length > context:
        raise ConfigError(
            f"`data.max_length` is {data.max_length}, and the model sees {context} tokens",
            at="data.max_length",
            hint=f"data.max_length={context}",
        )
    return data.max_length or context


def renderer_of(run: Run, chosen: Chosen, processor: Any | None) -> Renderer | None:
    """What renders rows as the run's config says; None without a tokenizer."""
    if processor is None:
        return None
    data, asked = run.data, chosen.traits.infill
    fill_in = FillIn.of(processor, asked.tokens, rate=asked.rate, spm=asked.spm, seed=run.seed) if asked else None
    return Renderer(
        processor, template=data.template, wording=wording_of(data), train_on=data.train_on, scale=data.loss_scale,
        allow=data.allow, fill_in=fill_in,
    )  # fmt: skip


def _reader(run: Run, chosen: Chosen, processor: Any | None, context: int | None, family: str) -> Reader | None:
    """A reader of the objective's reading, if it has one, once its labels are known and checked."""
    reading = chosen.reading
    if reading is None:
        return None
    if processor is None:
        raise DataError("texts need a tokenizer, and the model has none", at="model", hint=TOKENIZER)
    if isinstance(reading, Classes | Tags):
        reading = _settled(run, reading)
    if family == "masked" and not isinstance(reading, Steps):
        reading = replace(reading, kind="bidirectional")
    cut = max_length(run.data, context) if run.data.truncation == "cut" else None
    return Reader(processor, reading, cut=cut)


def _settled(run: Run, reading: Classes | Tags) -> Classes | Tags:
    if run.data.streaming:
        return reading
    may_be_unseen = "unseen_labels" in run.data.allow
    reading = settle(reading, sources_of(run.data.train), seed=run.seed, may_be_unseen=may_be_unseen)
    if isinstance(run.data.held_out, list):
        check(reading, sources_of(run.data.held_out), seed=run.seed)
    return reading

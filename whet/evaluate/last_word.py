"""The last word of passages: the context is the text up to the last blank, the target a blank and the word."""

from __future__ import annotations

from pathlib import Path

from whet.base.errors import DataError
from whet.contracts.model import Loaded
from whet.contracts.sample import Sample
from whet.evaluate.documents import read_documents
from whet.evaluate.likelihood import score
from whet.evaluate.result import Result, Units, Watch
from whet.evaluate.statistics import exponential, mean, proportion
from whet.evaluate.windows import continuation, split_pair


def measure(
    loaded: Loaded, file: str, column: str, limit: int | None, batch_tokens: int, watch: Watch | None
) -> Result:
    """The definitions of lm-evaluation-harness's `lambada`.

    A passage counts as right if every token of the target is the most likely one, given the true tokens before it.
    Perplexity is exp of the mean of -log p(word), so a long word weighs no more than a short one. A passage that is
    too long loses its start.
    """
    path = Path(file)
    passages, _ = read_documents(path, "rows" if path.suffix == ".jsonl" else "lines", column)
    samples = [_sample(loaded, passage) for passage in passages[:limit]]
    for number, sample in enumerate(samples, 1):
        if not sample.weights[1:].any():
            raise DataError(f"passage {number} of {file} has no last word to predict", hint="take it out of the file")
    scores = score(loaded, samples, batch_tokens=batch_tokens, watch=watch)
    hits = [bool(found.hits.all()) for found in scores]
    figures = {
        "accuracy": proportion(hits),
        "perplexity": exponential(mean([-found.loglikelihood for found in scores])),
    }
    facts = {"passages": len(samples), "words": "after the last blank"}
    return Result("last-word", figures, facts=facts, units={"accuracy": Units([float(hit) for hit in hits])})


def _sample(loaded: Loaded, passage: str) -> Sample:
    context, _, last = passage.rstrip().rpartition(" ")
    sample = continuation(*split_pair(loaded.processor, context, f" {last}"))
    limit = loaded.capabilities.context
    if limit is None or sample.num_tokens <= limit + 1:
        return sample
    return Sample(sample.ids[-limit - 1 :], sample.weights[-limit - 1 :])

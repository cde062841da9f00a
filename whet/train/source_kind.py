"""Which kind of source a run's samples come from."""

from __future__ import annotations

from whet.base.run import Run
from whet.train.online.own_answers import with_own_answers
from whet.train.online.prompt_source import ROLLOUTS
from whet.train.setup.chosen import facts_of
from whet.train.setup.data_source import DATASET, STREAM
from whet.train.setup.sources import SourceKind


def source_of(run: Run) -> SourceKind:
    """A data set, a stream of rows, or answers of the model itself; or the former with some of the latter."""
    if facts_of(run).rollouts:
        return ROLLOUTS
    given = STREAM if run.data.streaming else DATASET
    return with_own_answers(given)

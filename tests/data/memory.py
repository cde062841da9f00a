"""A data set in memory, and steps as what they hold, for the tests of step sources."""

import numpy as np

from whet.contracts.sample import Origin, Sample
from whet.contracts.steps import Stop
from whet.data.order.dataset import Part, TokenStore
from whet.data.store.table import SampleTable


def store_of(*lengths_of_sources, weights=None):
    """A store of sources `a`, `b`, ... whose samples have these lengths."""
    parts = []
    for number, lengths in enumerate(lengths_of_sources):
        name = "abcdefgh"[number]
        samples = [
            Sample(np.arange(n, dtype=np.int32), np.ones(n, np.float32), {}, Origin(name, row))
            for row, n in enumerate(lengths)
        ]
        weight = weights[number] if weights else 1.0
        parts.append(Part(SampleTable.of(samples), name, weight, repr(lengths), len(lengths)))
    return TokenStore(parts)


def steps_of(source, first=0, count=None):
    """The steps from `first` on, each as a list of (source, row, part, length)."""
    steps = []
    while count is None or len(steps) < count:
        step = source.next(first + len(steps))
        if isinstance(step, Stop):
            break
        samples = [step.fetch(i) for i in range(len(step.lengths))]
        assert [max(1, sample.num_tokens) for sample in samples] == list(step.lengths)
        steps.append([(s.origin.source, s.origin.row, s.origin.part, s.num_tokens) for s in samples])
    return steps

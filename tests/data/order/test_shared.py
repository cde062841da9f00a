"""Samples that are held out and trained as well: told before the first step, each once."""

import numpy as np
import pytest

from whet.contracts.sample import Sample
from whet.data.order.shared import on_shared, shared


class Samples:
    """Samples of these tokens, the last of which is trained."""

    def __init__(self, *texts: str) -> None:
        self._samples = [Sample(np.array([*text.encode()], np.int32), _mask(len(text))) for text in texts]
        self.lengths = np.array([len(one.ids) for one in self._samples])
        self.trained = np.ones(len(texts), np.int64)

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> Sample:
        return self._samples[index]


def _mask(length: int) -> np.ndarray:
    return np.array([0.0] * (length - 1) + [1.0], np.float32)


@pytest.mark.parametrize(
    ("trained", "held_out", "found"),
    [
        (("abc", "abd", "x"), ("abd", "abd", "abe"), (1, 2)),
        (("abc", "ab"), ("abd", "b"), (0, 2)),
        (("abc",) * 3, ("abc",), (1, 1)),
    ],
)
def test_different_held_out_samples_that_are_trained_are_counted_once(trained, held_out, found):
    assert shared(Samples(*trained), Samples(*held_out)) == found


def test_it_is_said_with_what_to_do_and_nothing_is_where_none_are_shared():
    assert "1 of 2 different samples" in on_shared({"train": Samples("abc"), "held_out": Samples("abc", "abd")})[0]
    assert on_shared({"train": Samples("abc"), "held_out": Samples("abd")}) == on_shared({"train": Samples("a")}) == []


def test_of_large_sets_no_more_than_so_many_are_read():
    read = []

    class Counted(Samples):
        def __getitem__(self, index: int) -> Sample:
            read.append(index)
            return super().__getitem__(index)

    shared(Counted(*["abc"] * 50), Samples("abd"), most=10)
    assert len(read) == 10

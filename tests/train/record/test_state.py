"""The digest of a state: weights of any shape, empty ones too, by their bits and places."""

from __future__ import annotations

import pytest
import torch

from whet.train.record.state import _sums


@pytest.mark.parametrize("shape", [(), (3,), (0,), (0, 4), (4, 0), (3, 2, 2)])
def test_sums_are_those_of_bits_and_rows(shape):
    tensor = torch.randn(shape)
    rows = [sum(row.reshape(-1).view(torch.int32).tolist()) for row in (tensor if tensor.dim() else [tensor])]
    total, placed = _sums(tensor)
    assert total == sum(rows) and placed == sum(number * row for number, row in enumerate(rows, 1))

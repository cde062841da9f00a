"""Products cut by their outputs are those of `nn.functional.linear`."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from whet.kernels.few_rows import few_rows


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("rows", [1, 3, 16, 40])
@pytest.mark.parametrize("outputs", [192, 100, 8])
def test_it_is_linear_however_many_rows_outputs_and_threads(rows, outputs, threads):
    drawn = torch.Generator().manual_seed(0)
    x, weight, bias = (torch.randn(shape, generator=drawn) for shape in ((rows, 48), (outputs, 48), (outputs,)))
    turned = weight.t().contiguous().t()
    for own in (weight, turned):
        for beside in (bias, None):
            torch.testing.assert_close(few_rows(x, own, beside), F.linear(x, weight, beside), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(few_rows(x.t().contiguous().t(), weight), F.linear(x, weight), atol=1e-5, rtol=1e-5)

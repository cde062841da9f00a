"""Numbers in few bits: rounded without bias, and to the nearest code of their block."""

from __future__ import annotations

import pytest
import torch

from whet.optim.rounding import round_stochastically


def test_stochastic_rounding_is_right_on_average_and_does_not_depend_on_the_cut():
    value = torch.full((40_000,), 1 + 1 / 512)  # a quarter of the way from 1 to the next bfloat16
    target = torch.empty(40_000, dtype=torch.bfloat16)
    round_stochastically(target, value, 0, key=3)
    assert target.float().mean().item() == pytest.approx(1 + 1 / 512, abs=1e-4)
    part = torch.empty(10_000, dtype=torch.bfloat16)
    round_stochastically(part, value[:10_000], 30_000, key=3)
    assert torch.equal(part, target[30_000:])


def test_eight_bits_are_the_nearest_codes_of_each_block():
    from whet.optim.codecs import Entry, begin, code_map, read, stored_as, write

    value = torch.randn(16, 512, generator=torch.Generator().manual_seed(0)) * torch.logspace(0, -4, 512)
    for entry, numbers in ((Entry("m", True), value), (Entry("v", False), value**2)):
        stored = stored_as((16, 512), "8bit")
        state = begin(entry, (16, 512), stored, torch.float32, "cpu")
        write(state, entry, stored, numbers)
        shares = numbers.view(16, 2, 256) / numbers.view(16, 2, 256).abs().amax(-1, keepdim=True)
        codes = code_map(entry.signed, torch.device("cpu"))
        nearest = codes[(shares.unsqueeze(-1) - codes).abs().argmin(-1)]
        expected = nearest * numbers.view(16, 2, 256).abs().amax(-1, keepdim=True)
        torch.testing.assert_close(read(state, entry, stored), expected.view(16, 512))


@pytest.mark.parametrize("signed", [True, False])
def test_codes_by_table_are_those_by_search(signed):
    from whet.optim.codecs import code_map, nearest_codes

    codes = code_map(signed, torch.device("cpu"))
    midpoints = (codes[:-1] + codes[1:]) / 2
    draw = torch.Generator().manual_seed(0)
    numbers = torch.rand(200_000, generator=draw) * 10 ** (-8 * torch.rand(200_000, generator=draw))
    numbers = torch.cat([numbers, codes, midpoints, midpoints.nextafter(torch.ones(255)), torch.zeros(1)])
    numbers = torch.cat([numbers, -numbers]) if signed else numbers[numbers >= 0]
    assert torch.equal(nearest_codes(numbers, signed).long(), torch.bucketize(numbers, midpoints))

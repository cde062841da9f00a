from __future__ import annotations

import pytest
import torch

from whet.base.seeds import derive, forked


def test_seeds_depend_on_every_part_and_on_nothing_else():
    parts = [(0, "step", 1, 0, 0), (0, "step", 0, 1, 0), (0, "step", 0, 0, 1), (1, "step", 0, 0, 0)]
    assert len({derive(*p) for p in parts}) == 4
    assert derive(0, "step", 1) == derive(0, "step", 1)
    assert 0 <= derive("x") < 2**63


def test_a_fork_leaves_the_default_generator_as_it_was():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    with forked(1, "a"):
        inside = torch.rand(3)
    assert torch.equal(torch.rand(3), expected)
    with forked(1, "a"):
        assert torch.equal(torch.rand(3), inside)


def test_a_fork_draws_what_torch_draws_from_its_seed():
    expected = torch.rand(3, generator=torch.Generator().manual_seed(derive(1, "a")))
    with forked(1, "a"):
        assert torch.equal(torch.rand(3), expected)


def test_a_fork_keeps_nothing_where_there_is_no_accelerator():
    """Torch keeps what is to be done once an accelerator is asked for the first time, with the stack as text."""
    if torch.accelerator.is_available():
        pytest.skip("there is one, and its generator is seeded")
    before = [len(lib._queued_calls) for lib in (torch.cuda, torch.xpu, torch.mtia)]
    with forked(1, "a"):
        pass
    assert [len(lib._queued_calls) for lib in (torch.cuda, torch.xpu, torch.mtia)] == before

"""Combining changes of a weight: PEFT's functions and hand-made numbers are the oracles."""

import math

import pytest
import torch
from peft.utils.merge_utils import ties

from whet.base.errors import ConfigError
from whet.models.merging.combine import Recipe, combine, slerp


def changes(count=3, shape=(12, 8)):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator) for _ in range(count)]


def test_linear_is_the_weighted_sum():
    a, b, _ = changes()
    assert torch.allclose(combine([a, b], [0.5, -2.0], Recipe(), "w"), 0.5 * a - 2 * b)


@pytest.mark.parametrize("density", [0.2, 0.5, 1.0])
def test_ties_is_pefts(density):
    given = changes()
    expected = ties(given, torch.ones(3), density)
    assert torch.allclose(combine(given, [1.0] * 3, Recipe("ties", density), "w"), expected, atol=1e-6)


def test_ties_by_hand():
    """Signs are elected by what is left and weighted: +3 against -1 and -1 leaves the first entry to the first."""
    a, b, c = torch.tensor([3.0, 0.1]), torch.tensor([-1.0, 4.0]), torch.tensor([-1.0, 2.0])
    assert combine([a, b, c], [1.0, 1.0, 1.0], Recipe("ties", 0.5), "w").tolist() == [3.0, 3.0]
    assert combine([a, b, c], [0.5, 1.0, 1.0], Recipe("ties", 1.0), "w").tolist() == [-1.0, pytest.approx(6.05 / 3)]


@pytest.mark.parametrize("method", ["dare", "dare-ties"])
def test_dare_drops_a_share_and_keeps_the_expectation(method):
    ones = torch.ones(400, 100)
    found = combine([ones], [1.0], Recipe(method, 0.25, seed=3), "w")
    assert set(found.unique().tolist()) == {0.0, 4.0} and float(found.mean()) == pytest.approx(1.0, abs=0.03)
    assert torch.equal(found, combine([ones], [1.0], Recipe(method, 0.25, seed=3), "w"))
    for recipe, name in ((Recipe(method, 0.25, seed=4), "w"), (Recipe(method, 0.25, seed=3), "v")):
        assert not torch.equal(found, combine([ones], [1.0], recipe, name))


def test_svd_is_the_nearest_matrix_of_the_rank():
    a, b, _ = changes()
    found = combine([a, b], [1.0, 1.0], Recipe("svd", rank=3), "w")
    values = torch.linalg.svdvals(a + b)
    assert torch.linalg.matrix_rank(found) == 3
    assert float((found - a - b).norm()) == pytest.approx(float(values[3:].norm()), rel=1e-5)
    bias = [torch.ones(4), torch.ones(4)]
    assert combine(bias, [1.0, 1.0], Recipe("svd", rank=1), "b").tolist() == [2.0] * 4


def test_slerp_goes_along_the_arc_and_between_the_lengths():
    a, b = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 3.0])
    root = math.sqrt(0.5)
    assert slerp(a, b, 0.5).tolist() == pytest.approx([2 * root, 2 * root])
    assert slerp(a, b, 0.0).tolist() == pytest.approx([1.0, 0.0]) and slerp(a, b, 1.0).tolist() == pytest.approx([0, 3])
    assert slerp(a, 3 * a, 0.25).tolist() == pytest.approx([1.5, 0.0])
    assert slerp(a, torch.zeros(2), 0.25).tolist() == pytest.approx([0.75, 0.0])


@pytest.mark.parametrize("recipe", [{"density": 0.0}, {"density": 1.5}, {"rank": 0}])
def test_settings_out_of_bounds_are_refused(recipe):
    with pytest.raises(ConfigError) as error:
        Recipe(**recipe)
    assert error.value.hint.startswith(("more than", "at least"))

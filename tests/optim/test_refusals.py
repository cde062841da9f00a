"""Settings and weights that a kind cannot step are refused by name."""

from __future__ import annotations

import pytest
import torch

from tests.optim.problem import build, members
from tests.optim.zoo import Zoo, groups
from whet.base.errors import ConfigError
from whet.optim.family import Family

REFUSED = [
    ("galore", {"rank": 65}, "`optimizer.rank` is 65, and no matrix that is trained has sides of so many"),
    ("apollo", {"rank": 300}, "`optimizer.rank` is 300"),
    ("lisa", {"layers": 9}, "`optimizer.layers` is 9, and the model has 2"),
    ("schedule-free", {"betas": (0.0, 0.9)}, "divides by the first"),
]


@pytest.mark.parametrize(("kind", "settings", "message"), REFUSED)
def test_bad_settings_are_refused_by_name(kind, settings, message):
    with pytest.raises(ConfigError, match=message):
        build(kind, groups(Zoo()), **settings)


@pytest.mark.parametrize("kind", ["muon", "galore", "soap", "apollo"])
def test_matrix_kinds_are_refused_without_matrices(kind):
    with pytest.raises(ConfigError, match=f"`optimizer: {kind}` steps matrices, and none is trained"):
        build(kind, members([torch.zeros(8)], ["norm"]))


def test_block_kinds_are_refused_without_layers():
    with pytest.raises(ConfigError, match="this model repeats none"):
        build("badam", members([torch.zeros(8, 8)], ["m"]))


def test_a_family_says_no_to_layouts_it_does_not_know():
    turned = members([torch.zeros(8, 6).T], ["turned"])
    with pytest.raises(ConfigError, match="`turned` is not contiguous"):
        Family(turned, turned.with_decay(0.0, []), None, lr=1.0)

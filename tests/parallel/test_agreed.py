"""What ranks read of a step is the same on all of them: an alarm or an end that follows from it follows on all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.parallel.meshes import Case, batches_of, ranks_of, started
from tests.ranks import on_ranks

pytestmark = pytest.mark.ranks


@dataclass(frozen=True)
class Rounded:
    """An objective on a rank whose processor rounds otherwise."""

    inner: Any
    by: float

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __call__(self, *given: Any) -> Any:
        terms = self.inner(*given)
        return replace(terms, sums={name: value * (1 + self.by) for name, value in terms.sums.items()})


def figures(mesh: str, folder: Any) -> list[dict[str, float]]:
    """Those of a step, and of what is held out."""
    train, dealer = started(case := Case("dense", "sft", mesh), folder)
    train = replace(train, objective=Rounded(train.objective, 1e-9 * train.world.index("all")))
    batches = batches_of(case, dealer, 0)
    weights, _ = train.weigh(batches, {})
    return [train.measure(batches, weights), train.step(0, batches, weights, 1.0)]


@pytest.mark.parametrize("mesh", ["tensor-2", "shard-tensor", "pipeline-tensor", "pipeline-shard"])
def test_ranks_that_compute_the_same_loss_read_the_same_figures_where_they_round_otherwise(tmp_path, mesh):
    first, *others = on_ranks(ranks_of(mesh), figures, mesh, tmp_path)
    assert others == [first] * len(others)

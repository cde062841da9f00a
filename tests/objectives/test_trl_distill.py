"""TRL 1.16's GKD as the oracle: the same rows and models give its divergence and its gradients. Needs `trl`."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.objectives.groups import assert_same, figures, tiny
from tests.objectives.test_distillation import distilling, samples

pytest.importorskip("trl")
pytestmark = pytest.mark.slow

CASES = {
    "forward": ({"beta": 0.0}, {"divergence": "forward_kl"}),
    "reverse": ({"beta": 1.0}, {"divergence": "reverse_kl"}),
    "jsd": ({"beta": 0.5}, {"divergence": "jsd"}),
    "jsd, hot": ({"beta": 0.2, "temperature": 2.0}, {"divergence": "jsd", "beta": 0.2, "temperature": 2.0}),
}


def of_trl(rows, **settings):
    """Loss and gradients of a padded batch, as the trainer's own function computes them."""
    from trl.experimental.gkd import GKDTrainer

    student, teacher = tiny(3).module, tiny(4).module
    longest = max(len(row.ids) for row in rows)
    ids, labels = torch.zeros(len(rows), longest, dtype=torch.long), torch.full((len(rows), longest), -100)
    mask = torch.zeros(len(rows), longest, dtype=torch.long)
    for at, row in enumerate(rows):
        count = len(row.ids)
        ids[at, :count], mask[at, :count] = torch.tensor(row.ids.astype("int64")), 1
        labels[at, :count] = torch.where(torch.tensor(row.weights) > 0, ids[at, :count], -100)
    student.zero_grad()
    own = student(input_ids=ids, attention_mask=mask).logits[:, :-1]
    with torch.no_grad():
        theirs = teacher(input_ids=ids, attention_mask=mask).logits[:, :-1]
    loss = GKDTrainer.generalized_jsd_loss(own, theirs, labels=labels[:, 1:], **settings)
    loss.backward()
    found = {name: p.grad.clone() for name, p in student.named_parameters()}
    student.zero_grad()
    return {"loss": loss.item()}, found


@pytest.mark.parametrize("case", CASES)
def test_gkd_gives_the_loss_and_gradients_of_trl(case):
    theirs, mine = CASES[case]
    rows = [replace(row, weights=(row.weights > 0).astype("float32")) for row in samples()]
    assert_same(figures(distilling(**mine), [rows]), of_trl(rows, **theirs), 1e-5)

"""The components that `docs/guides/add-a-component.md` shows compute what their docstrings say."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tests.docs.blocks import blocks
from whet.base.catalogue import data_format, objective, optimizer
from whet.base.errors import DataError
from whet.base.slots import load_plugin
from whet.contracts.model import ParamRole
from whet.objectives.next_token import NextToken
from whet.optim.groups import ParamGroups

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "add-a-component.md"


@pytest.fixture
def plugins(tmp_path: Path):
    """The page's Python files, loaded."""
    for block in blocks(PAGE):
        if block.language == "python":
            (tmp_path / block.name).write_text(block.text)
            load_plugin(tmp_path / block.name)


def test_signum_moves_every_weight_by_the_rate_against_the_momentum(plugins):
    layer = torch.nn.Linear(3, 2)
    before = layer.weight.detach().clone()
    groups = ParamGroups.of(layer, {"weight": ParamRole.MATRIX, "bias": ParamRole.BIAS})
    chosen = optimizer.get("signum").build(groups, lr=0.1, momentum=0.5, weight_decay=0.0)
    gradients = torch.tensor([[1.0, -1.0, 4.0], [1.0, -1.0, 4.0]]), torch.tensor([[1.0, 1.0, -1.0], [1.0, 1.0, -1.0]])
    for gradient in gradients:
        layer.weight.grad, layer.bias.grad = gradient, torch.ones(2)
        chosen.step()
    # Velocities 0.5, -0.5, 2 and then 0.75, 0.25, 0.5: the second column turns round, the third does not.
    moved = torch.tensor([-0.2, 0.0, -0.2]).expand(2, 3)
    torch.testing.assert_close(layer.weight.detach() - before, moved)


def test_focal_loss_without_focus_is_the_plain_loss(plugins):
    logprobs, weights = torch.tensor([-0.1, -2.0, -3.0]), torch.tensor([0.0, 1.0, 0.0, 2.0, 1.0])
    batch = SimpleNamespace(trained=SimpleNamespace(weights=weights))
    answers = {"logprobs": logprobs, "nll": -(logprobs * weights[weights > 0]).sum()}
    models = SimpleNamespace(run=lambda _, want: {name: answers[name] for name in want})
    plain, build = NextToken(), objective.get("focal").build
    assert build(gamma=0.0).weights(batch) == plain.weights(batch) == {"loss": 4.0}
    torch.testing.assert_close(build(gamma=0.0)(models, batch, {}).sums["loss"], plain(models, batch, {}).sums["loss"])
    assert build(gamma=2.0)(models, batch, {}).sums["loss"] < answers["nll"]


def test_a_quiz_is_answered_by_the_letter_of_the_right_option(plugins):
    row = {"question": "2 + 2?", "options": ["3", "4"], "right": 1}
    asked, answer = data_format.get("quiz").build(row).messages
    assert (asked["content"], answer["content"]) == ("2 + 2?\nA. 3\nB. 4", "B")
    with pytest.raises(DataError, match="option 2 is right, and there are 2"):
        data_format.get("quiz").build({**row, "right": 2})

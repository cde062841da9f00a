"""AdaLoRA's budget, term and choice against PEFT's own."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from tests.models.architectures import tiny_model
from tests.models.tuning.test_peft_tuner import disturb, logits, make, write
from whet.base.errors import ConfigError, ModelError
from whet.base.seeds import forked
from whet.models.tuning.wrapper import wrapper_of

peft = pytest.importorskip("peft")
TOTAL = 20


@dataclass
class Length:
    """A calibration that only knows the run's length."""

    total_steps: int = TOTAL

    def gradients(self):
        raise AssertionError("nobody asked")


def pair():
    """Our tuner on its model, and PEFT's allocator on an equal one."""
    made = make("adalora", rank=2, start_rank=4, warmup=0.1, final=0.3, every=2)
    modules = []
    for _ in range(2):
        with forked("start"):
            modules.append(disturb(made.prepare(tiny_model("llama", None))))
    for module in modules:
        made.init(module, Length())
    theirs = wrapper_of(modules[1]).base_model
    theirs.rankallocator = type(theirs.rankallocator)(theirs.model, theirs.peft_config["default"], "default")
    return made, modules[0], modules[1], theirs


def learn(module, step):
    ids = torch.randint(60, (2, 9), generator=torch.Generator().manual_seed(step))
    module(input_ids=ids, labels=ids).loss.backward()


def test_the_same_singular_values_stay_as_in_peft_at_every_step():
    made, ours, plain, theirs = pair()
    for step in range(TOTAL):
        for module in (ours, plain):
            learn(module, step)
            with torch.no_grad():
                for parameter in module.parameters():
                    if parameter.grad is not None:
                        parameter.sub_(0.05 * parameter.grad)
        made.after_step(ours, step)
        theirs.update_and_allocate(step + 1)
        for module in (ours, plain):
            module.zero_grad()
        for (name, one), (_, other) in zip(ours.named_parameters(), plain.named_parameters(), strict=True):
            assert torch.allclose(one, other, atol=1e-6), f"{name} at step {step}"
    kept = made.state_dict()["kept"]
    assert sum(sum(values) for values in kept.values()) == 2 * len(kept)


def test_the_term_is_pefts():
    made, ours, plain, theirs = pair()
    ids = torch.tensor([[5, 6, 7, 8]])
    bare = plain(input_ids=ids, labels=ids).loss
    assert made.penalty(ours).item() == pytest.approx((theirs(input_ids=ids, labels=ids).loss - bare).item(), rel=1e-4)


def test_what_is_stored_has_the_ranks_that_are_left(tmp_path):
    made, ours, _, _ = pair()
    for step in range(TOTAL):
        learn(ours, step)
        made.after_step(ours, step)
        ours.zero_grad()
    theirs = peft.PeftModel.from_pretrained(tiny_model("llama", None), write(tmp_path, ours))
    assert torch.allclose(logits(theirs), logits(ours), atol=1e-4)


def test_a_budget_without_time_or_below_its_goal_is_refused():
    with pytest.raises(ConfigError, match="is above `start_rank`"):
        make("adalora", rank=16)
    with pytest.raises(ConfigError, match="leave no time"):
        make("adalora", warmup=0.5, final=0.5)
    made = make("adalora")
    with pytest.raises(ModelError, match="too few for AdaLoRA"):
        made.init(made.prepare(tiny_model("llama", None)), Length(1))

"""TRL 1.16 as the oracle of policy gradients: the same answers, advantages and settings. Needs `trl`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tests.objectives.groups import assert_same, executor, figures
from tests.objectives.test_policy import LONGEST, TEMPERATURE, answers, own_logprobs
from tests.tiny import tokenizer

trl = pytest.importorskip("trl")
pytestmark = pytest.mark.slow

# TRL's settings, and ours.
VARIANTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "grpo": (
        {"loss_type": "grpo", "beta": 0.04, "use_bias_correction_kl": False},
        {"normalise": "sequence", "kl": 0.04},
    ),
    "weighted": ({"loss_type": "dapo", "beta": 0.1}, {"kl": 0.1, "kl_weighted": True}),
    "dapo": ({"loss_type": "dapo", "epsilon_high": 0.28}, {"clip_high": 0.28}),
    "bnpo": ({"loss_type": "bnpo"}, {}),
    "dr_grpo": ({"loss_type": "dr_grpo"}, {"normalise": "constant"}),
    "gspo": (
        {"loss_type": "grpo", "importance_sampling_level": "sequence", "epsilon": 0.03, "epsilon_high": 0.04},
        {"normalise": "sequence", "ratio": "sequence", "clip_low": 0.03, "clip_high": 0.04},
    ),
    # TRL's CISPO names the bound itself, and bounds nothing from below.
    "cispo": ({"loss_type": "cispo", "epsilon_high": 1.28}, {"loss": "cispo", "clip_low": 1.0, "clip_high": 0.28}),
}


def whole() -> list[Any]:
    """Answers that all count: TRL gives each a weight of 1."""
    return [replace(s, fields={**s.fields, "weight": np.ones(3, np.float32)}) for s in answers()]


def inputs(samples: list[Any]) -> dict[str, torch.Tensor]:
    """The same answers as TRL pads them: prompts on the left, completions on the right."""
    prompts, completions, columns, advantages = [], [], [], []
    for sample in samples:
        for place, at in enumerate(sample.branches):
            prompts.append([*sample.ids[: sample.cuts[0]], sample.ids[at][0]])
            completions.append(sample.ids[at][1:])
            columns.append({name: value[at][1:] for name, value in sample.values.items()})
            advantages.append(sample.fields["advantage"][place])
    width, length = max(map(len, prompts)), max(map(len, completions))

    def right(rows: list[Any], dtype: torch.dtype) -> torch.Tensor:
        return torch.tensor(np.stack([np.pad(r, (0, length - len(r))) for r in rows]), dtype=dtype)

    mask = right([np.ones(len(c)) for c in completions], torch.long)
    return {
        "prompt_ids": torch.tensor(np.stack([np.pad(p, (width - len(p), 0)) for p in prompts]), dtype=torch.long),
        "prompt_mask": torch.tensor(np.stack([np.pad(np.ones(len(p)), (width - len(p), 0)) for p in prompts])).long(),
        "completion_ids": right(completions, torch.long),
        "completion_mask": mask,
        "advantages": torch.tensor(np.array(advantages)),
        "old_per_token_logps": right([c["old"] for c in columns], torch.float32),
        "ref_per_token_logps": right([c["reference"] for c in columns], torch.float32),
        "num_items_in_batch": mask.sum(),
    }


@pytest.mark.parametrize("name", VARIANTS)
def test_loss_and_gradients_are_those_of_trl(tmp_path, name):
    theirs, own = VARIANTS[name]
    train = ready(correction="none", **own)
    trainer = of_trl(trl.GRPOTrainer, trl.GRPOConfig, train, tmp_path, **{"epsilon": 0.2, **theirs})
    trainer.current_gradient_accumulation_steps = 1
    assert_same(figures(train, [whole()]), learned(trainer, inputs(whole())), 1e-5)


def test_rloo_has_the_gradients_of_trl_where_its_ratio_is_one(tmp_path):
    """TRL's loss is a sum over an answer, ours divided by the most tokens that one may have."""
    fresh = [replace(sample, values={}) for sample in whole()]
    train = ready(correction="none", loss="plain", normalise="constant", baseline="leave_one_out", scale="none")
    trainer = of_trl(trl.RLOOTrainer, trl.RLOOConfig, train, tmp_path)
    given = inputs(whole())
    own = [own_logprobs(sample)[at].sum() for sample in fresh for at in sample.branches]
    loss, wanted = learned(trainer, given | {"old_logps": torch.tensor(np.array(own), dtype=torch.float32)})
    assert loss["loss"] == pytest.approx(-given["advantages"].mean().item(), rel=1e-4)
    found, gradients = figures(train, [fresh])
    scaled = {name: gradient * LONGEST for name, gradient in gradients.items()}
    assert_same(({"loss": 0.0}, scaled), ({"loss": 0.0}, wanted), 1e-5)


def ready(**own):
    train = executor("grpo", **own)
    return replace(train, objective=train.objective.sampled(TEMPERATURE, LONGEST))


def of_trl(kind, setting, train, tmp_path, **theirs):
    """A trainer whose model has the weights of ours."""
    from datasets import Dataset
    from transformers import AutoTokenizer

    train.module.save_pretrained(tmp_path / "model")
    AutoTokenizer.from_pretrained(tokenizer(tmp_path / "tokenizer")).save_pretrained(tmp_path / "model")
    settings = setting(
        output_dir=str(tmp_path), use_cpu=True, bf16=False, report_to="none", per_device_train_batch_size=12,
        num_generations=3, max_completion_length=LONGEST, temperature=TEMPERATURE, gradient_checkpointing=False,
        **theirs,
    )  # fmt: skip
    return kind(
        model=str(tmp_path / "model"), args=settings, train_dataset=Dataset.from_list([{"prompt": "a"}] * 12),
        reward_funcs=lambda completions, **_: [0.0] * len(completions),
    )  # fmt: skip


def learned(trainer, batch):
    """Loss and gradients as the trainer computes them."""
    model = trainer.model.float().train()
    model.config._attn_implementation = "eager"
    loss = trainer._compute_loss(model, batch)
    loss.backward()
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    return {"loss": loss.item()}, found

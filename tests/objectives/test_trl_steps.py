"""TRL's PRMTrainer as the oracle: the same rows and model give its loss and gradients. Needs TRL 1.13, the last to have
it."""

from __future__ import annotations

import pytest
import torch

from tests.objectives.groups import assert_same, executor, figures
from tests.objectives.test_steps import ROWS, WAYS, read
from tests.tiny import LLAMA, tokenizer
from whet.base.catalogue import model_source, tuner
from whet.contracts.model import Head
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled

prm = pytest.importorskip("trl.experimental.prm")
pytestmark = pytest.mark.slow
NAMES = {"separator": "step_separator", "last_only": "train_on_last_step_only"}


@pytest.mark.parametrize("way", WAYS)
def test_process_reward_gives_the_loss_and_gradients_of_trl(tmp_path, way):
    from datasets import Dataset
    from transformers import AutoModelForTokenClassification, AutoTokenizer, LlamaConfig

    words = AutoTokenizer.from_pretrained(tokenizer(tmp_path / "model"))
    torch.manual_seed(1)
    given = LlamaConfig(**LLAMA, vocab_size=len(words), initializer_range=0.2, pad_token_id=0, num_labels=2)
    AutoModelForTokenClassification.from_config(given).save_pretrained(tmp_path / "model")
    settings = prm.PRMConfig(
        output_dir=str(tmp_path), per_device_train_batch_size=len(ROWS), use_cpu=True, bf16=False, report_to="none",
        max_length=None, gradient_checkpointing=False, dataloader_pin_memory=False,
        **{NAMES[name]: value for name, value in WAYS[way].items()},
    )  # fmt: skip
    rows = [{"prompt": prompt, "completions": steps, "labels": right} for prompt, steps, right in ROWS]
    theirs = AutoModelForTokenClassification.from_pretrained(tmp_path / "model")
    trainer = prm.PRMTrainer(model=theirs, args=settings, train_dataset=Dataset.from_list(rows), processing_class=words)
    inputs = next(iter(trainer.get_train_dataloader()))
    model = trainer.model.train()
    loss = trainer.compute_loss(model, inputs)
    loss.backward()
    expected = {"loss": loss.item()}, {name: p.grad.clone() for name, p in model.named_parameters()}

    context = BuildContext(tuner=tuner.get("full").build(), head=Head("token", ("wrong", "right")))
    policy = filled(model_source.get("hf").build(context, path=str(tmp_path / "model")))
    train = executor("process-reward", policy=policy, **WAYS[way])
    assert_same(figures(train, [read(words, train.objective.traits.reading)]), expected, 1e-5)

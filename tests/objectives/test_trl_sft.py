"""TRL 1.16 as the oracle of fine-tuning: the same chats give its masks, losses and gradients. Needs `trl`."""

from __future__ import annotations

import pytest
import torch

from tests.objectives.groups import assert_same, executor, figures
from tests.tiny import LLAMA, sentence, tokenizer
from whet.base.catalogue import model_source, tuner
from whet.contracts.rows import Conversation
from whet.data.render.recipe import Recipe
from whet.data.render.renderer import Renderer
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled

trl = pytest.importorskip("trl")
pytestmark = pytest.mark.slow


def chat(number):
    """One to three questions with their answers."""
    turns = range(1 + number % 3)
    return [
        {"role": role, "content": sentence(number + turn + shift, 2 + turn + number % 4 + shift)}
        for turn in turns
        for shift, role in enumerate(("user", "assistant"))
    ]


@pytest.mark.parametrize("theirs, ours", [("nll", "none"), ("dft", "dft")])
def test_sft_gives_the_loss_and_gradients_of_trl(tmp_path, theirs, ours):
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    words = AutoTokenizer.from_pretrained(tokenizer(tmp_path / "model"))
    torch.manual_seed(1)
    given = LlamaConfig(**LLAMA, vocab_size=len(words), initializer_range=0.2, pad_token_id=0)
    LlamaForCausalLM(given).save_pretrained(tmp_path / "model")
    chats = [chat(number) for number in range(5)]
    settings = trl.SFTConfig(
        output_dir=str(tmp_path), per_device_train_batch_size=len(chats), use_cpu=True, bf16=False, report_to="none",
        gradient_checkpointing=False, dataloader_pin_memory=False, max_length=None, assistant_only_loss=True,
        loss_type=theirs,
    )  # fmt: skip
    trainer = trl.SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(tmp_path / "model", dtype=torch.float32), args=settings,
        train_dataset=Dataset.from_list([{"messages": messages} for messages in chats]), processing_class=words,
    )  # fmt: skip
    inputs = next(iter(trainer.get_train_dataloader()))
    loss = trainer.compute_loss(trainer.model.train(), inputs)
    loss.backward()
    expected = {"loss": loss.item()}, {name: p.grad.clone() for name, p in trainer.model.named_parameters()}

    rows = [Conversation(messages) for messages in chats]
    samples, lost = Recipe(Renderer(words), frozenset({"conversation"}))("rows", list(enumerate(rows)))
    assert not lost
    policy = filled(
        model_source.get("hf").build(BuildContext(tuner=tuner.get("full").build()), path=str(tmp_path / "model"))
    )
    train = executor("sft", policy=policy, weighting=ours)
    assert_same(figures(train, [samples[:2], samples[2:]]), expected, 1e-5)

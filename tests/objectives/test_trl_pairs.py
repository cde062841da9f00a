"""TRL 1.16 as the oracle of pairs without a reference, of reward models and of online DPO. Needs `trl`."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.objectives.groups import assert_same, executor, figures, group
from tests.tiny import LLAMA, sentence, tokenizer
from whet.base.catalogue import model_source, tuner
from whet.contracts.model import Head, Models
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled
from whet.train.step.frozen import Frozen

trl = pytest.importorskip("trl")
pytestmark = pytest.mark.slow
BETA, LENGTH = 0.3, 6
PAIRS = [
    {"prompt": sentence(i, 3 + i), "chosen": f" {sentence(i + 1, 2 + i % 3)}", "rejected": f" {sentence(i + 2, 1 + i)}"}
    for i in range(4)
]


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tokenizer(tmp_path_factory.mktemp("words")))


@pytest.fixture(scope="module")
def folders(tmp_path_factory, words):
    """A policy, a reference with other weights, and a scorer, as folders."""
    from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification

    given = LlamaConfig(**LLAMA, vocab_size=len(words), initializer_range=0.2, pad_token_id=0, num_labels=1)
    places = []
    for seed, kind in enumerate((LlamaForCausalLM, LlamaForCausalLM, LlamaForSequenceClassification), 1):
        folder = tmp_path_factory.mktemp("model")
        torch.manual_seed(seed)
        kind(given).save_pretrained(folder)
        words.save_pretrained(folder)
        places.append(str(folder))
    return places


def common(tmp_path, **given):
    return {
        "output_dir": str(tmp_path), "per_device_train_batch_size": len(PAIRS), "use_cpu": True, "bf16": False,
        "report_to": "none", "gradient_checkpointing": False, "dataloader_pin_memory": False, **given,
    }  # fmt: skip


def learned(trainer, inputs):
    """Loss and gradients as the trainer computes them."""
    model = trainer.model.train()
    loss = trainer.compute_loss(model, inputs)
    loss.backward()
    return {"loss": loss.item()}, {name: p.grad.clone() for name, p in model.named_parameters()}


def loaded(folder, head=None):
    return filled(model_source.get("hf").build(BuildContext(tuner=tuner.get("full").build(), head=head), path=folder))


def of_batch(batch):
    """The tokens that the trainer made of the pairs, as our samples: prompts once, and what is trained of each side."""
    samples = []
    for row in range(len(batch["chosen_input_ids"])):
        sides = []
        for side in ("chosen", "rejected"):
            labels = batch[f"{side}_labels"][row]
            ids = batch[f"{side}_input_ids"][row][batch[f"{side}_attention_mask"][row] > 0].tolist()
            start = int((labels >= 0).nonzero()[0])
            sides.append((ids[:start], ids[start:]))
        (prompt, chosen), (same, rejected) = sides
        assert prompt == same and len(chosen) == int((batch["chosen_labels"][row] >= 0).sum())
        samples.append(group(prompt, [chosen, rejected]))
    return samples


# TRL's settings, and ours.
ALONE = {
    "cpo": ({"cpo_alpha": 0.5}, "cpo", {"sft": 0.5, "beta": BETA}),
    "cpo, doubted": ({"cpo_alpha": 1.0, "label_smoothing": 0.1}, "cpo", {"label_smoothing": 0.1, "beta": BETA}),
    "cpo, hinge": ({"cpo_alpha": 1.0, "loss_type": "hinge"}, "cpo", {"loss": "hinge", "beta": BETA}),
    "cpo, ipo": ({"cpo_alpha": 1.0, "loss_type": "ipo"}, "cpo", {"loss": "ipo", "beta": BETA}),
    "simpo": (
        {"cpo_alpha": 0.0, "loss_type": "simpo", "simpo_gamma": 0.6},
        "simpo",
        {"beta": BETA, "margin": 0.6},
    ),
}


@pytest.mark.parametrize("case", ALONE)
def test_pairs_without_a_reference_give_the_loss_and_gradients_of_trl(folders, words, tmp_path, case):
    from datasets import Dataset
    from transformers import AutoModelForCausalLM
    from trl.experimental.cpo import CPOConfig, CPOTrainer

    theirs, kind, ours = ALONE[case]
    trainer = CPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(folders[0]), processing_class=words,
        args=CPOConfig(**common(tmp_path, max_length=None, beta=BETA, **theirs)),
        train_dataset=Dataset.from_list(PAIRS),
    )  # fmt: skip
    batch = next(iter(trainer.get_train_dataloader()))
    train = executor(kind, policy=loaded(folders[0]), **ours)
    assert_same(figures(train, [of_batch(batch)]), learned(trainer, batch), 1e-5)


def test_orpo_gives_the_loss_and_gradients_of_trl(folders, words, tmp_path):
    """TRL's next-token loss is of prompts as well; with none before the reply but its first token it is ours."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer

    trainer = ORPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(folders[0]), processing_class=words,
        args=ORPOConfig(**common(tmp_path, max_length=None, beta=BETA)), train_dataset=Dataset.from_list(PAIRS),
    )  # fmt: skip
    batch = next(iter(trainer.get_train_dataloader()))
    for side in ("chosen", "rejected"):  # all tokens but the first are the reply
        ids, mask = batch[f"{side}_input_ids"], batch[f"{side}_attention_mask"]
        ids[:, 0] = 5
        batch[f"{side}_labels"] = torch.where(mask > 0, ids, -100)
        batch[f"{side}_labels"][:, 0] = -100
    train = executor("orpo", policy=loaded(folders[0]), weight=BETA)
    assert_same(figures(train, [of_batch(batch)]), learned(trainer, batch), 1e-5)


@pytest.mark.parametrize("center", [None, 0.2])
def test_reward_models_give_the_loss_and_gradients_of_trl(folders, words, tmp_path, center):
    from datasets import Dataset
    from transformers import AutoModelForSequenceClassification

    rows = [{**row, "margin": 0.3 * number} for number, row in enumerate(PAIRS)]
    settings = common(tmp_path, max_length=None, center_rewards_coefficient=center)
    trainer = trl.RewardTrainer(
        model=AutoModelForSequenceClassification.from_pretrained(folders[2], num_labels=1), processing_class=words,
        args=trl.RewardConfig(**settings), train_dataset=Dataset.from_list(rows),
    )  # fmt: skip
    batch = next(iter(trainer.get_train_dataloader()))
    texts = [ids[mask > 0].tolist() for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)]
    samples = []
    for chosen, rejected, margin in zip(texts[:4], texts[4:], batch["margin"].tolist(), strict=True):
        shared = next(n for n, (a, b) in enumerate(zip(chosen, rejected, strict=False)) if a != b)
        samples.append(group(chosen[:shared], [chosen[shared:], rejected[shared:]], margin=[margin] * 2))
    train = executor("reward", policy=loaded(folders[2], Head("sequence", ("",))), center=center or 0.0)
    assert_same(figures(train, [samples]), learned(trainer, batch), 1e-5)


@pytest.mark.parametrize("loss", ["sigmoid", "ipo"])
def test_online_dpo_gives_the_loss_and_gradients_of_trl_for_the_same_answers(folders, words, tmp_path, loss):
    """TRL's IPO is of sums and ours of means: with answers of one length theirs is ours of another scale."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM
    from trl.experimental.online_dpo import OnlineDPOConfig, OnlineDPOTrainer

    rng = torch.Generator().manual_seed(0)
    ids, said = (torch.randint(5, len(words), shape, generator=rng) for shape in ((4, 5), (8, LENGTH)))
    rewards = [0.0, 3.0, 1.0, 1.5, 2.0, 0.5, -1.0, 4.0]
    policy, reference = (AutoModelForCausalLM.from_pretrained(folder) for folder in folders[:2])
    trainer = OnlineDPOTrainer(
        model=policy, ref_model=reference, reward_funcs=lambda completions, **_: rewards, processing_class=words,
        args=OnlineDPOConfig(**common(tmp_path, max_length=128, beta=BETA, loss_type=loss)),
        train_dataset=Dataset.from_list([{"prompt": row["prompt"]} for row in PAIRS]),
    )  # fmt: skip
    twice = ids.repeat(2, 1)
    trainer._generate = lambda *_: (twice, torch.ones_like(twice), said, torch.ones_like(said), None)
    value = trainer.training_step(trainer.model, {"prompt": [row["prompt"] for row in PAIRS]})
    expected = {"loss": value.item()}, {name: p.grad.clone() for name, p in trainer.model.named_parameters()}

    beta, scale = (BETA * LENGTH, LENGTH**2) if loss == "ipo" else (BETA, 1)
    train = executor("online-dpo", policy=loaded(folders[0]), beta=beta, loss=loss)
    other = loaded(folders[1])
    models = Models(train.models.policy, {"reference": Frozen(other.module, other.model)})
    samples = []
    for prompt, number in zip(ids.tolist(), range(4), strict=True):
        best, worst = sorted((number, number + 4), key=rewards.__getitem__, reverse=True)
        samples.append(group(prompt, [said[best].tolist(), said[worst].tolist()]))
    found, gradients = figures(replace(train, models=models), [samples])
    found = {"loss": found["loss"] * scale}, {name: gradient * scale for name, gradient in gradients.items()}
    assert_same(found, expected, 1e-5)

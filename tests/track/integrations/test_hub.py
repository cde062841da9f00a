"""transformers' Trainer, what is built on it, and accelerate: what is recorded is their own history."""

import numpy as np
import pytest

import whet.track as track
from tests.track.integrations.conftest import curve
from whet.track.reading.store import history
from whet.track.script.described import described

pytestmark = pytest.mark.usefixtures("torchvision")


def tiny():
    """A language model of two layers, and rows for it."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=64,
    )  # fmt: skip
    ids = np.random.default_rng(0).integers(0, 64, (16, 8)).tolist()
    return LlamaForCausalLM(config), [{"input_ids": row, "labels": row} for row in ids]


def arguments(kind, **more):
    settings = {"max_steps": 6, "logging_steps": 2, "eval_strategy": "steps", "eval_steps": 3, "report_to": "none"}
    return kind(output_dir="out", use_cpu=True, disable_tqdm=True, save_strategy="no", **{**settings, **more})


def check_history(logs, log_history) -> None:
    """Every number of the Trainer's history is in our curves, at its step."""
    expected: dict[str, dict[int, float]] = {}
    for row in log_history:
        for name, value in row.items():
            if name != "step" and isinstance(value, int | float):
                name = f"eval/{name[5:]}" if name.startswith("eval_") else name
                expected.setdefault(name, {})[row["step"]] = value
    assert expected and set(expected) <= set(logs.names())
    for name, points in expected.items():
        assert curve(logs, name) == points, name


@pytest.mark.integration("transformers Trainer", packages=("transformers",), through="WhetCallback")
def test_transformers_trainer(recorded):
    from transformers import Trainer, TrainingArguments

    from whet.track.integrations.transformers import WhetCallback

    model, rows = tiny()
    trainer = Trainer(
        model, arguments(TrainingArguments, run_name="tiny"), train_dataset=rows, eval_dataset=rows[:4],
        callbacks=[WhetCallback(project="hub")],
    )  # fmt: skip
    trainer.train()
    after = trainer.evaluate()
    logs = recorded("tiny")
    check_history(logs, trainer.state.log_history)
    assert curve(logs, "eval/loss")[6] == after["eval_loss"]
    config = described(logs).config
    assert config["model"]["hidden_size"] == 16 and config["max_steps"] == 6


@pytest.mark.integration("transformers Trainer, report_to", packages=("transformers",), through="register()")
def test_report_to_whet(recorded):
    from transformers import Trainer, TrainingArguments
    from transformers.integrations import integration_utils

    from whet.track.integrations.transformers import register

    register()
    try:
        model, rows = tiny()
        trainer = Trainer(model, arguments(TrainingArguments, report_to="whet", eval_strategy="no"), train_dataset=rows)
        trainer.train()
    finally:
        del integration_utils.INTEGRATION_TO_CALLBACK["whet"]
    check_history(recorded(), trainer.state.log_history)


def _trl(name: str, recorded, **more):
    import trl
    from datasets import Dataset
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    from whet.track.integrations.transformers import WhetCallback

    words = {word: number for number, word in enumerate(["<pad>", "<eos>", "<unk>", *"abcdefghij"])}
    told = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    told.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=told, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>")
    model, _ = tiny()
    rows, settings, extra = more.pop("rows"), more.pop("settings", {}), more
    config = arguments(getattr(trl, f"{name}Config"), eval_strategy="no", **settings)
    trainer = getattr(trl, f"{name}Trainer")(
        model=model, args=config, train_dataset=Dataset.from_list(rows), processing_class=tokenizer,
        callbacks=[WhetCallback(project="trl")], **extra,
    )  # fmt: skip
    trainer.train()
    check_history(recorded(), trainer.state.log_history)


@pytest.mark.integration("TRL SFTTrainer", packages=("trl", "datasets"), through="WhetCallback")
def test_trl_sft(recorded):
    _trl("SFT", recorded, rows=[{"text": "a b c d e"}, {"text": "f g h i j"}] * 8)


@pytest.mark.integration("TRL DPOTrainer", packages=("trl", "datasets"), through="WhetCallback")
def test_trl_dpo(recorded):
    rows = [{"prompt": "a b", "chosen": " c d", "rejected": " e"}] * 8
    _trl("DPO", recorded, rows=rows, ref_model=tiny()[0])


@pytest.mark.integration("TRL GRPOTrainer", packages=("trl", "datasets"), through="WhetCallback")
def test_trl_grpo(recorded):
    settings = {"max_completion_length": 4, "num_generations": 2, "per_device_train_batch_size": 2}

    def reward(completions, **more):
        return [float(len(one)) for one in completions]

    _trl("GRPO", recorded, rows=[{"prompt": "a b"}, {"prompt": "c d"}] * 6, settings=settings, reward_funcs=reward)


@pytest.mark.integration(
    "sentence-transformers", packages=("sentence-transformers", "datasets"), through="WhetCallback"
)
def test_sentence_transformers(recorded, tmp_path):
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.losses import MultipleNegativesRankingLoss
    from sentence_transformers.models import StaticEmbedding
    from tokenizers import Tokenizer, models, pre_tokenizers

    from whet.track.integrations.transformers import WhetCallback

    told = Tokenizer(models.WordLevel({word: n for n, word in enumerate(["<unk>", *"abcdefghij"])}, unk_token="<unk>"))
    told.pre_tokenizer = pre_tokenizers.Whitespace()
    model = SentenceTransformer(modules=[StaticEmbedding(told, embedding_dim=8)])
    rows = Dataset.from_list([{"anchor": "a b", "positive": "c d"}, {"anchor": "e f", "positive": "g h"}] * 8)
    trainer = SentenceTransformerTrainer(
        model=model, args=arguments(SentenceTransformerTrainingArguments, eval_strategy="no"), train_dataset=rows,
        loss=MultipleNegativesRankingLoss(model), callbacks=[WhetCallback(project="sentences")],
    )  # fmt: skip
    trainer.train()
    check_history(recorded(), trainer.state.log_history)


@pytest.mark.integration("accelerate", packages=("accelerate",), through="WhetTracker")
def test_accelerate(root):
    import torch
    from accelerate import Accelerator

    from whet.track.integrations.accelerate import WhetTracker

    accelerator = Accelerator(cpu=True, log_with=WhetTracker(project="hub", name="loop"))
    accelerator.init_trackers("ignored", config={"lr": 0.1})
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model, optimizer = accelerator.prepare(model, optimizer)
    said = {}
    for step in range(5):
        loss = model(torch.ones(4, 3)).pow(2).mean()
        accelerator.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        said[step] = loss.item()
        accelerator.log({"loss": loss.item()}, step=step)
    tracker = accelerator.get_tracker("whet", unwrap=True)
    assert tracker.id == "loop"
    accelerator.end_training()
    logs = history(root / "loop")
    assert curve(logs, "loss") == said and logs.status == "done"
    assert described(logs).config == {"lr": 0.1}


def _through(name: str, *, only: bool = False):
    said = f'track.patch("{name}", only=True)' if only else f'track.patch("{name}")'
    row = f"transformers report_to={name} (patched)"
    return pytest.param(
        name, only, marks=pytest.mark.integration(row, packages=("transformers", name), through=said), id=name
    )


# transformers 5.23 asks swanlab 0.10 for a run before there is one, which raises: it works where ours stands in.
TRACKERS = [*map(_through, ("wandb", "mlflow", "tensorboard", "trackio")), _through("swanlab", only=True)]


@pytest.mark.parametrize(("name", "only"), TRACKERS)
def test_report_to_a_tracker_that_is_patched(root, name, only, monkeypatch, tmp_path):
    from transformers import Trainer, TrainingArguments

    told = {"HOME": str(tmp_path), "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db", "TENSORBOARD_LOGGING_DIR": "logs"}
    for variable, value in told.items():
        monkeypatch.setenv(variable, value)
    with track.patch(name, only=only):
        model, rows = tiny()
        trainer = Trainer(model, arguments(TrainingArguments, report_to=name, eval_strategy="no"), train_dataset=rows)
        trainer.train()
    (folder,) = [one for one in root.iterdir() if one.name[0] != "."]
    logs = history(folder)
    loss = next(one for one in logs.names() if one in ("train/loss", "loss"))
    expected = {row["step"]: row["loss"] for row in trainer.state.log_history if "loss" in row}
    found = curve(logs, loss)
    assert list(found.values()) == list(expected.values())
    # Some name the step as a metric of its own, and count calls beside it.
    steps = (
        curve(logs, "train/global_step")
        if "train/global_step" in logs.names()
        else dict(zip(found, found, strict=True))
    )
    assert [steps[place] for place in found] == list(expected)

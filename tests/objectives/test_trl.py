"""TRL 1.16 as the oracle: the same pairs, model and settings give its losses and gradients. Needs `trl`.

Both models are in float64: `discopop` divides log-ratios by its temperature, which magnifies their rounding twentyfold.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.exact import exact
from tests.objectives.groups import SINGLE, assert_same, executor, figures
from tests.tiny import LLAMA, sentence, tokenizer
from whet.base.catalogue import model_source, tuner
from whet.contracts.model import Models
from whet.contracts.rows import Labelled, Preference
from whet.data.order.kto_baseline import Mismatched
from whet.data.render.recipe import Recipe
from whet.data.render.renderer import Renderer
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled
from whet.train.step.frozen import Frozen

trl = pytest.importorskip("trl")
pytestmark = pytest.mark.slow
BETA = 0.3


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A policy and a reference with other weights, as folders."""
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    places = []
    for seed in (1, 2):
        folder = tokenizer(tmp_path_factory.mktemp("model"))
        torch.manual_seed(seed)
        given = {**LLAMA, "vocab_size": len(AutoTokenizer.from_pretrained(folder)), "initializer_range": 0.2}
        LlamaForCausalLM(LlamaConfig(**given, pad_token_id=0)).save_pretrained(folder)
        places.append(str(folder))
    return places


def chat(*turns: str) -> list[dict[str, str]]:
    return [{"role": role, "content": text} for role, text in zip(turns[::2], turns[1::2], strict=True)]


def pairs() -> list[dict[str, Any]]:
    return [
        {
            "prompt": chat("user", sentence(i, 3 + i)),
            "chosen": chat("assistant", sentence(i + 1, 2 + i % 3)),
            "rejected": chat("assistant", sentence(i + 2, 1 + i)),
        }
        for i in range(4)
    ]


def of_trl(trainer: Any) -> tuple[dict[str, float], dict[str, torch.Tensor]]:
    """Loss and gradients of one batch of everything, as the trainer computes them."""
    inputs = next(iter(trainer.get_train_dataloader()))
    model = trainer.model.train()
    loss = trainer.compute_loss(model, inputs)
    loss.backward()
    return {"loss": loss.item()}, {name: p.grad.clone() for name, p in model.named_parameters()}


def build(kind: Any, setting: Any, folders: list[str], rows: list[dict[str, Any]], tmp_path, **given: Any) -> Any:
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer

    policy, reference = (exact(AutoModelForCausalLM.from_pretrained(folder)) for folder in folders)
    settings = setting(
        output_dir=str(tmp_path), per_device_train_batch_size=len(rows), use_cpu=True, bf16=False, max_length=None,
        gradient_checkpointing=False, report_to="none", beta=BETA, dataloader_pin_memory=False, **given,
    )  # fmt: skip
    data = Dataset.from_list(rows)
    own = AutoTokenizer.from_pretrained(folders[0])
    return kind(model=policy, ref_model=reference, args=settings, train_dataset=data, processing_class=own)


def ours(kind: str, folders: list[str], rows: list[Any], **settings: Any):
    """The same through whet: rendered by our renderer, packed with shared prompts."""
    from transformers import AutoTokenizer

    still = tuner.get("full").build()
    policy, reference = (
        exact(filled(model_source.get("hf").build(BuildContext(tuner=still), path=folder))) for folder in folders
    )
    takes = frozenset({rows[0].kind})
    samples, _ = Recipe(Renderer(AutoTokenizer.from_pretrained(folders[0])), takes)("rows", list(enumerate(rows)))
    if kind == "kto":
        samples = [Mismatched(_Rows(samples), None)[i] for i in range(len(samples))]
    train = executor(kind, policy=policy, beta=BETA, **settings)
    others = {"reference": Frozen(reference.module, reference.model)}
    object.__setattr__(train, "models", Models(policy.model, others))
    return figures(train, [samples])


class _Rows(list):
    lengths = trained = rows = None


CASES = {
    "sigmoid": ({}, {}),
    "cdpo": ({"label_smoothing": 0.1, "loss_type": ["robust"]}, {"label_smoothing": 0.1, "loss": "robust"}),
    "hinge": ({"loss_type": ["hinge"]}, {"loss": "hinge"}),
    "ipo": ({"loss_type": ["ipo"]}, {"loss": "ipo"}),
    "exo": ({"loss_type": ["exo_pair"], "label_smoothing": 0.1}, {"loss": "exo", "label_smoothing": 0.1}),
    "nca": ({"loss_type": ["nca_pair"]}, {"loss": "nca"}),
    "bco": ({"loss_type": ["bco_pair"]}, {"loss": "bco"}),
    "sppo": ({"loss_type": ["sppo_hard"]}, {"loss": "sppo"}),
    "apo zero": ({"loss_type": ["apo_zero"]}, {"loss": "apo_zero"}),
    "apo down": ({"loss_type": ["apo_down"]}, {"loss": "apo_down"}),
    "discopop": ({"loss_type": ["discopop"]}, {"loss": "discopop"}),
    "mean": ({"loss_type": ["sigmoid_norm"]}, {"loss": "sigmoid_mean"}),
    "several": ({"loss_type": ["sigmoid", "sft"], "loss_weights": [0.5, 2.0]}, {"loss": {"sigmoid": 0.5}, "sft": 2.0}),
    "length": ({"ld_alpha": 0.3}, {"length_weight": 0.3}),
    "forward kl": ({"f_divergence_type": "forward_kl"}, {"divergence": "forward_kl"}),
    "js": ({"f_divergence_type": "js_divergence"}, {"divergence": "js"}),
    "alpha": (
        {"f_divergence_type": "alpha_divergence", "f_alpha_divergence_coef": 0.5},
        {"divergence": "alpha", "alpha": 0.5},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_dpo_gives_the_loss_and_gradients_of_trl(folders, tmp_path, case):
    theirs, mine = CASES[case]
    expected = of_trl(build(trl.DPOTrainer, trl.DPOConfig, folders, pairs(), tmp_path, **theirs))
    rows = [Preference(p["prompt"], p["chosen"], p["rejected"]) for p in pairs()]
    assert_same(ours("dpo", folders, rows, **mine), expected, SINGLE)


def test_kto_gives_the_loss_and_gradients_of_trl(folders, tmp_path):
    """Two rows: then TRL's mismatched reply, the one before in the batch, is ours, the one half a set away."""
    marks = [(pairs()[0]["prompt"], pairs()[0]["chosen"], True), (pairs()[1]["prompt"], pairs()[1]["rejected"], False)]
    rows = [{"prompt": prompt, "completion": reply, "label": label} for prompt, reply, label in marks]
    given = {"desirable_weight": 1.3, "undesirable_weight": 0.7}
    expected = of_trl(build(trl.KTOTrainer, trl.KTOConfig, folders, rows, tmp_path, **given))
    ours_rows = [Labelled([*prompt, *reply], label) for prompt, reply, label in marks]
    assert_same(ours("kto", folders, ours_rows, desirable=1.3, undesirable=0.7), expected, SINGLE)

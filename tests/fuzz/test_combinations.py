"""Settings that go together, drawn at random: each run is broken off after step 4 and goes on to the bit, is split
otherwise to rounding, and leaves its model; what does not go together is refused with a hint.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.models.architectures import ARCHITECTURES, SIZES
from tests.probed import probed_once  # noqa: F401  (a fixture)
from tests.tiny import config, conversations, sentence, write_rows
from whet.base.config import from_mapping
from whet.base.errors import WhetError
from whet.train.api import resume, train
from whet.train.build import assemble

pytest.importorskip("peft")
SEED = 11
REWARD = "def vowels(completion):\n    return sum(c in 'aeiou' for c in completion)\n"
KINDS = ("llama", "qwen2", "qwen3", "gemma3_text", "gpt2", "mixtral", "olmo2", "phi3", "stablelm", "lfm2")
OBJECTIVES = ("sft", "sft", "pretrain", "dpo", "orpo", "simpo", "cpo", "kto", "reward", "grpo", "ppo")
OPTIMIZERS = (
    "adafactor", "adam-mini", "adamw", "ademamix", "apollo", "apollo-mini", "badam", "badam-ratio", "came", "fira",
    "galore", "lion", "lisa", "muon", "muonclip", "normuon", "q-galore", "schedule-free", "sgd", "soap", "sophia",
)  # fmt: skip
# GPT-2 has some by default.
DROPOUTS = ("attention_dropout", "attn_pdrop", "embd_pdrop", "resid_pdrop")
RANKED = {"apollo", "fira", "galore", "q-galore"}
TUNERS: tuple[Any, ...] = (
    "full", "full", {"kind": "freeze", "last": 1}, {"kind": "llama-pro", "blocks": 1}, {"kind": "lisa", "layers": 1},
    {"kind": "lora", "rank": 4}, {"kind": "lora", "rank": 4, "dora": True},
    {"kind": "lora", "rank": 4, "init": "pissa"}, {"kind": "lora", "plus": 4.0, "rslora": True},
    {"kind": "lora", "rank": 4, "targets": ["q_proj", "lm_head"]},
    {"kind": "lora", "rank": 4, "modules_to_save": ["lm_head"]}, {"kind": "adalora", "rank": 2, "start_rank": 4},
    "ia3", {"kind": "vera", "rank": 16}, "ln-tuning", {"kind": "oft", "block": 8}, {"kind": "loha", "rank": 2},
    {"kind": "prompt", "tokens": 3}, {"kind": "p-tuning", "tokens": 3}, {"kind": "prefix", "tokens": 3},
)  # fmt: skip


def drawn(source: random.Random) -> dict[str, Any]:
    """The choices of one run."""

    def rarely(value: Any, else_: Any) -> Any:
        return value if source.random() < 0.15 else else_

    return {
        "kind": source.choice(KINDS),
        "objective": source.choice(OBJECTIVES),
        "optimizer": source.choice(OPTIMIZERS),
        "tuner": source.choice(TUNERS),
        "quantize": rarely("nf4", None),
        "new_tokens": rarely(["<tool>"], None),
        "streaming": rarely(True, False),
        "train": {
            "precision": source.choice(("fp32", "fp32", "fp32", "bf16", "bf16-pure")),
            "recompute": rarely(source.choice(("full", "selective")), "none"),
            "offload": {"activations": rarely(True, False), "optimizer": rarely(0.5, 0.0)},
            "ema": rarely(0.9, 0.0),
            "neftune": rarely(5.0, 0.0),
            "in_backward": rarely(True, False),
            "clip": rarely(0.0, 1.0),
            "depth_rate": rarely(0.8, 1.0),
            "group": rarely(8, None),
        },
        "dropout": rarely(0.1, 0.0),
    }


class Bases:
    """Tiny models in folders, with rows for every objective."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        config(folder)  # tokenizer and conversations
        words = [sentence(i, 3 + i % 4) for i in range(24)]
        write_rows(folder / "texts.jsonl", [{"text": sentence(i, 12)} for i in range(24)])
        write_rows(folder / "prompts.jsonl", [{"prompt": text, "answer": "x"} for text in words])
        pairs = [{"prompt": t, "chosen": sentence(i, 4), "rejected": sentence(i + 3, 5)} for i, t in enumerate(words)]
        write_rows(folder / "pairs.jsonl", pairs)
        write_rows(folder / "labelled.jsonl", [
            {"prompt": t, "completion": sentence(i, 4), "label": bool(i % 2)} for i, t in enumerate(words)
        ])  # fmt: skip
        write_rows(folder / "rows.jsonl", conversations(24))
        (folder / "rewards.py").write_text(
            "def vowels(completion):\n    return sum(c in 'aeiou' for c in completion)\n"
        )

    def model(self, kind: str, dropout: float) -> str:
        from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

        path = self.folder / f"{kind}-{dropout}"
        if not path.exists():
            words = AutoTokenizer.from_pretrained(self.folder / "tokenizer")
            sizes = {**SIZES, **ARCHITECTURES.get(kind, {}), "vocab_size": 400, "max_position_embeddings": 256}
            sizes |= dict.fromkeys(DROPOUTS, dropout)
            with torch.random.fork_rng():
                torch.manual_seed(0)
                shape = AutoConfig.for_model(kind, **sizes)
                AutoModelForCausalLM.from_config(shape, dtype=torch.float32).save_pretrained(path)
            words.save_pretrained(path)
        return str(path)

    def run(self, name: str, chosen: dict[str, Any], **train_settings: Any) -> dict[str, Any]:
        """The config of six steps."""
        rows = {"pretrain": "texts", "grpo": "prompts", "ppo": "prompts", "kto": "labelled", "sft": "rows"}
        is_online = chosen["objective"] in ("grpo", "ppo")
        optimizer: dict[str, Any] = {"kind": chosen["optimizer"], "lr": 1e-3}
        if chosen["optimizer"] in RANKED:
            optimizer["rank"] = 4
        length = {"steps": 6, "batch_tokens": None if is_online else 128, "micro_batch": 128, "checkpoint_every": 2}
        data = {
            "train": [str(self.folder / f"{rows.get(chosen['objective'], 'pairs')}.jsonl")],
            "streaming": chosen["streaming"],
        }
        made = config(self.folder, name=name, objective=chosen["objective"], optimizer=optimizer, tuner=chosen["tuner"],
                      data=data, train={**length, **chosen["train"], **train_settings})  # fmt: skip
        made["model"] = {"path": self.model(chosen["kind"], chosen["dropout"])}
        made["model"] |= {key: chosen[key] for key in ("quantize", "new_tokens") if chosen[key]}
        if is_online:
            made["rewards"] = {"functions": [f"{self.folder / 'rewards.py'}:vowels"], "workers": 1}
            made["rollout"] = {"prompts": 4, "completions": 2, "max_new_tokens": 4, "updates": 1}
        return made


@pytest.fixture(scope="module")
def bases(tmp_path_factory) -> Bases:
    return Bases(tmp_path_factory.mktemp("bases"))


def figures(folder: Path) -> dict[int, tuple[float, float]]:
    records = map(json.loads, (folder / "records.jsonl").read_text().splitlines())
    return {r["step"]: (r["metrics"]["loss"], r["metrics"]["grad_norm"]) for r in records if r["kind"] == "step"}


def tried(bases: Bases, name: str, chosen: dict[str, Any]) -> str:
    """`ran`, or `refused`. Raises AssertionError, or whatever a run raises that is no refusal with a hint."""
    try:
        whole, ended = train(from_mapping(bases.run(f"{name}-whole", chosen)))
    except WhetError as error:
        assert error.hint, f"a refusal without a hint: {error}"
        return "refused"
    expected = figures(whole.path)
    assert ended.outcome == "done", ended.reason
    assert len(expected) == 6
    assert whole.model.is_dir(), "no model was written"
    built = assemble(from_mapping(bases.run(f"{name}-broken", chosen)))
    for _ in range(5):  # the checkpoint of step 4 is the last one
        built.loop.advance(built.loop.source.next(built.loop.progress.step))
    built.close()
    again, _ = resume(built.folder.path)
    assert figures(again.path) == expected, "a resumed run differs"
    # Other rows draw another dropout, in the model's own layers: there the law holds in expectation.
    if chosen["train"]["precision"] == "fp32" and not chosen["streaming"] and not chosen["dropout"]:
        split = assemble(from_mapping(bases.run(f"{name}-split", chosen, micro_batch=48)))
        split.loop.advance(split.loop.source.next(0))
        split.close()
        assert figures(split.folder.path)[1] == pytest.approx(expected[1], rel=1e-5, abs=1e-7), "split otherwise"
    return "ran"


@pytest.mark.case("H")
@pytest.mark.filterwarnings("ignore")
def test_settings_go_together_or_are_refused(bases, tries, record_property):
    outcomes, failures = [], []
    for number in range(tries(2, 140)):
        chosen = drawn(random.Random(f"{SEED}/{number}"))
        try:
            outcomes.append(tried(bases, str(number), chosen))
        except Exception as error:
            failures.append(f"{number}: {json.dumps(chosen)}\n    {type(error).__name__}: {str(error)[:600]}")
    record_property("printed", f"{outcomes.count('ran')} ran, {outcomes.count('refused')} were refused")
    assert not failures, "\n".join(failures)

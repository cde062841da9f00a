"""Encoders, encoder-decoders, and decoders that transformers has no plan for, on ranks beside one process (law 6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.exact import exact
from tests.optim.placements import EXACT as OPTIMIZERS
from tests.optim.problem import build
from tests.parallel.meshes import CAPACITY, MESHES, STEPS, VOCAB, ranks_of
from tests.parallel.test_shard import PROBED
from tests.tiny import tokenizer
from whet.base.catalogue import model_source, objective, tuner
from whet.base.parallel import Parallel
from whet.contracts.model import Head, Loaded, Models
from whet.contracts.sample import Sample
from whet.contracts.steps import Step
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled
from whet.models.probing.probes import Verdict
from whet.optim.groups import ParamGroups
from whet.parallel.fill import fill
from whet.parallel.pipeline.stages import stages_of
from whet.parallel.shard import shard
from whet.parallel.sizes import mesh_sizes
from whet.parallel.world import World
from whet.train.step.executor import DataParallel
from whet.train.step.micro_batches import Dealer
from whet.train.step.pipelined import PipelineParallel

_ENCODER = {
    "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "vocab_size": VOCAB, "pad_token_id": 0,
    "max_position_embeddings": 64, "initializer_range": 0.2,
}  # fmt: skip
_QUIET = {**_ENCODER, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
_BERT = {**_QUIET, "model_type": "bert", "type_vocab_size": 2}
_MODERN = {
    **_ENCODER, "model_type": "modernbert", "global_attn_every_n_layers": 2, "local_attention": 8, "cls_token_id": 1,
    "bos_token_id": 1, "eos_token_id": 2, "sep_token_id": 2,
}  # fmt: skip
_T5 = {
    "model_type": "t5", "d_model": 32, "d_ff": 64, "d_kv": 8, "num_heads": 4, "vocab_size": VOCAB, "dropout_rate": 0.0,
    "decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 1, "initializer_factor": 1.0,
}  # fmt: skip
_BART = {
    "model_type": "bart", "d_model": 32, "vocab_size": VOCAB, "max_position_embeddings": 64, "init_std": 0.2,
    "encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64,
    "dropout": 0.0, "attention_dropout": 0.0, "activation_dropout": 0.0, "decoder_start_token_id": 2,
}  # fmt: skip

# How far weights may be from those of one process, in limits: Adam divides a gradient that is nothing by its own size.
PLAIN = 1000


@dataclass(frozen=True)
class Family:
    """A model by its config, the objective that it learns by, its head, and what it is run by."""

    init: Mapping[str, Any]
    loss: str
    head: Head | None = None
    adapted: bool = False
    verdict: Verdict | None = PROBED


FAMILIES: Mapping[str, Family] = {
    "bert": Family(_BERT, "mlm"),
    "bert-classes": Family(_BERT, "sequence-classification", Head("sequence", ("a", "b", "c"), None)),
    "bert-tags": Family(_BERT, "token-classification", Head("token", ("a", "b", "c"), None)),
    "bert-embedding": Family(_BERT, "embedding", Head("none")),
    "bert-lora": Family(_BERT, "mlm", adapted=True),
    "roberta": Family({**_QUIET, "model_type": "roberta"}, "mlm"),
    "modernbert": Family(_MODERN, "mlm"),
    "modernbert-classes": Family(_MODERN, "sequence-classification", Head("sequence", ("a", "b", "c"), None)),
    "deberta": Family(
        {**_QUIET, "model_type": "deberta-v2", "relative_attention": True, "pos_att_type": ["c2p", "p2c"],
         "position_buckets": 8, "max_relative_positions": -1}, "mlm", verdict=None,
    ),
    "t5": Family({**_T5, "feed_forward_proj": "gated-gelu"}, "sft"),
    "t5-tied": Family({**_T5, "tie_word_embeddings": True}, "span-corruption"),
    "t5-lora": Family(_T5, "sft", adapted=True),
    "bart": Family(_BART, "sft"),
    # Decoders that transformers has no plan for.
    "opt": Family(
        {"model_type": "opt", "hidden_size": 32, "ffn_dim": 64, "num_attention_heads": 4, "vocab_size": VOCAB,
         "max_position_embeddings": 64, "dropout": 0.0, "init_std": 0.2, "word_embed_proj_dim": 32}, "pretrain",
    ),
    "bloom": Family(
        {"model_type": "bloom", "hidden_size": 32, "num_attention_heads": 4, "vocab_size": VOCAB,
         "initializer_range": 0.2}, "pretrain", verdict=None,
    ),
}  # fmt: skip

# Those whose layers go on stages: DeBERTa's embeddings of distances are of no layer.
ENCODERS = tuple(name for name in FAMILIES if name.startswith(("bert", "roberta", "modernbert")))


@dataclass(frozen=True)
class Case:
    """A model of a family and a mesh (None is one process)."""

    model: str
    mesh: str | None = None
    layers: int = 0

    @property
    def family(self) -> Family:
        return FAMILIES[self.model]

    @property
    def depth(self) -> int:
        return self.layers or (5 if self.mesh and "pipeline" in MESHES[self.mesh] else 2)

    @property
    def alone(self) -> Case:
        """The same on one process."""
        return replace(self, mesh=None, layers=self.depth)

    @property
    def settings(self) -> Parallel:
        return Parallel(**(MESHES[self.mesh] if self.mesh else {}))


def can_be(model: str, mesh: str) -> bool:
    """Whether a model runs on a mesh; the others are refused, or no mesh is there for them."""
    axes = MESHES[mesh]
    is_ring = axes.get("context_by", "ulysses") != "ulysses"
    if model in ("opt", "bloom"):
        return axes.keys() == {"tensor"}
    if is_ring and axes["context"] == 4 and model == "bart":
        return False  # some of its targets have 6 tokens, and rings of 4 ranks take 8
    if "context" in axes and (model == "deberta" or (is_ring and model.startswith("t5"))):
        return False
    if "pipeline" in axes and model not in ENCODERS:
        return False
    if "sequence" in axes and not model.startswith("modernbert"):
        return False
    return ranks_of(mesh) <= 4 and "expert" not in axes


def config_of(case: Case) -> dict[str, Any]:
    init, layers = dict(case.family.init), case.depth
    names = {"t5": ("num_layers",), "bart": ("encoder_layers", "decoder_layers")}
    return init | dict.fromkeys(names.get(init["model_type"], ("num_hidden_layers",)), layers)


@cache
def stored(folder: Path, layers: int = 2) -> None:
    """The stored bases that adapters need, with their tokenizer."""
    for name in (name for name, family in FAMILIES.items() if family.adapted):
        base = tokenizer(folder / f"{name}-{layers}")
        init = config_of(Case(name, layers=layers))
        made = filled(model_source.get("hf").build(BuildContext(seed=3, verdict=PROBED), init=init))
        made.module.save_pretrained(base)


def model(case: Case, world: World, folder: Path) -> Loaded:
    family = case.family
    how = tuner.get("lora" if family.adapted else "full")
    method = how.build(**how.settings.model_validate({"kind": how.name}).values())
    given: dict[str, Any] = {"init": config_of(case)}
    if family.adapted:
        given = {"path": str(folder / f"{case.model}-{case.depth}")}
    context = BuildContext(seed=3, tuner=method, head=family.head, verdict=family.verdict)
    loaded = model_source.get("hf").build(context, **given)
    loaded = exact(loaded if world.mesh is not None else filled(loaded))
    shard(loaded, world, case.settings, ("whet_run",))
    return fill(loaded, world)


def samples(case: Case, step: int) -> list[Sample]:
    """Those of a step; the last step is a short one."""
    draw, found = np.random.default_rng(step), []
    for number, length in enumerate((9, 5, 12, 6, 17, 5, 8) if step < STEPS - 1 else (9, 5, 7)):
        ids, other = (draw.integers(3, VOCAB, size).astype(np.int32) for size in (length, length // 2 + 4))
        chosen = (draw.random(length) < 0.4).astype(np.float32)
        chosen[-1] = 1
        last = np.zeros(length, np.float32)
        last[-1] = 1
        how: dict[str, Any] = {"is_in_place": True, "kind": "bidirectional"}
        loss = case.family.loss
        if loss == "mlm":
            found.append(Sample(ids, chosen, targets=draw.integers(3, VOCAB, length).astype(np.int32), **how))
        elif loss == "sequence-classification":
            found.append(Sample(ids, last, {"label": number % 3}, **how))
        elif loss == "token-classification":
            found.append(Sample(ids, chosen, values={"label": draw.integers(0, 3, length)}, **how))
        elif loss == "pretrain":
            found.append(Sample(ids, np.ones(length, np.float32)))
        elif loss == "embedding":
            fields = {"role": np.array([0, 1]), "text": np.array([2 * number, 2 * number + 1])}
            whole, cuts = np.concatenate([ids, other]), (0, length)
            found.append(Sample(whole, np.ones(len(whole), np.float32), fields, None, cuts, **how))
        else:
            target = Sample(other, np.ones(len(other), np.float32), is_in_place=True)
            found.append(Sample(ids, np.zeros(length, np.float32), streams={"target": target}, **how))
    return found


def learned(case: Case, folder: Path) -> tuple[list[tuple[float, float]], dict[str, torch.Tensor]]:
    """Loss and gradient norm of each step, and the weights after the last."""
    torch.manual_seed(0)
    sizes = mesh_sizes(case.settings, ranks_of(case.mesh)) if case.mesh else {}
    world = World.start("cpu", 60, sizes) if case.mesh else World(torch.device("cpu"))
    loaded, figures = model(case, world, folder), []
    groups = ParamGroups.of(loaded.module, loaded.roles, layers=loaded.layers)
    update = build("adamw", groups, lr=1e-2, **OPTIMIZERS["adamw"])
    kind = DataParallel if stages_of(loaded.module) is None else PipelineParallel
    train = kind(
        world, Models(loaded.model, {}), objective.get(case.family.loss).build(), update, loaded.module, 0, 0.5, None,
        sums_once=case.settings.zero == 1,
    )  # fmt: skip
    dealer = Dealer(world, CAPACITY, shares=False)
    for index in range(STEPS):
        found = samples(case, index)
        batches = dealer(Step(index, [one.num_tokens for one in found], found.__getitem__))
        weights, _ = train.weigh(batches, {})
        told = train.step(index, batches, weights, 1.0)
        figures.append((told["loss"], told["grad_norm"]))
    return figures, {name: tensor.clone() for name, tensor in train.weights()}

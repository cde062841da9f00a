"""What optimizers need of the loop is there: turns, averages, a second gradient, steps in the backward pass."""

from __future__ import annotations

import json
from itertools import product

import pytest
import torch
from safetensors.torch import load_file

from tests.sweeps import some
from tests.tiny import LLAMA, config
from whet.base.config import from_mapping
from whet.base.errors import ConfigError, RunError
from whet.optim.composite import Composite
from whet.optim.wrapped import Wrapped
from whet.train.api import resume, train
from whet.train.build import assemble
from whet.train.checkpoints.optimizer_state import CLOCK, NamedOptimizer

OPTIMIZERS = {
    "muon": {"lr": 1e-2}, "badam": {"lr": 1e-2, "every": 2, "outside": "always"}, "sophia": {"lr": 1e-3, "every": 2},
    "schedule-free": {"lr": 1e-2}, "q-galore": {"rank": 8, "gap": 4, "lr": 1e-2}, "adam-mini": {"lr": 1e-2},
}  # fmt: skip


def losses(folder) -> list[float]:
    lines = map(json.loads, (folder / "records.jsonl").read_text().splitlines())
    return [line["metrics"]["loss"] for line in lines if line["kind"] == "step"]


@pytest.mark.parametrize("kind", some(OPTIMIZERS, ("badam", "schedule-free")))
def test_a_kind_learns_and_resumes_by_the_bit(kind, tmp_path):
    """The run that stopped at step 5 ends with the weights of the one that did not."""
    chosen = {"optimizer": {"kind": kind, **OPTIMIZERS[kind]}, "schedule": "constant"}
    whole, _ = train(from_mapping(config(tmp_path, name="whole", **chosen)))
    built = assemble(from_mapping(config(tmp_path, name="parts", **chosen)))
    for _ in range(5):
        built.loop.advance(built.loop.source.next(built.loop.progress.step))
    built.loop.checkpoints.save(5)
    built.close()
    parts, _ = resume(built.folder.path)
    ours, others = (load_file(run.model / "model.safetensors") for run in (whole, parts))
    assert all(torch.equal(ours[name], others[name]) for name in ours)
    found = losses(whole.path)
    assert min(found[6:]) < found[0]


def test_the_clock_is_stored_beside_the_state(tmp_path):
    built = assemble(from_mapping(config(tmp_path, name="turns", optimizer={"kind": "badam", "every": 2})))
    built.loop.advance(built.loop.source.next(0))
    optimizer = built.loop.executor.optimizer
    assert (
        NamedOptimizer(optimizer, {id(p): n for n, p in built.loaded.module.named_parameters()}).state_dict()[CLOCK]
        == 1
    )
    frozen = [n for n, p in built.loaded.module.named_parameters() if not p.requires_grad]
    assert frozen and any("layers" in name for name in frozen)


def test_the_average_of_the_weights_is_what_is_written(tmp_path):
    built = assemble(from_mapping(config(tmp_path, name="average", train={"ema": 0.5, "steps": 3})))
    seen = []
    for step in range(3):
        built.loop.advance(built.loop.source.next(step))
        seen.append({n: p.detach().clone() for n, p in built.loaded.module.named_parameters()})
    written, _ = train(from_mapping(config(tmp_path, name="written", train={"ema": 0.5, "steps": 3})))
    stored = load_file(written.model / "model.safetensors")
    for name, value in stored.items():
        average = 0.5 * (0.5 * seen[0][name] + 0.5 * seen[1][name]) + 0.5 * seen[2][name]
        torch.testing.assert_close(value, average, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("micro_batch", "clip"), some(product([64, 128], [0, 0.1]), [(64, 0.1)]))
def test_steps_in_the_backward_pass_train_the_same(tmp_path, micro_batch, clip):
    def run(name, **settings):
        chosen = {"clip": clip, "micro_batch": micro_batch, **settings}
        sections = {"optimizer": {"kind": "sgd", "lr": 1e-1, "momentum": 0.9}, "train": chosen}
        folder, _ = train(from_mapping(config(tmp_path, name=name, **sections)))
        return losses(folder.path)

    assert run("inside", in_backward=True) == pytest.approx(run("after"), rel=1e-5)


class TakesSome(Wrapped):
    """Keeps the gradients of every other parameter for itself until the step, as one of several parts."""

    def after_backward(self):
        super().after_backward()
        mine = [p for group in self.param_groups for p in group["params"]][::2]
        self.kept = {p: p.grad for p in mine}
        for p in mine:
            p.grad = None
        return torch.stack([gradient.double().square().sum() for gradient in self.kept.values()]).sum()

    def clip(self, factor):
        for gradient in self.kept.values():
            gradient.mul_(factor)

    def step(self, closure=None):
        for p, gradient in self.kept.items():
            p.grad = gradient
        self.inner.step()


def test_gradients_that_only_a_part_takes_count_in_the_norm_and_are_clipped(tmp_path):
    def steps(name, around):
        sections = {"optimizer": {"kind": "sgd", "lr": 1e-1, "momentum": 0.9}, "train": {"clip": 0.1, "steps": 3}}
        built = assemble(from_mapping(config(tmp_path, name=name, **sections)))
        executor = built.loop.executor
        object.__setattr__(executor, "optimizer", around(executor.optimizer))
        built.loop.run()
        for one in built.sinks:
            one.close()
        records = map(json.loads, (built.folder.path / "records.jsonl").read_text().splitlines())
        found = [(r["metrics"]["loss"], r["metrics"]["grad_norm"]) for r in records if r["kind"] == "step"]
        return [number for pair in found for number in pair]

    expected = steps("plain", lambda inner: inner)
    assert min(expected[1::2]) > 0.1
    assert steps("some", TakesSome) == pytest.approx(expected, rel=1e-5)
    assert steps("parts", lambda inner: Composite([TakesSome(inner)])) == pytest.approx(expected, rel=1e-5)


def held(built) -> dict[str, torch.Tensor]:
    """Copies of all weights and of all that the optimizer keeps."""
    optimizer, named = built.loop.executor.optimizer, dict(built.loaded.module.named_parameters())
    state = NamedOptimizer(optimizer, {id(p): n for n, p in named.items()}).state_dict()
    return {name: torch.as_tensor(value).detach().clone() for name, value in {**named, **state}.items()}


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(value, second[name]) for name, value in first.items())


def two_steps_in(folder, name: str, **settings):
    """A run in its third step, of one micro-batch with room to halve it."""
    chosen = {"micro_batch": 128, "clip": 0, **settings.pop("train", {})}
    built = assemble(from_mapping(config(folder, name=name, train=chosen, **settings)))
    for step in range(2):
        built.loop.advance(built.loop.source.next(step))
    return built


def failing_in_its_middle(module: torch.nn.Module, failure) -> None:
    """The next backward pass comes from the last layer down to the first one's output, and meets `failure` there."""
    parameter = module.get_parameter("model.layers.0.mlp.down_proj.weight")

    def once(gradient):
        hook.remove()
        return failure(gradient)

    hook = parameter.register_hook(once)


def out_of_memory(gradient):
    raise torch.OutOfMemoryError("injected")


WAYS = pytest.mark.parametrize(
    ("kind", "in_backward"), [("adamw", False), ("adamw", True), ("lion", True), ("muon", True), ("badam", True)]
)


@WAYS
def test_a_backward_pass_out_of_memory_leaves_all_as_it_was_and_is_done_again(tmp_path, kind, in_backward):
    """The run that failed in its third step ends it with the bits of one that has such micro-batches already."""
    chosen = {"optimizer": {"kind": kind, "lr": 1e-2}, "train": {"in_backward": in_backward}}
    failed, smooth = two_steps_in(tmp_path, "failed", **chosen), two_steps_in(tmp_path, "smooth", **chosen)
    before, seen = held(failed), []
    failed.loop.emit = lambda record: seen.append((record, held(failed)))
    failing_in_its_middle(failed.loaded.module, out_of_memory)
    failed.loop.advance(failed.loop.source.next(2))
    notice, between = seen[0]
    assert "out of GPU memory" in notice.text and same(between, before)
    smooth.loop.dealer.capacity = failed.loop.dealer.capacity
    assert smooth.loop.dealer.capacity < 128
    loop = smooth.loop
    batches = loop.dealer(loop.source.next(2))
    loop.executor.step(2, batches, loop.executor.weigh(batches, {})[0], loop.schedule(2, loop.source.total))
    assert same(held(failed), held(smooth)) and not same(held(failed), before)


@WAYS
def test_a_gradient_that_is_no_number_moves_nothing(tmp_path, kind, in_backward):
    built = two_steps_in(
        tmp_path, "undefined", optimizer={"kind": kind, "lr": 1e-2}, train={"in_backward": in_backward}
    )
    before = held(built)
    failing_in_its_middle(built.loaded.module, lambda gradient: gradient.index_fill(0, torch.tensor([3]), torch.nan))
    ended = built.loop.advance(built.loop.source.next(2))
    assert ended.outcome == "failed" and "the update was not applied" in ended.reason
    assert same(held(built), before)


def test_an_update_out_of_memory_ends_the_run_since_weights_have_moved(tmp_path):
    built = two_steps_in(tmp_path, "update")
    built.loop.executor.optimizer.step = lambda: out_of_memory(None)
    with pytest.raises(RunError, match="while the weights were updated"):
        built.loop.advance(built.loop.source.next(2))


@pytest.mark.parametrize("rounding", ["stochastic", "kahan"])
def test_bfloat16_weights_learn(tmp_path, rounding):
    chosen = {"precision": "bf16-pure", "rounding": rounding}
    folder, _ = train(from_mapping(config(tmp_path, name=rounding, train=chosen, optimizer={"lr": 3e-3})))
    found = losses(folder.path)
    assert min(found[6:]) < found[0] - 0.1


REFUSED = [
    ({"train": {"in_backward": True, "ema": 0.9}}, "does not go with `train.ema`"),
    ({"train": {"ema": 0.9}, "optimizer": {"kind": "badam"}}, "`train.ema`: `optimizer: badam`"),
    ({"train": {"rounding": "kahan"}}, "no weights are bfloat16"),
    ({"optimizer": {"kind": "sophia"}, "objective": "dpo"}, "`objective: dpo` takes none"),
    ({"optimizer": {"kind": "muon", "rest": {"kind": "sophia"}}, "objective": "dpo"}, "`objective: dpo` takes none"),
    ({"optimizer": {"kind": "galore", "rank": 512}}, "`optimizer.rank` is 512"),
]  # fmt: skip


@pytest.mark.parametrize(("sections", "message"), REFUSED)
def test_what_does_not_go_together_is_refused_at_the_door(tmp_path, sections, message):
    with pytest.raises(ConfigError, match=message):
        assemble(from_mapping(config(tmp_path, name="refused", **sections)))


@pytest.mark.parametrize(("kind", "is_said"), [("cosine", True), ("constant", False)])
def test_averaged_weights_under_a_falling_rate_are_said(trained, kind, is_said):
    _, records = trained("fallen", optimizer="schedule-free", schedule=kind, train={"steps": 1})
    texts = [r["text"] for r in records if r["kind"] == "notice"]
    assert any("made for schedule=constant" in text for text in texts) == is_said


@pytest.mark.parametrize("key_heads", [2, 4], ids=["shared-keys", "own-keys"])
def test_attention_logits_are_brought_back_to_the_threshold(tmp_path, key_heads):
    """The whole factor on queries where two heads share a key, else half of it (as a root) on each side.

    A rate of nothing shows the clip alone.
    """
    chosen = {
        "kind": "muonclip", "threshold": 0.03, "lr": 1e-12, "weight_decay": 0.0, "rest": {"kind": "sgd", "lr": 1e-12},
    }  # fmt: skip
    model = {"init": {**LLAMA, "num_key_value_heads": key_heads}}
    sections = {"optimizer": chosen, "data": {"shuffle": False}, "model": model}
    built = assemble(from_mapping(config(tmp_path, name="clip", **sections)))
    layer = built.loaded.module.model.layers[0].self_attn
    queries, keys = (w.detach().clone() for w in (layer.q_proj.weight, layer.k_proj.weight))
    noted = []
    optimizer = built.loop.executor.optimizer
    original = optimizer.inner.step
    optimizer.inner.step = lambda: (noted.append(layer.whet_peaks.clone()), original())
    built.loop.advance(built.loop.source.next(0))
    gamma = (0.03 / noted[0]).clamp(max=1).view(4, 1, 1)
    assert 0 < gamma.min() < 0.9
    on_queries, on_keys = (gamma, torch.ones(2, 1, 1)) if key_heads == 2 else (gamma.sqrt(), gamma.sqrt())
    for weight, before, factor in ((layer.q_proj.weight, queries, on_queries), (layer.k_proj.weight, keys, on_keys)):
        expected = (before.view(len(factor), 8, 32) * factor).view(before.shape)
        torch.testing.assert_close(weight.detach(), expected, rtol=1e-4, atol=1e-7)


def test_muonclip_is_refused_where_queries_are_normalised(tmp_path):
    model = {"init": {**LLAMA, "model_type": "qwen3", "head_dim": 8}}
    with pytest.raises(ConfigError, match="normalises queries"):
        assemble(from_mapping(config(tmp_path, name="normed", optimizer="muonclip", model=model)))

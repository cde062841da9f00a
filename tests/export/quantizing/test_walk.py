import weakref

import pytest
import torch

from tests.export.quantizing.walking import module, samples, walked
from whet.export.quantizing.walk import observe_block


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("kind", ["llama", "qwen3", "gemma2", "opt", "gpt_neox"])
def test_a_walk_gives_each_block_what_the_whole_model_gives_it(kind, packed):
    model = module(kind)
    inputs, walk = walked(kind, packed=packed, model=model)
    assert len(inputs) == (1 if packed else len(samples()))
    expected = [[] for _ in range(len(walk.blocks) + 1)]
    for sample in samples():
        with torch.no_grad():
            states = model(
                input_ids=torch.from_numpy(sample.ids).long()[None], output_hidden_states=True, use_cache=False
            ).hidden_states
        for index in range(len(walk.blocks)):
            expected[index].append(states[index][0])
    for index, (prefix, block) in enumerate(walk.visit(inputs)):
        found = torch.cat([one.hidden.flatten(0, 1) for one in inputs])
        assert torch.allclose(found, torch.cat(expected[index]), atol=2e-5), prefix
        filled = [b for b in walk.blocks if not any(p.is_meta for p in b.parameters())]
        assert filled == [block]


@pytest.mark.parametrize("kind", ["llama", "gpt_neox"])
def test_what_layers_read_is_added_up_over_all_tokens(kind):
    model = module(kind)
    inputs, walk = walked(kind, model=model)
    seen: dict[str, list[torch.Tensor]] = {}
    block = model.get_submodule(f"{walk.prefix}.1")
    names = [name for name, part in block.named_modules() if isinstance(part, torch.nn.Linear)]
    for name in names:
        block.get_submodule(name).register_forward_pre_hook(
            lambda _, args, name=name: seen.setdefault(name, []).append(args[0].flatten(0, -2))
        )
    for sample in samples():
        with torch.no_grad():
            model(input_ids=torch.from_numpy(sample.ids).long()[None])
    for index, (_, own) in enumerate(walk.visit(inputs)):
        if index == 1:
            shared, _ = observe_block(own, inputs, index, names)
    assert sorted(name for one in shared for name in one.readers) == sorted(names)
    for one in shared:
        x = torch.cat(seen[one.readers[0]])
        assert torch.allclose(one.hessian, x.T @ x, rtol=1e-3, atol=1e-3 * float((x.T @ x).abs().max()))
        assert torch.allclose(one.magnitude, x.abs().sum(0), rtol=1e-3) and one.count == len(x)
    if kind == "llama":
        readers = {tuple(one.readers): one.source for one in shared}
        assert readers[("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")] == "input_layernorm"
        assert readers[("mlp.gate_proj", "mlp.up_proj")] == "post_attention_layernorm"


def test_no_activation_is_kept_to_know_it_by():
    inputs, walk = walked("llama")
    _, block = next(iter(walk.visit(inputs)))
    attended: list[weakref.ref] = []
    alive = []
    block.self_attn.o_proj.register_forward_pre_hook(lambda _, args: attended.append(weakref.ref(args[0])))
    block.mlp.register_forward_hook(lambda *_: alive.extend(one() is not None for one in attended))
    observe_block(block, inputs, 0, ["self_attn.q_proj", "self_attn.o_proj", "mlp.down_proj"])
    assert alive and not any(alive)


@pytest.mark.parametrize("kind", ["mixtral", "qwen3_moe"])
def test_an_expert_reads_the_tokens_that_are_routed_to_it(kind):
    inputs, walk = walked(kind)
    _, block = next(iter(walk.visit(inputs)))
    experts, calls = block.mlp.experts, []
    experts.register_forward_pre_hook(lambda _, args: calls.append(args[:2]))
    names = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]
    _, routed = observe_block(block, inputs, 0, ["self_attn.q_proj"], names)
    hidden, chosen = calls[-1]  # of one batch
    for number in range(experts.num_experts):
        x = hidden[(chosen == number).any(-1)]
        gate, up = (x @ experts.gate_up_proj[number].T).chunk(2, dim=-1)
        for name, read in zip(names, (x, experts.act_fn(gate) * up), strict=True):
            if not len(x):
                assert (name, number) not in routed
                continue
            assert routed[name, number].count == len(x)
            assert torch.allclose(routed[name, number].hessian, read.T @ read, rtol=1e-4, atol=1e-5)

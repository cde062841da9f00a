"""vLLM itself reads quantized folders as whet does, on a CPU. Needs `vllm`; run by `make test-vllm`."""

from __future__ import annotations

import pytest
import torch

from tests.export.quantizing.test_folder import method, samples
from tests.generate import tiny
from whet.export.quantizing.folder import write_quantized
from whet.export.quantizing.original import open_original
from whet.generate.models import load_model

vllm = pytest.importorskip("vllm")
pytestmark = pytest.mark.slow

SHAPE = {"hidden_size": 256, "intermediate_size": 512, "num_attention_heads": 8, "num_key_value_heads": 4}
IDS = [[5, 9, 33, 60, 100, 200, 41, 77, 150, 8], [12, 300, 250, 90, 14, 15, 16, 17]]
# vLLM's kernels for these weights compute in bf16 alone: so far the plain model lies from its own fp32 values there.
ROUNDING = 0.1


@pytest.mark.parametrize(
    "kind, settings", [("int4", {}), ("awq", {}), ("gptq", {}), ("gptq", {"layout": "gptq"})], ids=str
)
def test_log_probabilities_are_those_that_whet_computes_from_the_folder(kind, settings, tmp_path, monkeypatch):
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    base = tiny.folder(tmp_path / "base", initializer_range=0.1, **SHAPE)
    out = tmp_path / "out"
    write_quantized(out, open_original(str(base)), method(kind, **settings), samples=samples())
    read, plain = told_by_whet(out), told_by_whet(base)
    told = told_by_vllm(out)
    assert (told - read).abs().max() < ROUNDING < (told - plain).abs().max()


def told_by_vllm(folder) -> torch.Tensor:
    engine = vllm.LLM(model=str(folder), dtype="bfloat16", enforce_eager=True, max_model_len=64)
    how = vllm.SamplingParams(max_tokens=1, prompt_logprobs=1)
    try:
        answers = engine.generate([{"prompt_token_ids": ids} for ids in IDS], how, use_tqdm=False)
    finally:
        engine.llm_engine.engine_core.shutdown()
    return torch.tensor(
        [
            facts[token].logprob
            for ids, answer in zip(IDS, answers, strict=True)
            for token, facts in zip(ids[1:], answer.prompt_logprobs[1:], strict=True)
        ]
    )


@torch.no_grad()
def told_by_whet(folder) -> torch.Tensor:
    module = load_model(str(folder), device="cpu", dtype="fp32").model.module
    found = []
    for ids in IDS:
        logprobs = torch.log_softmax(module(input_ids=torch.tensor([ids])).logits[0].float(), -1)
        found.append(logprobs[:-1].gather(1, torch.tensor(ids[1:])[:, None])[:, 0])
    return torch.cat(found)

"""Operations a second of square matrix products of 1,024, as one line of JSON: fp32, and bf16 where the CPU has it.

python benchmarks/sft/rate.py
"""

from __future__ import annotations

import json
import time

import torch

SIZE, REPEATS = 1024, 30


def rate(dtype: torch.dtype) -> float:
    """The best of the repeats: what the machine can do, not what else it does."""
    a, b = (torch.randn(SIZE, SIZE).to(dtype) for _ in range(2))
    out, seconds = torch.empty(SIZE, SIZE, dtype=dtype), []
    for _ in range(REPEATS):
        began = time.perf_counter()
        torch.mm(a, b, out=out)
        seconds.append(time.perf_counter() - began)
    return 2 * SIZE**3 / min(seconds)


if __name__ == "__main__":
    rates = {"fp32": rate(torch.float32)}
    if torch.ops.mkldnn._is_mkldnn_bf16_supported():  # elsewhere it is emulated, at a thirtieth of fp32's speed
        rates["bf16"] = rate(torch.bfloat16)
    print(json.dumps(rates))

"""Writes `nf4_golden.json`: what bitsandbytes makes of a fixed matrix. `python tests/kernels/nf4_golden.py`.

Needs bitsandbytes (made with 0.50.2, on a CPU). The matrix is a formula, so that the file holds bytes alone.
"""

import json
from pathlib import Path

import torch

PATH = Path(__file__).with_suffix(".json")


def matrix() -> torch.Tensor:
    """(24, 64) values of many magnitudes, with a row of zeros."""
    index = torch.arange(24 * 64, dtype=torch.float64)
    values = torch.sin(index * 1.7) * torch.exp(torch.sin(index * 0.01) * 3) * 0.02
    values[64:128] = 0
    return values.view(24, 64).float()


def main() -> None:
    import bitsandbytes.functional as oracle

    packed, state = oracle.quantize_4bit(matrix(), blocksize=64, compress_statistics=True, quant_type="nf4")
    parts = {
        "packed": bytes(packed.flatten().tolist()).hex(),
        "absmax": bytes(state.absmax.tolist()).hex(),
        "outer_absmax": [value.hex() for value in state.state2.absmax.tolist()],
        "offset": state.offset.item().hex(),
        "first_row": [value.hex() for value in oracle.dequantize_4bit(packed, state)[0].tolist()],
    }
    PATH.write_text(json.dumps(parts, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""What this machine's processor has instructions for."""

from __future__ import annotations

import torch


def has_bf16() -> bool:
    """Whether the CPU has instructions for bf16 (AVX-512 BF16, AMX, Arm's) that this torch uses: not without oneDNN."""
    return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()

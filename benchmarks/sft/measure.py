"""What a worker measures of itself, and the one line of JSON it prints."""

from __future__ import annotations

import json
from pathlib import Path


def rss_bytes() -> int:
    """Resident memory of this process now."""
    return _status("VmRSS")


def peak_rss_bytes() -> int:
    """Highest resident memory of this process so far."""
    return _status("VmHWM")


def print_result(
    *, row_tokens: int, trained_tokens: int, steps: int, seconds: float, loss: float, baseline_bytes: int
) -> None:
    """Print the worker's result as its last line.

    `row_tokens` and `trained_tokens` are those of the rows seen in one step, without padding; `seconds` runs
    from the start of the first step to the end of the last; `loss` is the mean over the steps;
    `baseline_bytes` is the resident memory after the imports, before the model.
    """
    result = {
        "row_tokens": row_tokens,
        "trained_tokens": trained_tokens,
        "steps": steps,
        "seconds": seconds,
        "tokens_per_s": row_tokens * steps / seconds,
        "loss": loss,
        "peak_bytes": peak_rss_bytes() - baseline_bytes,
        "baseline_bytes": baseline_bytes,
    }
    print(json.dumps(result), flush=True)


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {name}; the benchmark needs Linux")

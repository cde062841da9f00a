"""One rank that measures collectives beside the others: `python -m whet.doctor.exchange BACKEND FILE BYTES...`."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

_TIMEOUT_S = 30
_WARM, _MOST, _ENOUGH_S = 2, 50, 0.1


def measure(sizes: Sequence[int], device: torch.device) -> dict[str, list[tuple[int, float]]]:
    """Median seconds of each by bytes (`measured.SHARES` says of what): the slowest rank's, on every rank."""
    found: dict[str, list[tuple[int, float]]] = {}
    for num_bytes in sizes:
        for name, call in exchanges(num_bytes, device).items():
            found.setdefault(name, []).append((num_bytes, _seconds(call, device)))
    return found


def exchanges(num_bytes: int, device: torch.device) -> Mapping[str, Callable[[], object]]:
    """Each collective over so many bytes, in float32, among all ranks; `send` goes round them."""
    ranks, rank = dist.get_world_size(), dist.get_rank()
    each = max(1, num_bytes // 4 // ranks)
    whole, other = torch.ones(each * ranks, device=device), torch.empty(each * ranks, device=device)
    part = torch.ones(each, device=device)

    def send() -> None:
        hops = [
            dist.P2POp(dist.isend, whole, (rank + 1) % ranks),
            dist.P2POp(dist.irecv, other, (rank - 1) % ranks),
        ]
        for work in dist.batch_isend_irecv(hops):
            work.wait()

    return {
        "all_reduce": lambda: dist.all_reduce(whole, op=dist.ReduceOp.MAX),
        "all_gather": lambda: dist.all_gather_into_tensor(other, part),
        "reduce_scatter": lambda: dist.reduce_scatter_tensor(part, whole, op=dist.ReduceOp.MAX),
        "all_to_all": lambda: dist.all_to_all_single(other, whole),
        "send": send,
    }


def _seconds(call: Callable[[], object], device: torch.device) -> float:
    """Of as many calls as take a tenth of a second, on all ranks alike: the first ones tell how many that are."""
    first = [_timed(call, device) for _ in range(_WARM)][-1]
    num = torch.tensor([min(_MOST, max(3, int(_ENOUGH_S / max(first, 1e-6))))], device=device)
    dist.broadcast(num, src=0)
    took = torch.tensor(statistics.median(_timed(call, device) for _ in range(int(num))), device=device)
    dist.all_reduce(took, op=dist.ReduceOp.MAX)
    return float(took)


def _timed(call: Callable[[], object], device: torch.device) -> float:
    began = time.perf_counter()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began


def main(backend: str, out: str, *sizes: str) -> None:
    """Join the ranks of the environment, measure, and have the first one write what was found."""
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if backend == "nccl" else torch.device("cpu")
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group(backend, timeout=timedelta(seconds=_TIMEOUT_S))
    found = measure([int(one) for one in sizes], device)
    if dist.get_rank() == 0:
        part = Path(out).with_suffix(".part")
        part.write_text(json.dumps(found))
        part.rename(out)
    dist.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])

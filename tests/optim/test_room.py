"""A step needs little room: measured as the process' own peak, on a hundred million weights."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.optim.zoo import SETTINGS

MATRICES, SIDE = 100, 1024
# Decompositions as quick as the kind has them; what they hold does not depend on it.
AT_THIS_SIZE = {
    "galore": {"rank": 64, "basis": "gram"}, "fira": {"rank": 64, "basis": "gram"}, "soap": {},
    "q-galore": {"rank": 64, "basis": "gram"}, "apollo": {"rank": 64}, "badam": {"every": 100, "outside": "always"},
    "lisa": {"every": 100, "layers": 2}, "muon": {"iterations": 1}, "muonclip": {"iterations": 1},
    "normuon": {"iterations": 1},
}  # fmt: skip
STEP = """
import json, sys, torch
from dataclasses import replace
from tests.optim.problem import build, members
from whet.optim.adapted import adapted

kind, settings, count, side = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
weights = [torch.full((side, side), 0.5, dtype=getattr(torch, sys.argv[5])) for _ in range(count)]
group = members(weights, [f"layers.{i}.m" for i in range(count)])
group = replace(group, one_by_one=True, members=[replace(m, layer=i) for i, m in enumerate(group.members)])
parameters = [m.parameter for m in group.members]
is_torchs = kind == "torch.optim.NAdam"
chosen = adapted(torch.optim.NAdam(parameters, foreach=True)) if is_torchs else build(kind, group, **settings)
draw = torch.Generator().manual_seed(0)
for _ in range(2):
    chosen.begin_step()
    for member in group.members:
        if member.parameter.requires_grad:
            member.parameter.grad = torch.randn(side, side, generator=draw).to(member.parameter.dtype)
    if _ == 0:
        chosen.step()
open("/proc/self/clear_refs", "w").write("5")
status = lambda name: next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith(name))
before = status("VmRSS")
chosen.step()
print((status("VmHWM") - before) * 1024)
"""


def peak_bytes(kind: str, dtype: str) -> int:
    """The most memory that a second step takes above what weights, gradients and state take."""
    settings = json.dumps(AT_THIS_SIZE.get(kind, {}))
    command = [sys.executable, "-c", STEP, kind, settings, str(MATRICES), str(SIDE), dtype]
    # What is freed goes back at once: memory kept for later would be in use before and after alike.
    returned = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **returned})
    return int(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", SETTINGS)
def test_a_step_on_a_hundred_million_weights_copies_a_sixth_of_them_at_most(kind, dtype, record_property):
    size = MATRICES * SIDE**2 * (4 if dtype == "float32" else 2)
    peak = peak_bytes(kind, dtype)
    record_property("printed", f"{peak / 2**20:.0f} MiB beside {size / 2**20:.0f} of weights")
    assert peak < size / 6


@pytest.mark.slow
def test_copies_of_all_weights_are_seen():
    """Torch's own step over lists of all tensors holds several copies of them."""
    assert peak_bytes("torch.optim.NAdam", "float32") > 0.9 * MATRICES * SIDE**2 * 4

"""A job as it is typed: the settings that make a run of it, and the command that trains it on its ranks."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from whet.base.mesh import Mesh
from whet.plan.job import Job


def settings(job: Job, given: Job | None = None) -> list[str]:
    """What the job has decided beyond its model, as it stands behind `whet train`, or in a config of the `given` job,
    whose own settings are taken back where the job has others."""
    found = [f"tuner={job.tuner}", f"train.precision={job.precision}", f"train.micro_batch={job.micro}"]
    found += ["train.device=mps"] if job.card.device == "mps" else []  # which no run takes by itself
    found += [f"model.quantize={job.quantize}"] if job.quantize else []
    found += ["train.recompute=true"] if job.recompute else []
    state = job.settings.get("state")
    found += [f"optimizer.state={state}"] if state not in (None, "fp32") else []
    found += [] if given is None else _other(job, given)
    return found + [f"parallel.{axis}={size}" for axis, size in job.mesh.sizes.items()]


def _other(job: Job, given: Job) -> list[str]:
    """What a config of the `given` job would keep, and the job has not."""
    found = ["model.quantize=null"] if given.quantize and not job.quantize else []
    found += ["train.recompute=none"] if given.recompute and not job.recompute else []
    state = job.settings.get("state")
    found += [f"optimizer.state={state}"] if state == "fp32" != given.settings.get("state", state) else []
    found += [f"train.batch_tokens={job.step_tokens}"] if job.step_tokens != given.step_tokens else []
    return found


def command(words: Sequence[str], mesh: Mesh) -> str:
    """`whet train` with these words, on as many ranks as the mesh has, as a shell reads it."""
    ranks = ["--ranks", str(mesh.ranks)] if mesh.ranks > 1 else []
    return shlex.join(["whet", "train", *words, *ranks])

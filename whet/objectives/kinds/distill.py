"""Distillation: learning from a teacher's distribution of the next token."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Gt, Lt

from whet.base.catalogue import objective
from whet.base.errors import ConfigError
from whet.base.settings import Count, Fraction, Natural, NonNegative, Positive, choice
from whet.contracts.objective import Objective


@objective(
    "distill",
    takes=("conversation", "completion", "text"),
    settings={"top": "objective.stored", "own": "objective.own", "tail": "objective.tail"},
)
def distill(
    *,
    teacher: choice("model_source", "hf") = None,  # type: ignore[valid-type]
    divergence: Literal["forward_kl", "reverse_kl", "jsd"] = "forward_kl",
    beta: Annotated[float, Gt(0), Lt(1)] = 0.5,
    temperature: Positive = 1.0,
    sft: NonNegative = 0.0,
    top: Natural = 0,
    tail: Literal["bucket", "renormalised"] = "bucket",
    own: Fraction = 0.0,
    own_tokens: Count = 256,
    own_temperature: Positive = 1.0,
    precision: Literal["auto", "fp32", "bf16"] = "auto",
) -> Objective:
    """Learn a teacher's distribution of each trained token, from the teacher itself or from what was stored of it.

    teacher: model folder, run, hub id, or the `teacher/` folder of an earlier run, in which it is stored
    divergence: KL from the teacher (covers all it says), KL to it (seeks what it says most), or between both (`jsd`)
    beta: of `jsd`: near 0 it is like forward KL, near 1 like reverse KL
    temperature: of both distributions; the loss is not multiplied by its square
    sft: weight of the next-token loss of the rows' own tokens
    top: likeliest tokens that are stored of the teacher in one pass before training; 0 asks it in every step, exactly
    tail: with stored tokens: the others are one outcome (`bucket`), or the teacher's never (`renormalised`)
    own: share of samples whose last reply the student gives itself, with its weights as they are (GKD's lambda)
    own_tokens: longest of those replies
    own_temperature: at which they are drawn
    precision: of the teacher's weights; `auto` is bf16 on GPUs and fp32 on CPUs
    """
    from whet.contracts.model import Divergence
    from whet.contracts.objective import Own, Taught
    from whet.objectives.distillation import Distillation

    if teacher is None or not any(teacher.values().values()):
        raise ConfigError(
            "`distill` needs a teacher to learn from",
            at="objective.teacher",
            hint="objective.teacher=Qwen/Qwen3-8B, or a run",
        )
    if beta != 0.5 and divergence != "jsd":
        raise ConfigError(
            f"`beta` does nothing with `{divergence}`", at="objective.beta", hint="objective.divergence=jsd"
        )
    if tail == "renormalised" and divergence == "reverse_kl":
        raise ConfigError(
            "reverse KL is infinite where the teacher gives nothing", at="objective.tail", hint="objective.tail=bucket"
        )
    for name, value, default in (("own_tokens", own_tokens, 256), ("own_temperature", own_temperature, 1.0)):
        if not own and value != default:
            raise ConfigError(f"`{name}` does nothing without `own`", at=f"objective.{name}", hint="objective.own=0.5")
    asked = Own(own, own_tokens, own_temperature) if own else None
    taught = Taught(teacher, precision, top, temperature)
    return Distillation(Divergence(divergence, beta, temperature, sft), tail, asked, taught)

"""Parallel: how the ranks of a run share its work. A section of a run's config, which `whet.base.mesh` resolves."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Le
from pydantic import Field, model_validator

from whet.base.schema import Settings
from whet.base.settings import Auto, Positive, Size


class Parallel(Settings):
    """How ranks share the work: a mesh of them, whose sizes multiply to the number of processes. A bare `auto` leaves
    the sizes to the plan."""

    mesh: Literal["given", "auto"] = Field(
        "given",
        description="`auto`, as `parallel: auto`: of meshes that hold a step the plan takes the one that talks least, "
        "before the first step; sizes above 1 that are given stay",
    )
    replicate: Size = Field(1, description="copies of the model, each with samples of its own")
    shard: Size | Auto = Field(
        "auto",
        description="ranks with samples of their own that hold a part of each weight (FSDP2); by default all that the "
        "other axes leave",
    )
    context: Size = Field(1, description="ranks that share the tokens of a row")
    context_by: Literal["ulysses", "ring", "both"] = Field(
        "ulysses",
        description="how attention sees all tokens: `ulysses` exchanges tokens for heads, of which every rank needs "
        "one; in a `ring` keys go from rank to rank; `both`: neighbours exchange heads, and rings go over them",
    )
    context_heads: Size | Auto = Field(
        "auto", description="ranks that exchange heads where `context_by` is `both`; as many as divide by default"
    )
    tensor: Size = Field(1, description="ranks that share the matrices of each layer, by the model's own plan")
    sequence: bool = Field(
        False, description="ranks of `tensor` have some of the tokens each between a layer's matrices: less memory"
    )
    pipeline: Size = Field(1, description="ranks that hold different layers")
    schedule: Literal["gpipe", "1f1b", "interleaved", "zero-bubble", "zbv", "dualpipev"] = Field(
        "1f1b",
        description="in which order ranks of `pipeline` run their micro-batches: the later ones wait less, and hold "
        "more activations or send more",
    )
    stages: Size | Auto = Field(
        "auto", description="runs of layers that each rank of `pipeline` has: by the schedule, 1 or 2"
    )
    expert: Size = Field(
        1,
        description="ranks with samples of their own that hold different experts, and send each other's tokens to them",
    )
    zero: Literal[1, 2, 3] = Field(
        3,
        description="what is sharded (ZeRO): 1 the optimizer's state, with gradients summed once a step; 2 gradients "
        "too; 3 weights too",
    )
    timeout_s: Annotated[int, Ge(1), Le(10**7)] = Field(600, description="seconds that a rank waits for the others")
    hang_s: Positive = Field(
        30.0, description="seconds without a sign of a rank, or with all standing still, after which the run is ended"
    )

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, value: Any) -> Any:
        return {"mesh": "auto"} if value == "auto" else value

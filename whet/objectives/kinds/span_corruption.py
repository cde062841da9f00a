"""Span corruption, the pre-training of encoder-decoders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Lt

from whet.base.catalogue import objective
from whet.contracts.objective import Objective

RATE, SPAN = 0.15, 3.0


@objective("span-corruption", takes=("text",), families=("seq2seq",), form="spans")
def span_corruption(
    *,
    denoisers: Literal["t5", "ul2"] = "t5",
    rate: Annotated[float, Gt(0), Lt(1)] = RATE,
    span: Annotated[float, Ge(1)] = SPAN,
    modes: Sequence[str] = (),
) -> Objective:
    """Write the spans of raw text that sentinels hide (T5). What is hidden changes from pass to pass.

    denoisers: one kind of spans (`t5`), or a mixture of seven: short, long, many, and the end of the text (`ul2`)
    rate: share of a passage's tokens that are hidden (`t5`)
    span: tokens of a hidden span, on average (`t5`)
    modes: three tokens put before sources to tell regular, sequential and extreme denoisers apart (`ul2`)
    """
    from whet.base.errors import ConfigError
    from whet.objectives.next_token import NextToken

    if denoisers == "ul2" and (rate, span) != (RATE, SPAN):
        raise ConfigError(
            "`denoisers: ul2` has rates and spans of its own", at="objective", hint="objective.denoisers=t5"
        )
    if modes and (denoisers != "ul2" or len(modes) != 3):
        raise ConfigError(
            "`modes` are three tokens, for the kinds R, S and X of `denoisers: ul2`",
            at="objective.modes",
            hint='objective.denoisers=ul2 objective.modes="[<r>, <s>, <x>]"',
        )
    return NextToken()

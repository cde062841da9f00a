"""Pre-training and continued pre-training."""

from __future__ import annotations

from whet.base.catalogue import objective
from whet.base.errors import ConfigError
from whet.base.settings import Fraction, Natural, Positive
from whet.contracts.objective import Objective
from whet.contracts.reading import Infill


@objective(
    "pretrain",
    takes=("text", "sample"),
    drawn_labels=True,
    settings={"fim": "objective.fim", "mtp": "objective.mtp"},
    traced=True,
)
def pretrain(
    *,
    fim: Fraction = 0.0,
    spm: Fraction = 0.5,
    fim_tokens: tuple[str, ...] = (),
    mtp: Natural = 0,
    mtp_weight: Positive = 0.3,
) -> Objective:
    """Next-token loss on every token of raw text; perhaps of text to be filled in, and of further tokens.

    fim: share of the documents (or pieces) that are rearranged to be filled in: prefix, suffix, middle
    spm: share of those with the suffix first
    fim_tokens: the tokenizer's tokens before prefix, suffix and middle; by default those of a known kind
    mtp: further tokens that are predicted at each place, each by a module of its own that no written model has
    mtp_weight: weight of their losses together
    """
    for name, value, default in (("spm", spm, 0.5), ("fim_tokens", fim_tokens, ())):
        if not fim and value != default:
            raise ConfigError(f"`{name}` does nothing without `fim`", at=f"objective.{name}", hint="objective.fim=0.5")
    if fim_tokens and len(set(fim_tokens)) != 3:
        raise ConfigError(
            f"`fim_tokens` are those before prefix, suffix and middle, and {list(fim_tokens)} are not three",
            at="objective.fim_tokens", hint="'objective.fim_tokens=[<fim_prefix>,<fim_suffix>,<fim_middle>]'",
        )  # fmt: skip
    infill = Infill(fim, spm, fim_tokens) if fim else None
    if not mtp:
        if mtp_weight != 0.3:
            raise ConfigError(
                "`mtp_weight` does nothing without `mtp`", at="objective.mtp_weight", hint="objective.mtp=1"
            )
        from whet.objectives.next_token import NextToken

        return NextToken(infill)
    from whet.objectives.next_tokens import NextTokens

    return NextTokens(mtp, mtp_weight, infill)

"""How ranks that share a module compute it."""

from __future__ import annotations

from enum import StrEnum

AT = "parallel.tensor"
HINT = "parallel.tensor=1"


class Style(StrEnum):
    """How a module is computed by ranks that hold parts of it: transformers' words, and ours for embedding and head."""

    COLUMNS = "colwise"  # each rank gives some of the outputs
    ROWS = "rowwise"  # each rank takes some of the inputs, and outputs are added
    GATHERED = "colwise_gather_output"  # as `colwise`, with the outputs side by side on every rank
    PARTED = "rowwise_split_input"  # as `rowwise`, from inputs that every rank has whole
    SUMMED = "replicated_with_grad_allreduce"  # whole on every rank, which has some of its inputs
    TOKENS = "tokens"  # each rank has the embeddings of some tokens
    NOISE = "noise"  # each rank drops out some of its own inputs
    HEADS = "heads"  # each rank has the biases that an embedding gives to its heads

    @property
    def dim(self) -> int | None:
        """The dimension in which the weight is cut; a bias is cut with its rows."""
        return {Style.ROWS: 1, Style.PARTED: 1, Style.HEADS: 1, Style.SUMMED: None}.get(self, 0)

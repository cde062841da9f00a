"""Tiny configs whose sizes tell where a number of bytes comes from: each two of them have no product in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import combinations_with_replacement
from typing import Any

from whet.base.errors import ModelError
from whet.plan.formulas import value

# Each size in two configs. What is to divide another (heads and those of keys, widths and 2) does.
TELLING: Mapping[str, tuple[int, int]] = {
    "hidden_size": (168, 440), "intermediate_size": (136, 152), "moe_intermediate_size": (88, 104),
    "shared_expert_intermediate_size": (94, 106), "num_attention_heads": (6, 10), "num_key_value_heads": (3, 2),
    "head_dim": (20, 28), "vocab_size": (347, 419), "num_experts": (8, 12), "num_experts_per_tok": (2, 3),
    "n_shared_experts": (5, 7), "q_lora_rank": (36, 58), "kv_lora_rank": (34, 46), "qk_nope_head_dim": (26, 38),
    "qk_rope_head_dim": (22, 14), "v_head_dim": (58, 82),
}  # fmt: skip
RUN: Mapping[str, tuple[int, int]] = {"tokens": (131, 173), "trained": (93, 123), "rank": (11, 13), "chunk": (31, 41)}
ONE = {"n_group": 1, "topk_group": 1}
_HEADS = "num_attention_heads"
_WIDTHS = (
    *(name for name in TELLING if name != "head_dim"), "head_dim", "rank",
    f"{_HEADS}*head_dim", "num_key_value_heads*head_dim", f"head_dim*({_HEADS}+2*num_key_value_heads)",
    f"{_HEADS}*(qk_nope_head_dim+qk_rope_head_dim)", f"{_HEADS}*(qk_nope_head_dim+v_head_dim)",
    f"{_HEADS}*v_head_dim", f"{_HEADS}*qk_nope_head_dim", f"{_HEADS}*qk_rope_head_dim",
    "(qk_nope_head_dim+qk_rope_head_dim)", "(kv_lora_rank+qk_rope_head_dim)", "moe_intermediate_size*n_shared_experts",
    "num_experts*moe_intermediate_size", "num_experts*intermediate_size",
    "num_experts_per_tok*hidden_size", "num_experts_per_tok*moe_intermediate_size",
    "num_experts_per_tok*intermediate_size",
)  # fmt: skip
_TIMES = (1, 2, 3, 4, 0.5, 6, 8)
SMALL = 2048  # bytes; what is smaller need not be understood


def sizes(values: Mapping[str, Any], which: int) -> dict[str, float]:
    """The sizes of the telling config number 0 or 1, and those of the run that it is traced in."""
    own = {name: float(values[name]) for name in TELLING if isinstance(values.get(name), int)}
    return own | {name: float(pair[which]) for name, pair in RUN.items()}


class Words:
    """What to call a number that is `a` under the first config and `b` under the second."""

    def __init__(self, a: Mapping[str, float], b: Mapping[str, float]) -> None:
        self._known: dict[tuple[float, float], tuple[float, str]] = {}
        self._sizes = (a, b)
        pairs: dict[str, tuple[float, float]] = {}
        for expression in _expressions():
            with suppress(KeyError):  # a size that this model lacks
                pairs[expression] = value(expression, a), value(expression, b)
        for times in _TIMES:  # what is one of them as it is is no half of another
            for expression, pair in pairs.items():
                self._known.setdefault((pair[0] * times, pair[1] * times), (times, expression))

    def of(self, a: float, b: float) -> tuple[float, str] | None:
        """A factor and an expression; None for numbers that are no product of sizes."""
        return self._known.get((a, b)) or ((a, "") if a == b else None)

    def bytes_of(self, a: tuple[int, int], b: tuple[int, int]) -> tuple[str, float]:
        """Expression and bytes of a piece: its bytes and those of a number in it, under both configs.

        Raises ModelError for a large piece that is no product of sizes.
        """
        found = self.of(a[0] / a[1], b[0] / b[1])
        if found is not None:
            return found[1], found[0] * a[1]
        if max(a[0], b[0]) <= SMALL:
            return "", float(max(a[0], b[0]))
        raise ModelError(
            f"a tensor of {a[0] // a[1]} and {b[0] // b[1]} numbers is no product of the model's sizes",
            hint="add the expression to whet/plan/tracing/telling.py",
        )


def _expressions() -> Iterator[str]:
    """The simplest first: of two that have the same value the first is meant."""
    rows = ("tokens", "trained", "chunk")
    yield from (*_WIDTHS, *rows)
    for left, right in combinations_with_replacement(_WIDTHS, 2):
        yield f"{left}*{right}"
    for row in rows:
        yield from (f"{row}*{width}" for width in _WIDTHS)
    yield from (f"tokens*tokens{width}" for width in ("", f"*{_HEADS}"))
    yield from (f"tokens*{left}*{right}" for left, right in combinations_with_replacement(_WIDTHS, 2))
    for left, right in combinations_with_replacement(_WIDTHS[:16], 2):
        yield f"num_experts*{left}*{right}"

"""A plan of tensor parallelism for models that transformers has none for, from the dataflow of their layers.

Matrices that attention, or operations on single numbers, lie between are cut as in any plan: the first by outputs, at
heads, and the last by inputs. Where channels meet in another way, as in one matrix for queries, keys and values, or
code counts on all heads, outputs are put side by side again, as transformers' own plans do for such matrices (phi3).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from whet.base.errors import ModelError, one_line
from whet.contracts.model import Loaded
from whet.models.forward.backbone import unwrapped
from whet.models.forward.language import LanguageModel
from whet.parallel.dataflow import Pair, check_parts, matrices_of, pairs_of
from whet.parallel.styles import AT, HINT, Style


def derived(model: Loaded, size: int) -> dict[str, str]:
    """The plan of a model on meta for so many ranks, in transformers' words, by the names of its modules.

    Raises ModelError where heads do not divide, or where the model cannot be run without values.
    """
    if not isinstance(model.model, LanguageModel):
        return {}
    module, how = model.module, (model.model.facts.way, model.capabilities.family == "seq2seq")
    try:
        pairs = pairs_of(module, *how)
    except Exception as error:  # whatever a class's own code raises without values
        raise ModelError(
            f"{type(unwrapped(module)).__name__} has no plan in transformers that cuts its layers over ranks, and whet "
            f"finds none: {one_line(error)}", at=AT, hint=f"{HINT}, and parallel.shard",
        ) from error  # fmt: skip
    matrices = matrices_of(unwrapped(module))
    apart = {row for row, pair in pairs.items() if _is_apart(row, pair, matrices)}
    for row in sorted(apart):
        _check_heads(row, pairs[row], size)
    for kept in (apart, {row for row in apart if pairs[row].heads is None}):
        try:
            check_parts(module, *how, dict(_parts(pairs, kept, size)))
        except Exception:  # its code counts on all heads
            continue
        return dict(_words(pairs, kept))
    return dict(_words(pairs, set()))


def _is_apart(row: str, pair: Pair, matrices: Mapping[str, Any]) -> bool:
    """Whether a part of the outputs of the first matrices is all that makes a part of the last one's inputs."""
    taken, given = matrices[row].in_features, {matrices[name].out_features for name in pair.columns}
    if pair.is_mixed:
        return False
    if pair.heads is None:
        return given == {taken}
    queries, keys, width = pair.heads
    return taken == queries * width and given <= {queries * width, keys * width}


def _check_heads(row: str, pair: Pair, size: int) -> None:
    for count in () if pair.heads is None else pair.heads[:2]:
        if count % size:
            fitting = next(smaller for smaller in range(size, 0, -1) if count % smaller == 0)
            raise ModelError(
                f"the attention before `{row}` has {count} heads, and {count} / {size} leaves a rest of {count % size}",
                at=AT, hint=f"{AT}={fitting}",
            )  # fmt: skip


def _parts(pairs: Mapping[str, Pair], apart: set[str], size: int) -> Iterator[tuple[str, float]]:
    for row in apart:
        yield from ((name, 1 / size) for name in (*pairs[row].columns, *pairs[row].biases))
        yield row, -1 / size


def _words(pairs: Mapping[str, Pair], apart: set[str]) -> Iterator[tuple[str, str]]:
    for row, pair in pairs.items():
        columns, rows = (Style.COLUMNS, Style.ROWS) if row in apart else (Style.GATHERED, Style.PARTED)
        yield row, rows
        yield from ((name, columns) for name in pair.columns)
        yield from ((name, Style.HEADS) for name in pair.biases if row in apart)

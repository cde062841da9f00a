"""What ops take inside: copies of operands in another dtype, buffers of sums, and code that stays. Counted by hand."""

from __future__ import annotations

import pytest
import torch

from whet.plan.tracing.live import Timeline, watched
from whet.plan.tracing.workspaces import KERNEL_BYTES, Processor

OLD, NEW = Processor(has_bf16=False), Processor(has_bf16=True)
WIDE, NARROW = torch.zeros(64, 32), torch.zeros(64, 32, dtype=torch.bfloat16)
ROW, MASK = torch.zeros(32), torch.zeros(64, 32, dtype=torch.bool)


def extra(processor: Processor | None, op) -> tuple[int, int]:
    """Bytes that the op takes beside what it makes: those that it gives back, and those that stay."""
    timeline = Timeline()
    with watched(timeline, processor) as watch:
        made = op()
        own = None if made is None else made.untyped_storage()._cdata
        outputs = {watch.numbers[own]} if own in watch.numbers else set()
    sizes = {number: num_bytes for number, (num_bytes, _) in enumerate(timeline.pieces) if number not in outputs}
    stays = sum(sizes.get(number, 0) for number in watch.kernels)
    return sum(sizes.values()) - stays, stays


@pytest.mark.parametrize(
    ("op", "num_bytes"),
    [
        (lambda: WIDE.add_(NARROW), 4 * 2048),
        (lambda: NARROW.add_(WIDE), 2 * 4 * 2048),  # the operand, and what is written over it
        (lambda: NARROW * ROW, 4 * 2048),
        (lambda: WIDE * ROW.bfloat16(), 4 * 32 + 2 * 32),  # and the row itself, which goes as well
        (lambda: WIDE.add_(WIDE), 0),
        (lambda: NARROW * 2.0, 0),
        (lambda: NARROW.copy_(WIDE), 0),
        (lambda: WIDE.masked_fill_(MASK, 0.0), 0),
    ],
    ids=["wide += narrow", "narrow += wide", "narrow * row", "wide * narrow row", "alike", "a number", "copy", "mask"],
)
def test_an_operand_of_another_dtype_is_copied_into_the_common_one(op, num_bytes):
    assert extra(OLD, op) == extra(NEW, op) == (num_bytes, 0)


def test_code_for_a_product_in_bf16_is_made_once_for_each_shape():
    def twice() -> None:
        for _ in range(2):
            NARROW @ NARROW.T
            NARROW[:32] @ NARROW.T

    def stays(processor: Processor | None, op) -> int:
        return extra(processor, op)[1]

    assert stays(NEW, twice) == 2 * KERNEL_BYTES
    assert stays(OLD, twice) == stays(None, twice) == stays(NEW, lambda: WIDE @ WIDE.T) == 0


def test_without_instructions_for_bf16_a_transposed_product_adds_up_in_float32():
    assert extra(OLD, lambda: NARROW.T @ NARROW) == (4 * 32 * 32, 0)
    assert extra(NEW, lambda: NARROW.T @ NARROW)[0] == extra(OLD, lambda: NARROW @ NARROW.T)[0] == 0
    assert extra(None, lambda: NARROW.T @ NARROW) == extra(None, lambda: WIDE.add_(NARROW)) == (0, 0)

"""One try of a fuzzer: what may come of odd input is a value, or a refusal with a hint, within its time."""

from __future__ import annotations

import random
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from whet.base.errors import WhetError

LIMIT_S = 20.0


class Hang(BaseException):
    """A try that took too long. No `except Exception` of the code that is tried catches it."""


@contextmanager
def limited(seconds: float = LIMIT_S) -> Iterator[None]:
    """Raise Hang in the block after so many seconds of processor, or six times as many of a busy machine's clock."""

    def ring(number: int, frame: Any) -> None:
        raise Hang(f"no end after {seconds:g} s")

    clocks = {signal.ITIMER_PROF: (signal.SIGPROF, seconds), signal.ITIMER_REAL: (signal.SIGALRM, 6 * seconds)}
    before = {number: signal.signal(number, ring) for number, _ in clocks.values()}
    for clock, (_, after) in clocks.items():
        signal.setitimer(clock, after)
    try:
        yield
    finally:
        for clock in clocks:
            signal.setitimer(clock, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def fault_of(call: Callable[[], Any], seconds: float = LIMIT_S) -> str | None:
    """What is wrong with how the call ends; None for a value and for a refusal with a hint."""
    try:
        with limited(seconds):
            call()
    except WhetError as error:
        return None if error.hint and error.message else f"no hint: {error}"
    except (Exception, Hang) as error:
        return "".join(traceback.format_exception(error)[-4:])
    return None


def odd_values(draw: random.Random) -> Any:
    """A value that nobody meant."""
    number = draw.choice([0, -1, 1, 2**31, 2**31 - 1, 2**63, 2**63 - 1, -(2**63), 10**9, 10**12, 10**30, 3, 7, 64])
    real = draw.choice([0.0, -0.5, 1e-300, 1e300, float("inf"), float("nan"), 0.5, 1.0, 1e-4])
    text = draw.choice(
        ["", " ", "x", "\0", "a\0b", "\ud800", "é中🙂", "a" * 300, "a/" * 3000, "x" * 70_000, "~", "~/x", "~nobody/x",
         "..", "../..", "/", ".", "/dev/null", "/dev/zero", "/proc/self/mem", "null", "true", "1e-4", "[", "{}", "a:b",
         "#5", "a#5", "a#0", "org/name", "org/name:part", "https://example.org/x", "-", "--x", "*", "(", "(a+)+$",
         "%s", "{0}", "${HOME}", "$(x)", "\n", "a\nb", "\x1b[31m", "auto", "none", "cpu", "cuda:99", "meta", "x.yaml"]
    )  # fmt: skip
    plain = draw.choice([number, real, text, None, True, False])
    nested = draw.choice([[], {}, [plain], {"kind": plain}, {"x": plain}, [[plain]], {"path": plain}, [plain, plain]])
    return draw.choice([plain, plain, number, text, nested])

"""Whether a model's Python code passes tests."""

from __future__ import annotations

from typing import Literal

from whet.base.catalogue import reward
from whet.base.errors import ConfigError
from whet.base.settings import Count, Positive
from whet.contracts.rewards import Reward


@reward("python-tests", columns=("tests",))
def python_tests(
    *,
    score: Literal["all", "share"] = "all",
    timeout_s: Positive = 10.0,
    memory_mb: Count = 512,
    file_mb: Count = 8,
    unprotected: bool = False,
) -> Reward:
    """Run the completion's code, and the row's `tests` in another process, both without network, your files, or others.

    score: 1 where `all` tests pass and else 0, or the `share` that passes
    timeout_s: seconds for all tests of a completion
    memory_mb: MiB of memory that it may take
    file_mb: MiB that its files may have together, in a folder that is removed
    unprotected: run it although this machine cannot forbid network, processes and writes
    """
    from whet.rewards.code import PythonTests
    from whet.rewards.sandbox.running import Limits, protections

    missing = {"no-network", "no-writes"} - set(protections())
    if missing and not unprotected:
        raise ConfigError(
            f"this machine cannot shut in a model's code ({', '.join(sorted(missing))} is not to be had)",
            hint="run it in a container of its own and set `unprotected: true`",
        )
    return PythonTests(score == "share", Limits(timeout_s, memory_mb, file_mb))

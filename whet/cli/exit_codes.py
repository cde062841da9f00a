"""What a command ends with, for scripts and schedulers."""

from __future__ import annotations

DONE = 0
FAILED = 1  # a run that raised the alarm, an outcome that is no success, or an error of whet's own
MISTAKE = 2  # something that was typed or given cannot be used; nothing was begun, or what was done is kept
STOPPED = 3  # a run that was asked to stop: it has a checkpoint and can go on
OUT_OF_MEMORY = 4
INTERRUPTED = 130  # a second Ctrl-C, or one where nothing can be kept

# How an attempt of a run ended (`RunEnded.outcome`) -> what `whet train` ends with.
OF_OUTCOMES = {"done": DONE, "early_stop": DONE, "stopped": STOPPED, "failed": FAILED}

TOLD = (
    "Exit codes: 0 done, 1 failed (an alarm, or an error of whet's own), 2 a mistake in what was given, 3 stopped "
    "when asked to (a checkpoint was written), 4 out of memory, 130 interrupted."
)

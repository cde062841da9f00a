"""What goes on beside the loop of several ranks, or of one with a launcher: each tells where it is, and watches."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from whet.base.errors import WhetError, is_lost_rank, one_line
from whet.track.records import Notice
from whet.train.build import Built
from whet.train.ranks.notes import before, is_launched, leave_word, note_folder, take_word
from whet.train.ranks.pulse import Beating
from whet.train.ranks.watch import Watch


@contextmanager
def beating(built: Built) -> Iterator[None]:
    """Inside, this rank's pulse lies in the run's folder. A run on one process that nobody watches has none."""
    world, loop, run = built.world, built.loop, built.folder.path
    ranks = world.count("all")
    if ranks == 1 and not is_launched():
        yield
        return
    attempt = world.agreed(secrets.token_hex(4))
    if world.is_writer:
        note_folder(run, attempt)
        take_word(run)
        if told := before():
            built.emit(Notice(loop.step(), "warning", told))
    hang_s, is_gpu = built.trained.run.parallel.hang_s, world.device.type == "cuda"
    watch = Watch(run, world.index("all"), attempt, ranks, hang_s, is_gpu=is_gpu)
    pulse = Beating(run, world.index("all"), attempt, ranks, lambda: (loop.step(), loop.phases.now), watch.told)
    loop.heard = watch.heard
    try:
        yield
    except Exception as error:
        if not isinstance(error, WhetError) and not is_lost_rank(error):  # the user's to mend, or another's to tell
            leave_word(run, f"rank {world.index('all')} failed: {one_line(error)}")
        raise
    finally:
        pulse.close()

"""What a run's section `track` asks to be recorded: the recorder of its steps, and what goes on beside them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from whet.base.run import Track
from whet.contracts.steps import StepSource
from whet.parallel.world import AXES, World
from whet.track.logs.event_log import EventLog
from whet.track.logs.frames import Writer, rank_writer
from whet.track.recorded.beside import Recorded
from whet.track.recorded.beside import beside as recorded_beside
from whet.track.recorded.watched import WRITER
from whet.train.measure.held_out import HeldOut
from whet.train.record.recorder import Answers, Layers, Observer, Recorder, Rows, State, record_held_out
from whet.train.record.tokens import TokenWatch, watched_of
from whet.train.setup.trained import Trained


@contextmanager
def beside(track: Track, logs: Path, world: World, step: Callable[[], int]) -> Iterator[None]:
    """Inside, the machine is recorded, by one process of each."""
    prices = {"price_per_hour": track.price_per_hour, "price_per_kwh": track.price_per_kwh}
    wanted = Recorded(track.environment, console=False, hardware_every_s=track.hardware_every_s, **prices)
    with _recorded(wanted, logs, world, step):
        yield


@contextmanager
def console_of(track: Track, logs: Path, world: World, step: Callable[[], int]) -> Iterator[None]:
    """Inside, what this process prints is kept. It is the whole process that prints, so only who owns it asks this."""
    wanted = Recorded(environment=False, console=track.console, hardware_every_s=0.0)
    with _recorded(wanted, logs, world, step):
        yield


@contextmanager
def _recorded(wanted: Recorded, logs: Path, world: World, step: Callable[[], int]) -> Iterator[None]:
    going = recorded_beside(logs, Writer(rank_writer(world.index("all")), 1), step, wanted)
    try:
        yield
    finally:
        for one in going:
            one.close()


def recorder_of(trained: Trained, logs: Path, source: StepSource, held_out: HeldOut | None = None) -> Recorder:
    """Each rank records the state that it holds, and its own rows, those that are measured too: of ranks with the same
    rows the first. Of layers one tells for all."""
    track, world, module = trained.run.track, trained.world, trained.loaded.module
    rank, found = world.index("all"), list[Observer]()
    if track.rows and world.is_first(AXES["data"]):
        found.append(Rows(logs, rank, track.tokens_every, track.tokens_rows))
        if held_out is not None:
            held_out.tell(partial(record_held_out, logs, rank))
        if watched := watched_of(trained):
            found.append(TokenWatch(EventLog(logs, f"{WRITER}-{rank}"), watched))
    every = math.ceil(source.total / 10) if track.state_every is None else track.state_every
    if every:
        found.append(State(EventLog(logs, f"state-{rank}"), module, source, world.device, every))
    if trained.executor.layers is not None and world.is_writer:
        found.append(Layers(EventLog(logs, "layers"), trained.executor.layers))
    if track.rollout_prompts and world.is_writer:
        found.append(Answers(logs, track.rollout_prompts))
    return Recorder(found, trained.executor.losses)

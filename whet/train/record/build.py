"""The recorder that a run's section `track` asks for."""

from __future__ import annotations

import math
from pathlib import Path

from whet.contracts.steps import StepSource
from whet.track.event_log import EventLog
from whet.train.record.recorder import Layers, Observer, Recorder, Rows, State
from whet.train.setup.trained import Trained


def recorder_of(trained: Trained, logs: Path, source: StepSource) -> Recorder:
    """Each rank records its own rows and the state that it holds; of layers one tells for all."""
    track, world, module = trained.run.track, trained.world, trained.loaded.module
    rank, found = world.index("all"), list[Observer]()
    if track.rows:
        found.append(Rows(logs, rank, track.tokens_every, track.tokens_rows))
    every = math.ceil(source.total / 10) if track.state_every is None else track.state_every
    if every:
        found.append(State(EventLog(logs, f"state-{rank}"), module, source, world.device, every))
    if trained.executor.layers is not None and world.is_writer:
        found.append(Layers(EventLog(logs, "layers"), trained.executor.layers))
    return Recorder(found, trained.executor.losses)

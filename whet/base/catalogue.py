"""The slots of whet: every named kind of component, and the package where the built-in ones lie."""

from __future__ import annotations

from typing import Any

from whet.base.facts import (
    ChannelFacts,
    DataFormatFacts,
    DiagnosisFacts,
    EngineFacts,
    Facts,
    ModelSourceFacts,
    ObjectiveFacts,
    OptimizerFacts,
    QuantizerFacts,
    RewardFacts,
    ScheduleFacts,
    TaskFacts,
    TemplateFacts,
    TunerFacts,
)
from whet.base.slots import Slot

optimizer = Slot("optimizer", home="whet.optim.optimizers", facts=OptimizerFacts, default="adamw")
schedule = Slot("schedule", home="whet.optim.schedules", facts=ScheduleFacts, default="cosine")
objective = Slot("objective", home="whet.objectives.kinds", facts=ObjectiveFacts, default="sft")
tuner = Slot("tuner", home="whet.models.tuners", facts=TunerFacts, default="full")
model_source = Slot("model_source", home="whet.models.sources", facts=ModelSourceFacts, default="hf", shorthand="path")
data_format = Slot("data_format", home="whet.data.formats", facts=DataFormatFacts)
template = Slot("template", home="whet.data.templates", facts=TemplateFacts)
sink = Slot("sink", home="whet.track.sinks", facts=Facts)
follower = Slot("follower", home="whet.track.follow.kinds", facts=Facts)
channel = Slot("channel", home="whet.track.follow.channels", facts=ChannelFacts)
diagnosis = Slot("diagnosis", home="whet.track.diagnosis.rules", facts=DiagnosisFacts)
task = Slot("task", home="whet.evaluate.tasks", facts=TaskFacts)
engine = Slot("engine", home="whet.generate.engines", facts=EngineFacts, default="local")
exporter = Slot("exporter", home="whet.export.exporters", facts=Facts, default="hf")
quantizer = Slot("quantizer", home="whet.export.quantizers", facts=QuantizerFacts, default="gptq")
reward = Slot("reward", home="whet.rewards.kinds", facts=RewardFacts, default="file", shorthand="function")

_ALL = (
    *(optimizer, schedule, objective, tuner, model_source, data_format, template),
    *(sink, follower, channel, diagnosis, task, engine, exporter, quantizer, reward),
)
SLOTS: dict[str, Slot[Any]] = {slot.name: slot for slot in _ALL}

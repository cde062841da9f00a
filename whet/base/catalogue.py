"""The slots of whet: every named kind of component, and the package where the built-in ones lie."""

from __future__ import annotations

from whet.base.slots import Slot

optimizer = Slot("optimizer", home="whet.optim.optimizers", default="adamw")
schedule = Slot("schedule", home="whet.optim.schedules", default="cosine")
objective = Slot("objective", home="whet.objectives.kinds", default="sft")
tuner = Slot("tuner", home="whet.models.tuners", default="full")
model_source = Slot("model_source", home="whet.models.sources", default="hf", shorthand="path")
data_format = Slot("data_format", home="whet.data.formats")
template = Slot("template", home="whet.data.templates")
sink = Slot("sink", home="whet.track.sinks")
task = Slot("task", home="whet.evaluate.tasks")
engine = Slot("engine", home="whet.generate.engines", default="local")
exporter = Slot("exporter", home="whet.export.exporters", default="hf")
quantizer = Slot("quantizer", home="whet.export.quantizers", default="gptq")
reward = Slot("reward", home="whet.rewards.kinds", default="file", shorthand="function")

_ALL = (
    *(optimizer, schedule, objective, tuner, model_source, data_format, template),
    *(sink, task, engine, exporter, quantizer, reward),
)
SLOTS: dict[str, Slot] = {slot.name: slot for slot in _ALL}

"""A model as it stood at a checkpoint of its run: built on meta by the run's config, filled, and filled over from the
shards.

Weights that training leaves as they are come from where the run had them. What is stored goes shard by shard into the
places where it is used. An adapter stays one beside its base.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch

from whet.base import config
from whet.base.catalogue import model_source, optimizer, tuner
from whet.base.errors import DataError, ModelError, RunError
from whet.base.run import Run
from whet.base.seeds import forked
from whet.contracts.model import Head, Loaded
from whet.contracts.tuner import Tuner
from whet.export.card import card_of_run
from whet.export.observation import observe
from whet.export.source import Source
from whet.generate.models import load_model, pick_device, pick_dtype, stored_head
from whet.models.checkpoints.quantized import dequantize
from whet.models.features.carried import install
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled
from whet.models.loading.reading import read_once
from whet.models.tuning.adapters import merge
from whet.parallel.world import World
from whet.track.reading import store
from whet.track.recorded.checkpoint_names import CheckpointName, checkpoint_named
from whet.train.checkpoints.optimizer_state import NamedOptimizer
from whet.train.checkpoints.places import complete, place_of, step_of
from whet.train.checkpoints.stored_weights import StoredWeights
from whet.train.checkpoints.tensor_names import OPTIMIZER, model_tensors
from whet.train.run.folder import RunFolder
from whet.train.setup.chosen import Chosen, chosen_of
from whet.train.setup.models import read_model
from whet.train.setup.rows import rows_of, settled, template_of
from whet.train.setup.trained import groups_of, optimizer_of, untouched


def load_any(name: str, *, device: str = "auto", dtype: str = "auto", root: Path = store.ROOT) -> Loaded:
    """As `load_model`, for checkpoints of runs too (`first@200`)."""
    found = checkpoint_named(name, root)
    if found is None:
        return load_model(name, device=device, dtype=dtype, root=root)
    return load_checkpoint(found, device=device, dtype=dtype, root=root)


def find_checkpoint(name: CheckpointName, root: Path = store.ROOT) -> Path:
    """The folder of a checkpoint. Raises RunError, with the steps that there are, where it is not there."""
    run = store.find(name.run, root)
    found = complete(RunFolder(run).checkpoints)
    if not found:
        raise RunError(f"the run `{run.name}` keeps no checkpoint", at=str(run.resolve()), hint=f"whet chat {name.run}")
    path = found[-1] if name.step is None else place_of(RunFolder(run).checkpoints, name.step)
    if path not in found:
        kept = ", ".join(str(step_of(one)) for one in found)
        said = f"the run `{run.name}` keeps no checkpoint of step {name.step}; of {kept} it does"
        raise RunError(said, at=str(run.resolve()), hint=f"whet chat {name.run}@{step_of(found[-1])}")
    return path


def load_checkpoint(
    name: CheckpointName, *, device: str = "auto", dtype: str = "auto", root: Path = store.ROOT
) -> Loaded:  # fmt: skip
    """The model of a checkpoint, for use. Raises WhetError for one that is gone, damaged or not of a model of texts."""
    path, chosen = find_checkpoint(name, root), pick_device(device)
    run, method = _opened(path)
    others = [one for one in complete(path.parent) if one != path]
    stored = StoredWeights(path, f"whet chat {name.run}@{step_of(others[-1])}" if others else f"whet train {name.run}")
    wanted = _dtype(run, method, chosen) if dtype == "auto" else pick_dtype(dtype, "", chosen)
    with read_once():
        loss = chosen_of(run)
        context = BuildContext(wanted, run.seed, method, _head(run, loss, RunFolder(path.parent.parent)))
        loaded = _built(run, method, chosen, context)
    _restore(stored, run, loaded, method)
    loaded.module.eval()
    if loss.traits.embedder is not None:
        return replace(loaded, embedder=loss.traits.embedder)
    if template := _template(run, loaded):
        loaded.processor.chat_template = template  # type: ignore[union-attr]  # it is there: see `_head`
    return loaded


def checkpoint_source(name: CheckpointName, *, device: str = "cpu", root: Path = store.ROOT) -> Source:
    """As `read_source`: the model of a checkpoint, observed, and merged if it is an adapter."""
    path = find_checkpoint(name, root)
    run, method = _opened(path)
    if chosen_of(run).traits.head is not None:
        said = f"the run `{Path(name.run).name}` trains no model that makes text, and its checkpoints are not exported"
        raise ModelError(said, at="objective.kind", hint=f"whet train {name.run}, which ends with its model")
    loaded = load_checkpoint(name, device=device, dtype="fp32", root=root)
    trained = observe(loaded.module, loaded.processor)
    card = card_of_run(path.parent.parent)
    card = replace(card, name=f"{card.name}-step-{step_of(path)}", figures={})  # those are of the run's end
    module = merge(dequantize(loaded.module))
    stored = _dtype(run, method, torch.device("meta"))
    return Source(card.name, module, loaded.processor, stored, card, trained, device)


def _opened(path: Path) -> tuple[Run, Tuner]:
    """The run of a checkpoint as its folder says, and its tuner."""
    folder = RunFolder(path.parent.parent)
    if not folder.config.is_file():
        said = f"`{folder.name}` is no run of `whet train`: it has no config.yaml"
        raise RunError(said, at=str(folder.path), hint="whet runs, which lists the runs")
    run = config.load(folder.config).run
    return run, tuner.get(run.tuner.kind).build(**run.tuner.values())


def _head(run: Run, chosen: Chosen, folder: RunFolder) -> Head | None:
    """The head that the run trains, with the labels of its written model, or of its data while there is none.

    Raises ModelError for a model without a tokenizer, which reads no texts.
    """
    processor, context, family = read_model(run, chosen)
    if processor is None:
        said = f"the run `{folder.name}` trains no model of texts, and checkpoints of others are not asked"
        raise ModelError(said, at="model.kind", hint=f"whet train {folder.path}, which ends with its model")
    head = chosen.traits.head
    if head is None or head.labels is not None:
        return head
    if folder.model.exists() and (written := stored_head(str(folder.model))) is not None:
        return replace(head, labels=written.labels)
    return replace(head, labels=rows_of(run, chosen, processor, context, family).labels)


def _template(run: Run, loaded: Loaded) -> str | None:
    """The chat template of the run. Whether its rows have tools is asked of them as far as they are still there."""
    is_chat = loaded.capabilities.family == "causal"
    with suppress(DataError):
        run, _ = settled(run, loaded.processor if is_chat else None)
    return template_of(run, loaded.processor)


def _built(run: Run, method: Tuner, device: torch.device, context: BuildContext) -> Loaded:
    """The model as it was when the run began."""
    built: Loaded = model_source.get(run.model.kind).build(context, **run.model.values())
    for feature in method.features:
        install(built, feature)
    loaded = filled(built, device)
    with forked(run.seed, "tuner start"):
        method.init(loaded.module, None)
    return loaded


def _dtype(run: Run, method: Tuner, device: torch.device) -> torch.dtype:
    """As `pick_dtype` chooses for the model that the run writes."""
    path = run.model.values().get("path")
    if device.type == "cpu" or not (method.is_adapter and path):
        is_narrow = device.type != "cpu" and run.train.precision == "bf16-pure"
        return torch.bfloat16 if is_narrow else torch.float32
    return pick_dtype("auto", path, device)


@torch.no_grad()
def _restore(stored: StoredWeights, run: Run, loaded: Loaded, method: Tuner) -> None:
    """Give the module the weights that the run would evaluate and write at this step."""
    module = loaded.module
    targets = model_tensors(module, untouched(method, module))
    if run.train.ema or "evaluation_weights" in optimizer.get(run.optimizer.kind).facts.needs:
        _restore_average(stored, run, loaded, method, targets)
    else:
        stored.read_into(targets)
    if (told := stored.state["parts"].get("tuner")) is not None:
        method.load_state_dict(told)
    method.restored(module)
    for name, parameter in module.named_parameters():
        if (written := method.written(module, name, parameter)) is not parameter:
            parameter.copy_(written)


def _restore_average(
    stored: StoredWeights, run: Run, loaded: Loaded, method: Tuner, targets: dict[str, torch.Tensor]
) -> None:  # fmt: skip
    """Weights that the optimizer tells of its state, which is read for it; the trained ones are held three times."""
    groups = groups_of(run, loaded, method)
    update = optimizer_of(run, World(next(loaded.module.parameters()).device), loaded, groups)
    named = NamedOptimizer(update, groups.names())
    state = stored.blanks(OPTIMIZER, named.blank)
    stored.read_into(targets | state)
    named.load_state_dict(
        {name.removeprefix(OPTIMIZER): value for name, value in state.items()} | stored.state["optimizer"]
    )
    trained = [parameter for parameter in loaded.module.parameters() if parameter.requires_grad]
    with update.evaluation_weights():
        averages = [parameter.detach().clone() for parameter in trained]
    for parameter, average in zip(trained, averages, strict=True):
        parameter.copy_(average)

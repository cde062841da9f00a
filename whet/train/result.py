"""The result of a run: its trained model as a plain folder, proven equal to what was trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import AutoConfig

from whet.base.catalogue import model_source, tuner
from whet.base.run import Offload
from whet.contracts.objective import traits_of
from whet.contracts.tuner import Tuner
from whet.export.adapter import write_adapter
from whet.export.card import card_of_run
from whet.export.folder import appearing
from whet.export.observation import is_prompted, observe
from whet.export.report import Report, compare
from whet.export.writing import write_model
from whet.kernels.quantized import Quantized
from whet.models.checkpoints.quantized import quantization_of
from whet.models.features.carried import is_added
from whet.models.forward.heads import head_of
from whet.models.sentence_transformers import write_sentence
from whet.models.tuners.full import Still
from whet.models.tuning.adapters import stored_adapter
from whet.models.tuning.wrapper import wrapper_of
from whet.parallel.world import World
from whet.train.run.folder import RunFolder
from whet.train.setup.models import build_model
from whet.train.setup.rows import template_of
from whet.train.setup.trained import Trained


def write_result(trained: Trained, folder: RunFolder, *, continues: bool = True) -> None:
    """Write `model/` with its equivalence report, unless an earlier attempt has. All ranks take part in gathering.

    Without `continues` what trained and written model generate is not compared.

    Raises ModelError when the written model differs from the trained one; its files are kept aside.
    """
    if folder.model.exists():
        return
    module = trained.loaded.module
    if trained.loaded.processor is None:
        _write_weights(trained, folder, trained.executor.weights())
        return
    template = template_of(trained.run, trained.loaded.processor)
    said = observe(module, trained.loaded.processor, template, continues=continues)
    saved = [*trained.tuner.saved_names(module), *(name for name, _ in module.named_buffers())]
    names = {name for name in saved if not is_added(module, name)}
    whole = trained.executor.weights(set().union(*trained.world.gathered(names, "stages")))
    tensors = ((name, trained.tuner.written(module, name, tensor.cpu())) for name, tensor in whole)
    look = partial(compare, said, device=trained.world.device, continues=continues)
    if shares := _is_read_in_parts(trained):
        look = partial(look, load=partial(_read_in_parts, trained))
    adapter = _stored(trained, tensors) if trained.tuner.is_adapter else None
    if not trained.world.is_writer:
        for _ in tensors:
            pass
        if shares:
            together(trained.world, look)
        return
    how: dict[str, Any] = {
        "generation_config": getattr(module, "generation_config", None),
        "chat_template": template,
        "card": card_of_run(folder.path),
        "check": partial(together, trained.world, look) if shares else look,
    }
    embedder = traits_of(trained.objective).embedder
    if embedder is not None:
        how["beside"] = partial(write_sentence, embedder=embedder, config=module.config)
    if adapter is not None:
        how |= {"base": quantization_of(module), "head": head_of(module.config)}
        write_adapter(folder.model, adapter, module.config, trained.loaded.processor, **how)
    else:
        write_model(folder.model, tensors, module.config, trained.loaded.processor, **how)


def _stored(trained: Trained, tensors: Iterator[tuple[str, Tensor]]) -> tuple[Any, dict[str, Tensor]]:
    """PEFT's config and tensors of the adapter. Of these PEFT gives what has a place in the module: on each stage of a
    pipeline that of its own layers."""
    config, own = stored_adapter(trained.loaded.module, dict(tensors))
    return config, {name: one for part in trained.world.gathered(own, "stages") for name, one in part.items()}


def _is_read_in_parts(trained: Trained) -> bool:
    """Whether ranks look at the written model together, so that none holds the whole of it. Packed weights are whole on
    every rank, and virtual tokens are read by PEFT alone."""
    module = trained.loaded.module
    is_whole = trained.world.mesh is None or is_prompted(wrapper_of(module) or module)
    return not is_whole and not any(isinstance(parameter, Quantized) for parameter in module.parameters())


def together(world: World, look: Callable[[Path], Report], part: Path | None = None) -> Report:
    """What each rank finds in a folder, whose place the writer tells. None goes on before all have looked: the writer
    then moves the folder away."""
    report = look(Path(world.agreed(part and str(part))))
    world.wait()
    return report


def _read_in_parts(trained: Trained, folder: Path) -> nn.Module:
    """The written model on the mesh of the run: each rank reads its own part from the files."""
    run, weights = trained.run, next(trained.loaded.module.parameters()).dtype
    precision = "bf16-pure" if weights == torch.bfloat16 and not trained.tuner.is_adapter else "fp32"
    changes = {
        "precision": precision, "neftune": 0.0, "group": None, "recompute": "none", "offload": Offload(),
        "compile": False,
    }  # fmt: skip
    asked, method = run.model_copy(update={"train": run.train.model_copy(update=changes)}), cast(Tuner, Still())
    head, like = head_of(trained.loaded.module.config), trained.loaded.capabilities
    if trained.tuner.is_adapter:  # beside its base
        method = tuner.get("adapter").build(path=str(folder))
    else:
        kind = model_source.get(str(model_source.default))
        read = kind.settings.model_validate({"kind": kind.name, "path": str(folder)})
        asked, head = asked.model_copy(update={"model": read}), head_of(AutoConfig.from_pretrained(folder))
    return build_model(asked, trained.world, method, head, is_asked=True, like=like).module


def _write_weights(trained: Trained, folder: RunFolder, tensors: Iterator[tuple[str, Tensor]]) -> None:
    """A model that is not a language model: its weights alone."""
    whole = {name: tensor.cpu() for name, tensor in tensors}
    if trained.world.is_writer:
        with appearing(folder.model) as part:
            save_file(whole, part / "model.safetensors")

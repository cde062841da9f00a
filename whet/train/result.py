"""The result of a run: its trained model as a plain folder, proven equal to what was trained."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from safetensors.torch import save_file
from torch import Tensor

from whet.contracts.objective import traits_of
from whet.export.adapter import write_adapter
from whet.export.card import card_of_run
from whet.export.folder import appearing
from whet.export.observation import observe
from whet.export.report import compare
from whet.export.writing import write_model
from whet.models.checkpoints.quantized import quantization_of
from whet.models.forward.heads import head_of
from whet.models.forward.language import AHEAD
from whet.models.forward.value_head import is_of_head
from whet.models.sentence_transformers import write_sentence
from whet.models.tuning.adapters import stored_adapter
from whet.train.setup.rows import template_of

if TYPE_CHECKING:
    from whet.train.build import Built


def write_result(built: Built, *, continues: bool = True) -> None:
    """Write `model/` with its equivalence report, unless an earlier attempt has. All ranks take part in gathering.

    Without `continues` what trained and written model generate is not compared.

    Raises ModelError when the written model differs from the trained one; its files are kept aside.
    """
    if built.folder.model.exists():
        return
    module = built.loaded.module
    if built.loaded.processor is None:
        _write_weights(built, built.loop.executor.weights())
        return
    template = template_of(built.run, built.loaded.processor)
    trained = observe(module, built.loaded.processor, template, continues=continues)
    saved = built.tuner.saved_names(module).items()
    names = {name: own for name, own in saved if not is_of_head(name) and not name.startswith(f"{AHEAD}.")}
    buffers = {name for name, _ in module.named_buffers() if not name.startswith(f"{AHEAD}.")}
    whole = built.loop.executor.weights(names.keys() | buffers)
    tensors = ((name, built.tuner.written(module, name, tensor.cpu())) for name, tensor in whole)
    if not built.world.is_writer:
        for _ in tensors:
            pass
        return
    how: dict[str, Any] = {
        "generation_config": getattr(module, "generation_config", None),
        "chat_template": template,
        "card": card_of_run(built.folder.path),
        "check": partial(compare, trained, device=built.world.device, continues=continues),
    }
    embedder = traits_of(built.objective).embedder
    if embedder is not None:
        how["beside"] = partial(write_sentence, embedder=embedder, config=module.config)
    if built.tuner.is_adapter:
        adapter = stored_adapter(module, dict(tensors))
        how |= {"base": quantization_of(module), "head": head_of(module.config)}
        write_adapter(built.folder.model, adapter, module.config, built.loaded.processor, **how)
    else:
        write_model(built.folder.model, tensors, module.config, built.loaded.processor, **how)


def _write_weights(built: Built, tensors: Iterator[tuple[str, Tensor]]) -> None:
    """A model that is not a language model: its weights alone."""
    whole = {name: tensor.cpu() for name, tensor in tensors}
    if built.world.is_writer:
        with appearing(built.folder.model) as part:
            save_file(whole, part / "model.safetensors")

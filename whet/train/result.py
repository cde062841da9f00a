"""The result of a run: its trained model as a plain folder, proven equal to what was trained."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save_file
from torch.distributed.tensor import DTensor

from whet.data.template import chat_template
from whet.export.card import card_of_run
from whet.export.folder import appearing
from whet.export.report import compare, observe
from whet.export.writing import write_model
from whet.train.feed import takes

if TYPE_CHECKING:
    from whet.train.build import Built


def write_result(built: Built) -> None:
    """Write `model/` with its equivalence report, unless an earlier attempt has. All ranks take part in gathering.

    Raises ModelError when the written model differs from the trained one; its files are kept aside.
    """
    if built.folder.model.exists():
        return
    module = built.loaded.module
    if built.loaded.processor is None:
        _write_weights(built, full_tensors(module))
        return
    template = _template(built)
    trained = observe(module, built.loaded.processor, template)
    tensors = full_tensors(module)
    if not built.world.leads:
        for _ in tensors:
            pass
        return
    write_model(
        built.folder.model, tensors, module.config, built.loaded.processor,
        generation_config=getattr(module, "generation_config", None), chat_template=template,
        card=card_of_run(built.folder.path), check=partial(compare, trained, device=built.world.device),
    )  # fmt: skip


def full_tensors(module: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Every parameter (tied ones once) and persistent buffer, whole and on the CPU, one at a time."""
    persistent = module.state_dict(keep_vars=True)
    buffers = ((name, buffer) for name, buffer in module.named_buffers() if name in persistent)
    for name, tensor in [*module.named_parameters(), *buffers]:
        whole = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
        yield name, whole.detach().cpu()


def _template(built: Built) -> str | None:
    """The chat template that conversations were rendered with; None leaves the tokenizer as it is."""
    if "conversation" not in takes(built.run):
        return None
    return chat_template(built.loaded.processor, built.run.data.template).text


def _write_weights(built: Built, tensors: Iterator[tuple[str, torch.Tensor]]) -> None:
    """A model that is not a language model: its weights alone."""
    whole = dict(tensors)
    if built.world.leads:
        with appearing(built.folder.model) as part:
            save_file(whole, part / "model.safetensors")

"""Write a model with quantized linear layers, block by block, and prove what was written."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from whet.base.errors import ModelError
from whet.contracts.model import ParamRole
from whet.export.card import Card
from whet.export.folder import appearing
from whet.export.memory import give_back
from whet.export.merging import Part, generation_config_of, mixture, tokenizer_of, weights_of
from whet.export.quantizing import calibration
from whet.export.quantizing.method import Method
from whet.export.quantizing.walk import Inputs, Shared, Walk, observe_block, run_block
from whet.export.report import Report
from whet.export.sizes import check_room
from whet.export.weights import SHARD_BYTES, auto_class, ready, skeleton, write_shards
from whet.export.writing import checked, write_generation_config, write_tokenizer
from whet.models import attention
from whet.models.adapters import base_of, is_adapter
from whet.models.blocks import blocks
from whet.models.combine import Recipe
from whet.models.context import BuildContext
from whet.models.language import LanguageModel
from whet.models.layouts import config_of, to_compressed, to_gptq
from whet.models.loading import Spec, read
from whet.models.merging import stored_name
from whet.models.pretrained import verdict_of
from whet.models.quantized import linears, stored_method
from whet.models.roles import roles
from whet.models.twin import build_twin, twin_config

if TYPE_CHECKING:
    from whet.contracts.sample import Sample

Told = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Original:
    """A model that is to be quantized: its config, its weights (each read when asked for), its tokenizer, its dtype."""

    path: str
    config: Any
    weights: Mapping[str, Tensor]
    tokenizer: Any
    dtype: torch.dtype

    @property
    def generation_config(self) -> Any:
        return generation_config_of(self.path)


def open_original(path: str, dtype: torch.dtype | None = None) -> Original:
    """The model or adapter (merged) of a folder or hub id. Raises ModelError for what cannot be quantized."""
    config, tokenizer = read(Spec(path))
    method = stored_method(config)
    if method is not None:
        raise ModelError(f"{path} is quantized already, by `{method}`", at=path, hint="give the model it was made from")
    if tokenizer is None:
        tokenizer = tokenizer_of([path], path)
    stored = dtype or config.dtype or torch.float32
    if is_adapter(path):
        config, weights = mixture(base_of(path), [Part(path)], Recipe())
        return Original(path, config, weights, tokenizer, stored)
    model = skeleton(config)
    _refuse_experts(model, path)
    return Original(path, config, weights_of(path, model), tokenizer, stored)


def write_quantized(
    folder: Path,
    original: Original,
    method: Method,
    *,
    samples: Sequence[Sample] = (),
    keep: tuple[str, ...] = (),
    shard_bytes: int = SHARD_BYTES,
    card: Card | None = None,
    device: torch.device | str = "cpu",
    told: Told | None = None,
    check: Callable[[Path], Report] | None = None,
) -> Report | None:
    """Write `folder` anew, whole or not at all: the model with its blocks' linear layers quantized, but for `keep`.

    One block and the activations of `samples` are in memory at a time, and a shard. `check` and `card` are those of
    `write_model`. Raises ModelError before anything is written where groups do not fit or the disk has no room.
    """
    model = skeleton(original.config)
    _refuse_experts(model, original.path)
    prefix, _ = blocks(model)
    chosen = [name for name in linears(model, keep) if name.startswith(f"{prefix}.")]
    method = method.fitted(original.dtype)
    method.check({name: tuple(model.get_parameter(f"{name}.weight").shape) for name in chosen})  # type: ignore[misc]
    check_room(folder, _num_bytes(model, chosen, method, original.dtype))
    plain = [n for n, part in model.named_modules() if isinstance(part, nn.Linear) and n not in chosen]
    with appearing(folder) as part:
        codes = _walked(original, method, chosen, samples, torch.device(device), told)
        if not method.needs_data:
            codes = _read(original, model, method, chosen, torch.device(device), told)
        write_shards(part, _stored(codes, model, original, method), shard_bytes)
        config = _config(original, model, method, plain)
        config.save_pretrained(part)
        write_tokenizer(part, original.tokenizer, None)
        write_generation_config(part, config, original.generation_config, original.tokenizer, None)
        card = card or Card(folder.resolve().name, original.path)
        card = replace(card, figures={**card.figures, "linear layers": method.describe()})
        count = sum(parameter.numel() for parameter in model.parameters())
        text = card.text(num_parameters=count, dtype=str(original.dtype).removeprefix("torch."))
        (part / "README.md").write_text(text.replace("AutoModelForCausalLM", auto_class(config).__name__), "utf-8")
        return checked(part, folder, check)


def _refuse_experts(model: nn.Module, path: str) -> None:
    if ParamRole.EXPERT in roles(model).values():
        raise ModelError(
            f"{path} is a mixture of experts, whose experts are not linear layers that can be quantized one by one",
            at=path,
            hint="whet export MODEL --to hf dtype=bf16",
        )


def _read(
    original: Original, model: nn.Module, method: Method, chosen: Sequence[str], device: torch.device, told: Told | None
) -> Iterator[tuple[str, Any]]:
    """All weights one after the other, those of `chosen` as codes: rounding needs to know nothing else."""
    ties = getattr(model, "all_tied_weights_keys", {})
    names = [name for name in model.state_dict() if name not in ties]
    for number, name in enumerate(names, 1):
        value = original.weights[stored_name(name, original.weights)]
        owner = name.removesuffix(".weight")
        if owner in chosen:
            yield owner, method.round(value.to(device), None, method.grid)
            give_back()
        else:
            yield name, value
        if told is not None:
            told(number, len(names))


def _walked(
    original: Original,
    method: Method,
    chosen: Sequence[str],
    samples: Sequence[Sample],
    device: torch.device,
    told: Told | None,
) -> Iterator[tuple[str, Any]]:
    """All weights one after the other, those of `chosen` as codes made from what each block was given."""
    attention.register()
    spec = Spec(original.path)
    verdict = verdict_of(spec, original.config, BuildContext())
    module = _empty(original.config, verdict.packed)
    walk = Walk(LanguageModel(module, packed=verdict.packed, head_mode=verdict.head), original.weights, device)
    state = module.state_dict()
    ties = getattr(module, "all_tied_weights_keys", {})
    for name in state:
        if not name.startswith(f"{walk.prefix}.") and name not in ties:
            yield name, original.weights[stored_name(name, original.weights)]
    inputs = walk.begin(calibration.batches(samples, verdict.packed), _returns_tuples(original.config))
    for index, (prefix, block) in enumerate(walk.visit(inputs)):
        own = [name.removeprefix(f"{prefix}.") for name in chosen if name.startswith(f"{prefix}.")]
        for inner, codes in _quantize_block(block, own, inputs, index, method):
            yield f"{prefix}.{inner}", codes
        for inner, value in block.state_dict().items():
            if inner.removesuffix(".weight") not in own:
                yield f"{prefix}.{inner}", value
        if told is not None:
            told(index + 1, len(walk.blocks))


def _quantize_block(
    block: Any, names: Sequence[str], inputs: Sequence[Inputs], index: int, method: Method
) -> Iterator[tuple[str, Any]]:
    """Codes of a block's linear layers, which from then on compute with what the codes mean."""
    if not names:
        return
    shared = observe_block(block, inputs, index, names)
    if method.fold is not None:
        method.fold(block, shared, method.grid, lambda: run_block(block, inputs[0], index))
    of: dict[str, Shared] = {name: one for one in shared for name in one.readers}
    for name in names:
        layer = block.get_submodule(name)
        codes = method.round(layer.weight.data, of[name].hessian, method.grid)
        layer.weight.data = codes.dense()
        give_back()
        yield name, codes


def _stored(
    codes: Iterator[tuple[str, Any]], model: nn.Module, original: Original, method: Method
) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of the files: the parts of codes by the layout's names, and the rest in the model's dtype."""
    for name, value in codes:
        if isinstance(value, Tensor):
            yield from ready([(name, value)], model, original.dtype)
            continue
        if method.layout == "gptq":
            parts = to_gptq(value, method.grid)
        else:
            parts = to_compressed(value, method.grid, not (method.grid.floats or method.activations))
        for part, tensor in parts.items():
            yield f"{name}.{part}", tensor.to("cpu").contiguous()


def _empty(config: Any, packed: bool) -> Any:
    """The architecture with its parameters on meta and its buffers as they are computed."""
    from accelerate import init_empty_weights

    config = copy.deepcopy(config)
    with init_empty_weights(include_buffers=False):
        how = attention.NAME if packed else attention.own(config)
        return auto_class(config).from_config(config, dtype=torch.float32, attn_implementation=how).eval()


def _returns_tuples(config: Any) -> bool:
    """Whether a block of this architecture returns its hidden states in a tuple, seen on the twin."""
    try:
        twin = build_twin(twin_config(config), None, lambda module: module)
    except Exception:  # the twin of an unusual config may not fit together, and most blocks return a tensor
        return False
    seen: list[bool] = []
    hook = blocks(twin)[1][0].register_forward_hook(lambda module, args, output: seen.append(isinstance(output, tuple)))
    with torch.no_grad():
        twin(input_ids=torch.arange(4)[None], use_cache=False)
    hook.remove()
    return seen[0]


def _config(original: Original, model: nn.Module, method: Method, plain: list[str]) -> Any:
    config = copy.deepcopy(original.config)
    config._attn_implementation, config.use_cache, config.dtype = None, True, original.dtype
    config.architectures = [type(model).__name__]
    config.quantization_config = config_of(
        method.grid, method.layout, plain=plain, order=method.order, activations=method.activations
    )
    return config


def _num_bytes(model: nn.Module, chosen: Sequence[str], method: Method, dtype: torch.dtype) -> int:
    names = {f"{name}.weight" for name in chosen}
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    packed = sum(size for name, size in sizes.items() if name in names)
    return int(packed * method.bits_a_weight / 8) + (sum(sizes.values()) - packed) * dtype.itemsize


def folder_bytes(folder: Path) -> int:
    """Bytes of the weights in a folder."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))

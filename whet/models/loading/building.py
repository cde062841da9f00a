"""The module of a model: its stored weights or freshly drawn ones, or none of them, on meta."""

from __future__ import annotations

import re
from contextlib import nullcontext, suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import GenerationConfig, PretrainedConfig, PreTrainedModel, initialization

from whet.base import hub
from whet.base.errors import ModelError
from whet.base.seeds import forked
from whet.contracts.model import Head
from whet.models.checkpoints import coded, quantized
from whet.models.forward.attention import own
from whet.models.forward.heads import DRAWN, REDRAWN, headed, is_drawn, quietly
from whet.models.loading.capacity import from_config
from whet.models.loading.families import auto_class
from whet.models.loading.reading import explained, has, stored_config
from whet.models.loading.spec import Spec
from whet.models.merging.layers import untie
from whet.models.text import text_config
from whet.models.tuning.adapter_files import breaks_a_tie, stored_shapes
from whet.models.tuning.adapters import grow_for, merged, with_adapter


def build_module(
    spec: Spec,
    config: PretrainedConfig,
    *,
    dtype: torch.dtype,
    seed: int,
    attention: str | None,
    on_meta: bool,
    merge: bool = True,
    head: Head | None = None,
) -> PreTrainedModel:
    """The model with its own weights (or freshly drawn ones, for `init`) on the CPU, or without any on meta.

    `attention` is a name of transformers' attention interface; None is the model's own choice. Draws come from a fork
    of the default generator seeded with `seed`. Raises when the weights lack a tensor: it would be random. An adapter's
    folder gives its base model with the adapter folded into the weights, in float32 whatever `dtype` is, or (not
    `merge`) beside them. Another `head` than that of a language model is drawn where the weights have none.
    """
    kind = headed(config, head) if head else auto_class(config, allow_code=spec.allow_code)
    if spec.under is not None:
        build: dict[str, Any] = {
            "dtype": torch.float32 if merge and not on_meta else dtype, "seed": seed, "attention": attention,
            "on_meta": on_meta, "head": head,
        }  # fmt: skip
        base = build_module(spec.under, _of_base(config, spec.under), **build)
        return _quantized(spec, _with_adapter(spec, base, merge, on_meta), dtype)
    how = {"dtype": dtype, "attn_implementation": attention or own(config), "trust_remote_code": spec.allow_code}
    if on_meta:
        with forked(seed, "model"), torch.device("meta"), _of_hub_code() if spec.allow_code else nullcontext():
            module = from_config(kind, config, how)
        return _quantized(spec, module if spec.path is None else _as_stored(module, spec, dtype), dtype)
    with forked(seed, "model"):
        if spec.init is not None:
            return _quantized(spec, from_config(kind, config, how), dtype)
        return _with_weights(spec, config, how, kind, has_head=head is not None)


def _of_hub_code() -> Any:
    """Inside, code of a hub may compute with `torch.linspace` on meta, as transformers lets it when it loads."""
    return getattr(initialization, "meta_device_safe_creation_ops", nullcontext)()  # transformers 5.23


def hollow_module(spec: Spec, config: PretrainedConfig, *, dtype: torch.dtype, attention: str | None) -> Any:
    """The model on the CPU with the buffers that are computed, and parameters without memory: a number each, repeated.

    A tuner adds to it what it would add to the model, as long as it does not look at the weights.
    """
    from accelerate import init_empty_weights

    kind = auto_class(config, allow_code=spec.allow_code)
    how = {"dtype": dtype, "attn_implementation": attention or own(config), "trust_remote_code": spec.allow_code}
    with forked("hollow"), init_empty_weights(include_buffers=False):
        module: Any = from_config(kind, config, how)
    module.tie_weights()  # accelerate makes a parameter of each end
    module = _as_stored(module, spec, dtype)
    blank = {
        parameter: nn.Parameter(torch.zeros((), dtype=parameter.dtype).expand(parameter.shape))
        for parameter in module.parameters()
    }
    for part in module.modules():
        part._parameters.update({name: blank[own] for name, own in part._parameters.items() if own is not None})
    return module


def _as_stored(module: Any, spec: Spec, dtype: torch.dtype) -> Any:
    """A module on meta with what transformers gives one that it reads from files: dtypes, words to generate by, a name.

    Some classes keep named parts in float32 whatever is asked for (`_keep_in_fp32_modules`).
    """
    plan = module._get_dtype_plan(dtype)
    for pattern, kept in plan.items():
        for name, parameter in module.named_parameters():
            if re.search(pattern.replace("*", ".*"), name):
                parameter.data = parameter.data.to(kept)
    if module.can_generate():
        module.generation_config = _generation(spec) or module.generation_config
    module.name_or_path = spec.path
    return module.eval()


def _generation(spec: Spec) -> GenerationConfig | None:
    """What a folder says of generating; older ones say it in the model's config."""
    assert spec.path is not None
    for how in ({}, {"config_file_name": "config.json", "_from_model_config": True}):
        with suppress(OSError), hub.asked(spec.path):
            return GenerationConfig.from_pretrained(spec.path, revision=spec.revision, **how)
    return None


def _of_base(config: PretrainedConfig, under: Spec) -> PretrainedConfig:
    """The config with as many tokens as the base has, where an adapter has more."""
    if under.path is None or under.under is not None:
        return config
    vocab = getattr(text_config(stored_config(under)), "vocab_size", None)
    if vocab in (None, text_config(config).vocab_size):
        return config
    config = deepcopy(config)
    text_config(config).vocab_size = config.vocab_size = vocab
    return config


def _quantized(spec: Spec, module: Any, dtype: torch.dtype) -> Any:
    if spec.quantization is not None:
        quantized.quantize(module, spec.quantization, dtype)
    return module


def _with_adapter(spec: Spec, base: PreTrainedModel, merge: bool, on_meta: bool) -> Any:
    assert spec.path is not None
    if merge:
        base = quantized.dequantize(base)
    if not merge:
        module: Any = with_adapter(base, spec.path)
    elif on_meta:
        grow_for(base, spec.path)
        if breaks_a_tie(spec.path, stored_shapes(spec.path), base):
            untie(base)
        module = base
    else:
        module = merged(base, spec.path)
    module.name_or_path = spec.path
    return module


def _with_weights(
    spec: Spec, config: PretrainedConfig, how: dict[str, Any], kind: Any, *, has_head: bool
) -> PreTrainedModel:
    assert spec.path is not None
    _check_weights(spec.path)
    if coded.is_read_here(config):
        return coded.load_coded(spec.path, config, how, kind)
    if spec.quantization is not None:
        how = {**how, "quantization_config": quantized.streaming(spec.quantization)}
    try:
        with hub.asked(spec.path), quantized.unpacking(config) as unpack, quietly() if has_head else nullcontext():
            module, report = kind.from_pretrained(
                spec.path,
                config=config,
                revision=spec.revision,
                use_safetensors=True,
                output_loading_info=True,
                ignore_mismatched_sizes=has_head,
                **how,
            )
            unpack(module)
    except Exception as error:
        raise explained(error, spec.path, "model.path") from error
    missing = sorted(report["missing_keys"])
    if has_head:
        others = {name: (tuple(stored), tuple(wanted)) for name, stored, wanted in report["mismatched_keys"]}
        for name in sorted(name for name in others if not is_drawn(name)):
            raise ModelError(
                f"`{name}` of {spec.path} has the shape {others[name][0]}, and by its config {others[name][1]}",
                at="model.path", hint="compare its files with the model's page",
            )  # fmt: skip
        object.__setattr__(module, REDRAWN, sorted(others))
        missing = [name for name in missing if name not in others]
        object.__setattr__(module, DRAWN, [name for name in missing if is_drawn(name)])
        missing = [name for name in missing if not is_drawn(name)]
    if missing:
        raise ModelError(
            f"the weights of {spec.path} lack {len(missing)} tensors of {type(module).__name__}: {_some(missing)}",
            at="model.path",
            hint="a checkpoint of the whole language model, head included",
        )
    return module


def _check_weights(path: str) -> None:
    """Say early and plainly when a folder holds no safetensors."""
    if not Path(path).is_dir() or has(path, "*.safetensors"):
        return
    if has(path, "*.bin", "*.pt", "*.pth"):
        raise ModelError(
            f"{path} holds pickled weights only, and unpickling runs any code that is in them",
            at="model.path",
            hint=f'if you trust the file: python -c "from transformers import AutoModelForCausalLM as M; '
            f"M.from_pretrained('{path}').save_pretrained('{path}-safe')\"",
        )
    raise ModelError(f"{path} holds no weights (*.safetensors)", at="model.path", hint=f"model.init={path}/config.json")


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")

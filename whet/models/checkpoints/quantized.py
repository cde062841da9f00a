"""Quantized base weights: packed one by one while they stream in, or stored so in the format of another package."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn
from transformers.core_model_loading import ConversionOps
from transformers.quantizers import HfQuantizer
from transformers.quantizers.auto import AUTO_QUANTIZER_MAPPING, register_quantization_config, register_quantizer
from transformers.utils.quantization_config import QuantizationConfigMixin

from whet.base.documents import checked, field, read_object
from whet.base.errors import ModelError
from whet.contracts.tuner import Tuner
from whet.kernels.dense import dense
from whet.kernels.quantized import Quantized
from whet.models.loading.progress_bars import patient_bars, patient_unpacking

Found = TypeVar("Found")
METHOD = "whet"
FILE = "quantize.json"  # beside an adapter: how the base that it was trained on was quantized
_PLACE = "_whet_quantized"
# What transformers needs for the formats of others: modules to import -> what to install.
PACKAGES: Mapping[str, Mapping[str, str]] = {
    "bitsandbytes": {"bitsandbytes": "bitsandbytes", "accelerate": "accelerate"},
    "gptq": {"optimum": "optimum", "gptqmodel": "gptqmodel"},
    "awq": {"gptqmodel": "gptqmodel", "accelerate": "accelerate"},
    "hqq": {"hqq": "hqq"},
    "fp8": {"accelerate": "accelerate"},
    "mxfp4": {"accelerate": "accelerate"},
    "compressed-tensors": {"compressed_tensors": "compressed-tensors"},
    "torchao": {"torchao": "torchao"},
    "quanto": {"optimum.quanto": "optimum-quanto", "accelerate": "accelerate"},
    "aqlm": {"aqlm": "aqlm", "accelerate": "accelerate"},
    "auto-round": {"auto_round": "auto-round"},
}


@dataclass(frozen=True, slots=True)
class Quantization:
    """How a base is quantized on load: the codec, and patterns of the modules that keep their precision."""

    codec: str
    keep: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {"quantize": self.codec, "keep": list(self.keep)}

    @classmethod
    def beside(cls, adapter: str) -> Quantization | None:
        """How the base of an adapter's folder was quantized while it was trained; None if it was not."""
        path = Path(adapter) / FILE
        if not path.is_file():
            return None
        how: Any = {"at": str(path), "error": ModelError, "hint": "copy the adapter's folder again"}
        values = read_object(path, error=ModelError, hint=how["hint"])
        codec, keep = field(values, "quantize", str, **how), field(values, "keep", list, **how)
        if codec not in ("nf4", "int8"):
            raise ModelError(f"there is no codec `{codec[:40]}`", at=str(path), hint="pip install -U whet")
        return cls(codec, tuple(checked(name, str, **how) for name in keep))


def linears(module: nn.Module, keep: tuple[str, ...] = (), at: str = "model.keep") -> dict[str, nn.Linear]:
    """The linear layers that are quantized: all but the head and those with one of the patterns in their name.

    Raises ModelError when none is left, or for a pattern that no layer has in its name.
    """
    whole: Any = module
    head = whole.get_output_embeddings() if hasattr(module, "get_output_embeddings") else None
    found = {n: m for n, m in module.named_modules() if isinstance(m, nn.Linear) and m is not head}
    kept = without(found, keep, at)
    if not kept:
        kind = type(module).__name__
        said = f"{kind} has no linear layer to quantize"
        raise ModelError(said, hint="model.quantize=null in a run; `whet export` packs any matrix: --to gguf type=Q8_0")
    return kept


def without(found: Mapping[str, Found], keep: tuple[str, ...], at: str = "model.keep") -> dict[str, Found]:
    """What has none of the patterns in its name. Raises ModelError for a pattern that nothing has in its name."""
    for pattern in keep:
        try:
            matched = [name for name in found if re.search(pattern, name)]
        except re.error as error:
            hint = "write it as down_proj, or layers\\.0\\."
            raise ModelError(f"`{pattern}` is no regular expression: {error}", at=at, hint=hint) from None
        if not matched:
            hint = f"names look like {next(iter(found), 'none')}"
            raise ModelError(f"no linear layer is called like `{pattern}`", at=at, hint=hint)
    return {name: part for name, part in found.items() if not any(re.search(p, name) for p in keep)}


def quantize(module: nn.Module, how: Quantization, dtype: torch.dtype | None = None) -> None:
    """Quantize the linear layers of a model in place, one by one (on meta too); they compute in `dtype` or their
    own."""
    for part in linears(module, how.keep).values():
        part.weight = nn.Parameter(Quantized.of(part.weight.data, how.codec, dtype), requires_grad=False)
    mark(module, how)


def dequantize(module: nn.Module) -> nn.Module:
    """Give every quantized layer its plain values again, in place, frozen as before."""
    for part in list(module.modules()):
        for name, weight in list(part.named_parameters(recurse=False)):
            if isinstance(weight, Quantized):
                setattr(part, name, nn.Parameter(dense(weight), requires_grad=False))
    mark(module, None)
    return module


def mark(module: nn.Module, how: Quantization | None) -> None:
    """Remember at the module how its base was quantized."""
    object.__setattr__(module, _PLACE, how)


def quantization_of(module: nn.Module) -> Quantization | None:
    """How the base of a loaded model was quantized."""
    return module.__dict__.get(_PLACE)


def check_frozen(module: nn.Module, tuner: Tuner) -> None:
    """Raise ModelError when a tuner, which has prepared the module, would train or store a quantized weight.

    Nor may it take its start out of one: what is left would be rounded again, and the adapter would be of no base. Nor
    make up for rounding (`for_rounded`) where nothing was rounded.
    """
    from whet.models.tuning.starts import START_A

    if getattr(tuner, "for_rounded", False) and quantization_of(module) is None:
        raise ModelError(
            "`init: loftq` makes up for the rounding of a quantized base, and this one keeps its precision",
            at="tuner.init",
            hint="model.quantize=nf4",
        )
    for name, part in module.named_modules():
        base = getattr(getattr(part, "base_layer", None), "weight", None)
        if isinstance(base, Quantized) and START_A in dict(part.named_buffers(recurse=False)):
            raise ModelError(
                f"quantized weights stay as they are, and this start changes them (`{name}`)",
                at="tuner.init",
                hint="tuner.init=default",
            )
    untouched = tuner.untouched(module)
    for name, parameter in module.named_parameters():
        if isinstance(parameter, Quantized) and (parameter.requires_grad or name not in untouched):
            raise ModelError(
                f"quantized weights stay as they are, and this tuner changes them (`{name}`)",
                at="tuner",
                hint="tuner: lora",
            )


def check_stays(config: Any, path: str | None, module: nn.Module, tuner: Tuner) -> None:
    """Raise ModelError when the tuner, which has prepared the module, trains more than an adapter beside a checkpoint
    that is stored quantized."""
    method = stored_method(config)
    if method is not None and not tuner.is_adapter and any(p.requires_grad for p in module.parameters()):
        raise ModelError(
            f"{path} is quantized by `{method}`: its weights stay as they are, and this tuner changes them",
            at="tuner",
            hint="tuner: lora",
        )


def stored_method(config: Any) -> str | None:
    """The method by which a checkpoint's weights are quantized; None for plain ones."""
    values = getattr(config, "quantization_config", None)
    if values is None:
        return None
    values = values if isinstance(values, Mapping) else values.to_dict()
    method = values.get("quant_method")
    if method is None and (values.get("load_in_4bit") or values.get("load_in_8bit")):
        return "bitsandbytes"
    return str(getattr(method, "value", method))


def check_stored(config: Any, path: str) -> None:
    """Raise ModelError when the format of a quantized checkpoint is unknown, or a package that it needs is missing."""
    method = stored_method(config)
    if method is None:
        return
    known = {name.removesuffix("_4bit").removesuffix("_8bit") for name in AUTO_QUANTIZER_MAPPING} - {METHOD}
    if method not in known:
        raise ModelError(
            f"{path} is quantized by `{method}`, which transformers does not know",
            at="model.path",
            hint="pip install -U transformers",
        )
    missing = missing_packages(method)
    if missing:
        names = " and ".join(f"`{name}`" for name in missing)
        raise ModelError(
            f"{path} is quantized by `{method}`, which needs the package {names}",
            at="model.path",
            hint=f"pip install {' '.join(missing)}",
        )


def missing_packages(method: str) -> list[str]:
    """What transformers needs for a method and is not installed."""
    return [package for module, package in PACKAGES.get(method, {}).items() if not _is_there(module)]


@contextmanager
def unpacking(config: Any) -> Iterator[Callable[[nn.Module], None]]:
    """A block in which a checkpoint is loaded, with its bars kept quiet; gives what the loaded module is handed to.

    compressed-tensors unpacks weights at the first call of the whole model, and whet calls its parts.
    """
    if stored_method(config) != "compressed-tensors":
        with patient_bars():
            yield lambda module: None
        return
    with patient_unpacking(), torch.no_grad():
        yield lambda module: module(input_ids=torch.zeros(1, 1, dtype=torch.long), use_cache=False)


def streaming(how: Quantization) -> QuantizationConfigMixin:
    """What `from_pretrained` takes as `quantization_config` to pack each weight as it is read.

    Registers our quantizer with transformers under our own name, once.
    """
    if METHOD not in AUTO_QUANTIZER_MAPPING:
        register_quantization_config(METHOD)(_Config)
        register_quantizer(METHOD)(_Quantizer)
    return _Config(how)


class _Config(QuantizationConfigMixin):
    def __init__(self, how: Quantization) -> None:
        self.quant_method = METHOD
        self.how = how

    def to_dict(self) -> dict[str, Any]:
        return {"quant_method": METHOD, **self.how.as_dict()}


class _Quantizer(HfQuantizer):
    """Transformers' hook: it is asked for every weight, and its operation runs on each before the next is read.

    Weights are packed as they are stored, whatever the model computes in: whoever reads an adapter on this base packs
    it anew, and gets other values where a weight that was rounded before has crossed to another code.
    """

    def _process_model_before_weight_loading(self, model: Any, **kwargs: Any) -> None:
        how: Quantization = self.quantization_config.how
        self.names = {f"{name}.weight" for name in linears(model, how.keep)}
        self.dtype, self.kept = model.dtype, model._keep_in_fp32_modules_strict
        # What transformers (5.23) reads in float32 for a model in half precision.
        model._keep_in_fp32_modules_strict = {*(self.kept or ()), *self.names}

    def param_needs_quantization(self, model: nn.Module, param_name: str, **kwargs: Any) -> bool:
        return param_name in self.names

    def get_quantize_ops(self) -> ConversionOps:
        return _Pack(self.quantization_config.how.codec, self.dtype)

    def _process_model_after_weight_loading(self, model: Any, **kwargs: Any) -> Any:
        """The model is a plain one again, as far as transformers is concerned: ours is a matter of single tensors."""
        self.remove_quantization_config(model)
        model._keep_in_fp32_modules_strict = self.kept
        for parameter in model.parameters():
            if isinstance(parameter, Quantized):
                parameter.requires_grad_(False)
        mark(model, self.quantization_config.how)
        return model

    def is_serializable(self) -> bool:
        return False

    @property
    def is_trainable(self) -> bool:
        return True


class _Pack(ConversionOps):
    def __init__(self, codec: str, dtype: torch.dtype) -> None:
        self.codec, self.dtype = codec, dtype

    def convert(self, input_dict: dict[str, Any], *args: Any, **kwargs: Any) -> dict[str, torch.Tensor]:
        single = {name: value[0] if isinstance(value, list) else value for name, value in input_dict.items()}
        return {
            name: nn.Parameter(Quantized.of(value, self.codec, self.dtype), requires_grad=False)
            for name, value in single.items()
        }


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False

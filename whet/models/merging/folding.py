"""An adapter of any mergeable method of PEFT, folded into the weights of one module at a time."""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from whet.base.errors import ModelError, first_line
from whet.models.merging.layers import UNMERGEABLE, plain
from whet.models.tuning.adapter_files import stored_weights
from whet.models.tuning.wrapper import quiet

_PREFIX = "base_model.model."
_ROWS = ".token_adapter.trainable_tokens_delta"
# Their layers are made from all the weights of the base together, so that none can be built without the others.
_OF_THE_WHOLE = ("FROD", "RANDLORA", "UNILORA")


def needs_whole_base(path: str) -> bool:
    """Whether the adapter's method can only be merged with the whole base in memory."""
    return _config(path).peft_type in _OF_THE_WHOLE


class Adapter:
    """What an adapter folder does to the weights of its base: a `Change`.

    PEFT's own layers do the arithmetic, in float32 and on real weights, since some methods (DoRA, PiSSA, OFT) depend
    on these. Raises ModelError for a method that cannot be merged, and where names or shapes are not the base's.
    """

    def __init__(self, path: str, skeleton: nn.Module) -> None:
        self.path = path
        self._config = _config(path)
        self._state = stored_weights(path)
        self._owners, self._replaced, self._rows = self._sorted(skeleton)
        self._kinds = {owner: skeleton.get_submodule(owner) for owner in self._owners}
        self._check_fit(skeleton)

    def touches(self, names: Sequence[str]) -> bool:
        parts = (self._replaced, self._rows)
        return any(name.rpartition(".")[0] in self._owners or any(name in part for part in parts) for name in names)

    def unties(self, ends: Sequence[str]) -> bool:
        """Whether the two ends of a tie, changed by this adapter, may differ. Trained rows stand in both."""
        return any(name in self._replaced or name.rpartition(".")[0] in self._owners for name in ends)

    def applied(self, owner: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        found = {name: self._replaced[name].float() if name in self._replaced else w for name, w in weights.items()}
        for name in found.keys() & self._rows.keys():
            rows, values = self._rows[name]
            found[name] = found[name].index_copy(0, torch.tensor(rows), values.float())
        if owner not in self._owners:
            return found
        prefix = f"{owner}." if owner else ""
        module = copy.deepcopy(self._kinds[owner])
        _fill(module, {name.removeprefix(prefix): tensor.clone() for name, tensor in found.items()})
        layer = self._shared[owner] if self._shared else self._layer(owner, module)
        if self._shared:
            _fill(layer.get_base_layer(), dict(module.named_parameters(recurse=False)))
        merged = {f"{prefix}{name}": p.detach() for name, p in self._plain(layer).named_parameters(recurse=False)}
        if self._shared:
            _hollow(layer.get_base_layer())
        return {name: merged.get(name, tensor) for name, tensor in found.items()}

    @property
    def vocabulary(self) -> int | None:
        """Rows of the embedding, if the adapter brings a whole one."""
        rows = [len(tensor) for name, tensor in self._replaced.items() if name.endswith("embed_tokens.weight")]
        return rows[0] if rows else None

    def _sorted(
        self, skeleton: nn.Module
    ) -> tuple[dict[str, list[str]], dict[str, Tensor], dict[str, tuple[list[int], Tensor]]]:
        """Keys of the adapter by the module that they belong to, weights that it holds whole, and rows of weights."""
        modules: dict[str, nn.Module] = dict(skeleton.named_modules())
        known = {name: tensor.shape for name, tensor in skeleton.state_dict().items()}
        owners: dict[str, list[str]] = {}
        replaced: dict[str, Tensor] = {}
        rows: dict[str, tuple[list[int], Tensor]] = {}
        strange = []
        for key, tensor in self._state.items():
            name = key.removeprefix(_PREFIX).replace(".base_layer.", ".")
            owner = _owner(name, modules)
            if name.endswith(_ROWS):
                embedding = name.removesuffix(_ROWS)
                rows[f"{embedding}.weight"] = _indices(self._config, embedding), tensor
            elif name in known:
                replaced[name] = tensor
                is_embedding = isinstance(modules[name.rpartition(".")[0]], nn.Embedding) or name == "lm_head.weight"
                if tensor.shape[1:] != known[name][1:] or (tensor.shape != known[name] and not is_embedding):
                    strange.append(f"{name} {tuple(tensor.shape)} instead of {tuple(known[name])}")
            elif owner is None:
                if not _is_shared(self._config):
                    strange.append(name)
            else:
                owners.setdefault(owner, []).append(key)
        if strange or not (owners or replaced or rows):
            raise _unfit(self.path, strange or ["it has no weights"])
        return owners, replaced, rows

    def _check_fit(self, skeleton: nn.Module) -> None:
        """Put all of the adapter on weights that take no memory: shapes that differ show before anything is read."""
        self._shared: dict[str, Any] = {}
        if not self._owners:
            return
        whole = copy.deepcopy(skeleton)
        for owner in self._owners:
            _hollow(whole.get_submodule(owner))
        wrapper = _wrapped(whole, _narrowed(self._config, list(self._owners), reads_weights=False), self.path)
        own = {key for keys in self._owners.values() for key in keys}
        is_shared = _is_shared(self._config)
        others = self._replaced.keys() | {name.removesuffix(".weight") + _ROWS for name in self._rows}
        kept = {key for key in self._state if key.removeprefix(_PREFIX) not in others} if is_shared else own
        _load(wrapper, {key: self._state[key] for key in kept}, self.path)
        if is_shared:
            self._shared = {owner: wrapper.get_base_model().get_submodule(owner) for owner in self._owners}

    def _layer(self, owner: str, module: nn.Module) -> Any:
        """PEFT's layer around one module with its real weights, alone in a tree of the same names."""
        root = nn.Module()
        place = root
        *parents, last = owner.split(".")
        for parent in parents:
            place.add_module(parent, nn.Module())
            place = place.get_submodule(parent)
        place.add_module(last, module)
        wrapper = _wrapped(root, _narrowed(self._config, [owner], reads_weights=True), self.path)
        _load(wrapper, {key: self._state[key] for key in self._owners[owner]}, self.path)
        return wrapper.get_base_model().get_submodule(owner)

    def _plain(self, layer: Any) -> nn.Module:
        try:
            with quiet():
                return plain(layer)
        except UNMERGEABLE as error:
            raise _unmergeable(self._config, self.path, first_line(error)) from error


def _config(path: str) -> Any:
    from peft import PeftConfig
    from peft.mapping import PEFT_TYPE_TO_TUNER_MAPPING

    try:
        config = PeftConfig.from_pretrained(path)
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise ModelError(
            f"{path} is no adapter that PEFT knows: {error}", at=path, hint="pip install -U peft"
        ) from None
    if config.is_prompt_learning or config.is_adaption_prompt or config.peft_type not in PEFT_TYPE_TO_TUNER_MAPPING:
        raise _unmergeable(config, path, "it adds to the input and changes no weight")
    if config.peft_type in ("POLY", "SHADOW", "XLORA"):
        raise _unmergeable(config, path, "what it does depends on the input")
    return config


def _narrowed(config: Any, owners: list[str], *, reads_weights: bool) -> Any:
    """The adapter's config for these modules alone, to be loaded and merged and not trained."""
    narrow = copy.deepcopy(config)
    narrow.inference_mode, narrow.task_type, narrow.base_model_name_or_path = True, None, None
    for name in (
        "modules_to_save",
        "trainable_token_indices",
        "layers_to_transform",
        "layers_pattern",
        "exclude_modules",
    ):
        if hasattr(narrow, name):
            setattr(narrow, name, None)
    if getattr(narrow, "target_parameters", None) is None:
        narrow.target_modules = owners
    forward = getattr(config, "feedforward_modules", None)
    if forward is not None:
        narrow.feedforward_modules = [owner for owner in owners if _is_named(owner, forward)]
    pattern = getattr(config, "rank_pattern", None)
    if pattern and all(not isinstance(value, int) for value in pattern.values()):  # AdaLoRA: masks by full names
        narrow.rank_pattern = {k: v for k, v in pattern.items() if any(f"{owner}." in f"{k}." for owner in owners)}
    if not reads_weights and isinstance(getattr(narrow, "init_lora_weights", None), str):
        narrow.init_lora_weights = True
    return narrow


def _is_shared(config: Any) -> bool:
    """Whether layers of this method share tensors, so that one cannot be built without the others."""
    from peft.mapping import PEFT_TYPE_TO_TUNER_MAPPING

    return bool(getattr(PEFT_TYPE_TO_TUNER_MAPPING[config.peft_type], "uses_shared_state", False))


def _wrapped(root: nn.Module, config: Any, path: str) -> Any:
    from peft import PeftModel

    try:
        with quiet(), torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            # Of one module alone, PEFT says that the patterns for others found nothing.
            warnings.filterwarnings("ignore", message=".*(were set but no|did not match any targeted)")
            return PeftModel(root, config, autocast_adapter_dtype=False)
    except NotImplementedError as error:
        raise _unmergeable(config, path, first_line(error)) from error
    except (RuntimeError, ValueError, TypeError, ImportError) as error:
        raise _unfit(path, [first_line(error)]) from error


def _load(wrapper: Any, state: Mapping[str, Tensor], path: str) -> None:
    from peft import set_peft_model_state_dict

    widened = {key: tensor.float() if tensor.is_floating_point() else tensor for key, tensor in state.items()}
    try:
        with quiet():
            report = set_peft_model_state_dict(wrapper, widened)
    except (RuntimeError, KeyError) as error:
        lines = [line.strip() for line in str(error).splitlines() if "size mismatch" in line]
        raise _unfit(path, [_shapes(line) for line in lines] or [first_line(error)]) from error
    if report.unexpected_keys:
        raise _unfit(path, list(report.unexpected_keys))


def _shapes(line: str) -> str:
    """`name (2, 3) instead of (4, 3)` from torch's sentence."""
    match = re.search(r"mismatch for (\S+?): .*\[([\d, ]*)\]\).* \S+ shape .*\[([\d, ]*)\]", line)
    return f"{match[1].removeprefix(_PREFIX)} ({match[2]}) instead of ({match[3]})" if match else line


def _fill(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    for name, tensor in weights.items():
        if name in module._parameters:
            module._parameters[name] = nn.Parameter(tensor.detach(), requires_grad=False)
        else:
            module.register_buffer(name, tensor)


def _hollow(module: nn.Module) -> None:
    """Weights of the right shape that all lie on one number."""
    for name, parameter in module._parameters.items():
        if parameter is not None:
            module._parameters[name] = nn.Parameter(torch.zeros(()).expand(parameter.shape), requires_grad=False)


def _owner(name: str, modules: Mapping[str, nn.Module]) -> str | None:
    """The innermost module of the base that a key of the adapter names."""
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        owner = ".".join(parts[:length])
        if owner in modules:
            return owner if any(True for _ in modules[owner].parameters(recurse=False)) else None
    return None


def _indices(config: Any, embedding: str) -> list[int]:
    """The rows of an embedding that were trained."""
    given = config.trainable_token_indices
    if isinstance(given, dict):
        return next(list(rows) for name, rows in given.items() if _is_named(embedding, [name]))
    return list(given)


def _is_named(owner: str, names: Any) -> bool:
    if isinstance(names, str):
        return re.fullmatch(names, owner) is not None
    return any(owner == name or owner.endswith(f".{name}") for name in names)


def _unfit(path: str, names: Sequence[str]) -> ModelError:
    listed = "; ".join(names[:4]) + (f"; and {len(names) - 4} more" if len(names) > 4 else "")
    return ModelError(
        f"the adapter {path} does not fit the base: {listed}",
        at=path,
        hint=f"whet merge {_config(path).base_model_name_or_path or 'Qwen/Qwen3-0.6B'} --adapter {path}",
    )


def _unmergeable(config: Any, path: str, why: str) -> ModelError:
    kind = getattr(config.peft_type, "value", config.peft_type)
    return ModelError(
        f"a {kind} adapter cannot be merged: {why}", at=path, hint="serve it beside its base, or train a LoRA instead"
    )

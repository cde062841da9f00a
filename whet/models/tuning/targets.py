"""Which modules a method of PEFT gets: by name, by layer, or all that it can adapt. What selects nothing is refused."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from whet.base.errors import ConfigError, ModelError
from whet.contracts.model import ParamRole
from whet.models.blocks import LAST_OF_MLP, blocks
from whet.models.forward.heads import parts_of
from whet.models.roles import roles

ALL_LINEAR, NORMS, KEYS = "all-linear", "all-norms", "auto"
# What projections to keys and values are called, alone or with the queries in one.
_KEYS = (
    "k_proj", "v_proj", "kv_proj", "kv_b_proj", "qkv_proj", "query_key_value", "c_attn", "Wqkv", "qkv", "key", "value",
    "key_proj", "value_proj", "k", "v", "att_proj", "in_proj_qkv", "in_proj_qkvz", "wk", "wv",
)  # fmt: skip
# Layers that are adapted nowhere: the attribute of a module that tells which.
_LEFT_OUT = "whet_left_out"
_REPLY = "targets are names such as {}; or tuner.targets=all-linear"


def chosen_modules(
    targets: str | Sequence[str], exclude: str | Sequence[str], layers: Sequence[int], modules_to_save: Sequence[str]
) -> dict[str, Any]:
    """What the settings that most methods share are called by PEFT. Raises ConfigError for no targets at all."""
    if not targets or not all(targets):
        raise ConfigError("`targets` names nothing to adapt", at="tuner.targets", hint="tuner.targets=all-linear")
    named = {
        "target_modules": as_targets(targets),
        "exclude_modules": as_targets(exclude),
        "layers_to_transform": list(layers),
        "modules_to_save": list(modules_to_save),
    }
    return {name: value for name, value in named.items() if value}


def as_targets(value: str | Sequence[str]) -> str | list[str]:
    """Targets as PEFT takes them: a plain name is a list of one, any other text a regular expression."""
    if not isinstance(value, str):
        return list(value)
    if value in (ALL_LINEAR, NORMS, KEYS) or not re.fullmatch(r"[\w.]+", value):
        return value
    return [value]


def linear_names(module: Any, method: str = "LORA") -> list[str]:
    """Names of all linear layers that PEFT can adapt by a method, but the head's: their last parts, unless one of these
    names another module as well. What is left out is remembered at the module."""
    found = _linears(module)
    adaptable = {name for name, part in found.items() if is_plain_linear(part)}
    refused = _refused(module, {name.rsplit(".", 1)[-1] for name in adaptable}, method)
    kept = [name for name in found if name in adaptable and name.rsplit(".", 1)[-1] not in refused]
    object.__setattr__(module, _LEFT_OUT, [name for name in found if name not in set(kept)])
    return shortest(module, kept)


def check_any(module: nn.Module, names: Sequence[str], method: str) -> None:
    """Raise ModelError where none of the model's layers is linear in the way that PEFT adapts, with what they are."""
    if names:
        return
    others = [(name, part) for name, part in module.named_modules() if _is_matrix(part)]
    kinds = dict.fromkeys(f"{type(part).__name__} ({name.rsplit('.', 1)[-1]})" for name, part in others)
    raise ModelError(
        f"no layer of this model can be adapted by `{method.lower()}`: its weights lie in {', '.join(list(kinds)[:6])}",
        at="tuner", hint="tuner=full, or tuner.kind=freeze",
    )  # fmt: skip


def _is_matrix(part: nn.Module) -> bool:
    """Whether the module holds a matrix itself, and is no embedding."""
    own = [parameter for parameter in part.parameters(recurse=False) if parameter.dim() > 1]
    return bool(own) and not isinstance(part, nn.Embedding)


def left_out(module: nn.Module) -> list[str]:
    """Notices of the linear layers that PEFT cannot adapt."""
    names = module.__dict__.get(_LEFT_OUT) or ()
    kinds = {re.sub(r"\.\d+\.", ".*.", name) for name in names}
    return [f"the adapter leaves out {', '.join(sorted(kinds))}: PEFT cannot adapt such layers."] if kinds else []


def shortest(module: nn.Module, names: Sequence[str]) -> list[str]:
    """The last parts of modules' names, where these call no other module; else the names themselves."""
    ends = list(dict.fromkeys(name.rsplit(".", 1)[-1] for name in names))
    is_plain = sum(name.rsplit(".", 1)[-1] in ends for name, _ in module.named_modules()) == len(names)
    return ends if is_plain else list(names)


def norm_names(module: nn.Module) -> list[str]:
    """Names of all norms with parameters: their last parts."""
    of_norms = {name.rpartition(".")[0] for name, role in roles(module).items() if role is ParamRole.NORM}
    return list(dict.fromkeys(name.rsplit(".", 1)[-1] for name in sorted(of_norms)))


def key_names(module: nn.Module) -> tuple[list[str], list[str]]:
    """The projections to keys and values with the last layers of the MLPs, and the latter alone: what (IA)3 scales.

    A model without such names has all its linear layers scaled.
    """
    names = [name for name, part in _linears(module).items() if is_plain_linear(part)]
    inner = [n for n in names if n.rsplit(".", 1)[-1] in LAST_OF_MLP and not _is_of_attention(module, n)]
    keys = [n for n in names if n.rsplit(".", 1)[-1] in _KEYS and n not in inner]
    if not keys:
        return shortest(module, names), []
    together = shortest(module, [*keys, *inner])
    return together, [name for name in together if name in inner or name in {n.rsplit(".", 1)[-1] for n in inner}]


def is_plain_linear(part: nn.Module) -> bool:
    """Whether a linear layer is one: a few models have classes of their own, such as routers that give several things.

    A layer whose class brings its own forward is asked on meta for the shape of what it gives.
    """
    kind: Any = type(part)
    if kind.forward is nn.Linear.forward or not kind.__module__.startswith(
        ("transformers.models.", "transformers_modules")
    ):
        return True
    layer: Any = part
    empty = {name: torch.empty_like(p, device="meta") for name, p in layer.named_parameters()}
    empty |= {name: torch.empty_like(b, device="meta") for name, b in layer.named_buffers()}
    if not hasattr(layer, "in_features"):
        return True
    try:
        given = torch.func.functional_call(layer, empty, (torch.empty(2, 3, layer.in_features, device="meta"),))
    except Exception:  # whatever it wants, it is not what a linear layer takes
        return False
    return isinstance(given, Tensor) and given.shape == (2, 3, layer.out_features)


def check_selected(module: Any, settings: dict[str, Any]) -> None:
    """Raise ModelError for a name or a layer among PEFT's settings that selects nothing, with the nearest name."""
    modules = [name for name, _ in module.named_modules() if name]
    targets = settings.get("target_modules")
    if targets is not None:
        _check_names(modules, targets, "tuner.targets", linear_names(module))
        _check_adaptable(module, targets)
    _check_names(modules, settings.get("exclude_modules"), "tuner.exclude", linear_names(module))
    ends = shortest(module, [n for n, p in module.named_modules() if n and next(p.parameters(), None) is not None])
    _check_names(modules, settings.get("modules_to_save"), "tuner.modules_to_save", ends)
    named = [name for name, _ in module.named_parameters()]
    _check_names(named, settings.get("target_parameters"), "tuner.parameters", named)
    _check_layers(module, settings.get("layers_to_transform") or ())


def check_targeted(names: Sequence[str], settings: dict[str, Any]) -> None:
    """Raise ModelError for a layer, or a rank of its own, that none of the adapted modules has."""
    for layer in settings.get("layers_to_transform") or ():
        if not any(f".{layer}." in f".{name}" for name in names):
            raise ModelError(
                f"layer {layer} has none of the targets",
                at="tuner.layers",
                hint="tuner.layers=[] is all of them",
            )
    for setting in ("rank_pattern", "alpha_pattern"):
        for pattern in settings.get(setting) or ():
            if isinstance(pattern, str) and not any(re.match(rf"(.*\.)?({pattern})$", name) for name in names):
                raise ModelError(
                    f"no adapted module matches `{pattern}`", at=f"tuner.settings.{setting}",
                    hint=f"names look like {names[0]}",
                )  # fmt: skip


def _linears(module: Any) -> dict[str, nn.Module]:
    """All linear layers but the head's."""
    from transformers.pytorch_utils import Conv1D

    head = module.get_output_embeddings() if hasattr(module, "get_output_embeddings") else None
    others = tuple(f"{name}." for name in parts_of(module))
    return {
        name: part
        for name, part in module.named_modules()
        if isinstance(part, nn.Linear | Conv1D) and part is not head and not f"{name}.".startswith(others)
    }


def _refused(module: Any, names: Iterable[str], method: str) -> set[str]:
    """Those names that PEFT refuses in this architecture, tried one by one; none where it refuses all of them."""
    from peft import inject_adapter_in_model
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    refused, names = set(), sorted(names)
    for name in names:
        root: Any = nn.Module()
        root.config = module.config
        root.add_module(name, nn.Linear(4, 4, device="meta"))
        try:
            inject_adapter_in_model(PEFT_TYPE_TO_CONFIG_MAPPING[method](target_modules=[name]), root)
        except ValueError as error:
            if "incompatible" in str(error):
                refused.add(name)
        except Exception:  # of something else than the name
            return set()
    return refused if len(refused) < len(names) else set()


def _check_names(known: Sequence[str], wanted: Any, at: str, near: Sequence[str]) -> None:
    hint = _REPLY.format(", ".join(near[:4])) if at == "tuner.targets" else f"names such as {', '.join(near[:4])}"
    if isinstance(wanted, str):
        try:
            found = any(re.fullmatch(wanted, name) for name in known)
        except re.error as error:
            raise ModelError(f"`{wanted}` is no regular expression: {error}", at=at, hint=hint) from None
        if not found:
            raise ModelError(f"no module matches `{wanted}` as a whole", at=at, hint=hint)
        return
    what = "parameter" if at == "tuner.parameters" else "module"
    for name in wanted or ():
        if not any(one == name or one.endswith(f".{name}") for one in known):
            ends = dict.fromkeys([*near, *(one.rsplit(".", 1)[-1] for one in known), *known])
            close = difflib.get_close_matches(name, list(ends), n=1)
            raise ModelError(
                f"no {what} is called `{name}`", at=at, hint=f"did you mean `{close[0]}`?" if close else hint
            )


def _check_adaptable(module: nn.Module, targets: str | Sequence[str]) -> None:
    for name, part in _linears(module).items():
        if isinstance(targets, str):
            chosen = re.fullmatch(targets, name) is not None
        else:
            chosen = any(name == one or name.endswith(f".{one}") for one in targets)
        if chosen and not is_plain_linear(part):
            raise ModelError(
                f"`{name}` is a {type(part).__name__}, which PEFT cannot adapt", at="tuner.targets",
                hint="tuner.targets=all-linear, which leaves it out",
            )  # fmt: skip


def check_inner(targets: Any, inner: Any) -> None:
    """Raise ModelError for a feedforward module that is no target."""
    if not isinstance(targets, list | set) or isinstance(inner, str):
        return
    for name in inner or ():
        if not any(f".{one}".endswith(f".{name}") or f".{name}".endswith(f".{one}") for one in targets):
            raise ModelError(
                f"`{name}` is none of the targets", at="tuner.feedforward", hint=f"some of {', '.join(sorted(targets))}"
            )


def _check_layers(module: nn.Module, layers: Sequence[int] | int) -> None:
    if not layers:
        return
    count = len(blocks(module)[1])
    beyond = [layer for layer in ([layers] if isinstance(layers, int) else layers) if layer >= count]
    if beyond:
        raise ModelError(
            f"the model has {count} layers, counted from 0, and no layer {beyond[0]}",
            at="tuner.layers", hint=f"tuner.layers=[{count - 1}] is the last one",
        )  # fmt: skip


def _is_of_attention(module: nn.Module, name: str) -> bool:
    owner = name.rpartition(".")[0]
    kind = type(module.get_submodule(owner)).__name__.lower() if owner else ""
    return "attention" in kind or "attn" in kind or "delta" in kind

"""Which modules of a model are cut over the `tensor` axis, and how: by its plan in transformers, or a derived one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from peft.tuners.lora import Linear as LoraLinear
from torch import nn

from whet.base.errors import ModelError
from whet.contracts.model import Loaded
from whet.kernels.quantized import Quantized
from whet.models.forward.backbone import unwrapped
from whet.parallel.derived_plan import derived
from whet.parallel.placed import numberless
from whet.parallel.styles import AT, HINT, Style


def styles_of(loaded: Loaded, size: int, experts: Collection[str] = ()) -> dict[str, Style]:
    """The style of each module that is cut, or that knows of the cut, by its name. The others are whole everywhere, but
    for `experts`, which are dealt out whole.

    Raises ModelError, with the arithmetic, where the plan does not divide the model by `size`, and where it has none.
    """
    module = loaded.module
    model: Any = unwrapped(module)
    names = {id(part): name for name, part in module.named_modules()}
    plan = {key: word for key, word in (getattr(model, "tp_plan", None) or {}).items() if word}
    if not any("*" in key for key in plan):  # some name the head alone
        plan = derived(loaded, size)
    found: dict[str, Style] = {}
    ends = (model.get_input_embeddings(), model.get_output_embeddings())
    for own, part in model.named_modules():
        if _holds(names[id(part)], experts) or any(part is end for end in ends):
            continue
        if (word := _word(plan, own)) is not None:
            found |= {names[id(one)]: style for one, style in _cut(own, part, _style(own, word), model, size)}
    if not experts and not any(style in (Style.COLUMNS, Style.GATHERED) for style in found.values()):
        raise ModelError(
            f"the layers of {type(model).__name__} have no plan in transformers that cuts them over ranks, and no "
            "linear layers that read each other", at=AT, hint=f"{HINT}, and parallel.shard",
        )  # fmt: skip
    dealt = {id(parameter) for name in experts for parameter in module.get_submodule(name).parameters()}
    for own, parameter in model.named_parameters():
        if id(parameter) not in dealt and (word := _word(plan, own)) is not None:
            _style(own, word)
    return found | {names[id(part)]: style for part, style in _ends(model, size)}


def parameters_of(part: nn.Module, style: Style) -> Iterator[tuple[str, int]]:
    """The own parameters of a module that are cut, and in which dimension."""
    if style.dim is None:
        return
    for name, parameter in part.named_parameters(recurse=False):
        if parameter.dim() > style.dim and (parameter.dim() > 1 or style.dim == 0):
            yield name, style.dim


def _holds(name: str, experts: Collection[str]) -> bool:
    """Whether a module is one of these, or what an adapter has put around it."""
    return any(one == name or one.startswith(f"{name}.base_layer") for one in experts)


def _word(plan: Mapping[str, str], own: str) -> str | None:
    """What the plan says of a name, in which layers are numbered."""
    return plan.get(own) or plan.get(numberless(own))


def _style(own: str, word: str) -> Style:
    try:
        return Style(word)
    except ValueError:
        raise ModelError(
            f"transformers cuts `{own}` as `{word}`, which whet does not train", at=AT, hint=f"{HINT}, or another model"
        ) from None


def _cut(own: str, part: nn.Module, style: Style, model: nn.Module, size: int) -> Iterator[tuple[nn.Module, Style]]:
    """The parts of a module that a plan names: itself, or a layer and what an adapter has put beside it."""
    if style in (Style.SUMMED, Style.HEADS):
        yield part, style
        return
    base = part.base_layer if isinstance(part, LoraLinear) else part
    if type(base) is not nn.Linear or isinstance(base.weight, Quantized):
        packed = isinstance(getattr(base, "weight", None), Quantized)
        what = "is quantized" if packed else f"is a {type(base).__name__}"
        raise ModelError(f"`{own}` {what}, which whet does not cut over ranks", at=AT, hint=HINT)
    _divide(own, base, style, model, size)
    yield base, style
    if isinstance(part, LoraLinear):
        yield from _adapter(own, part, style)


def _adapter(own: str, part: LoraLinear, style: Style) -> Iterator[tuple[nn.Module, Style]]:
    """The matrices of LoRA: the second is cut with the outputs, the first with the inputs."""
    beside = {name.partition(".")[0] for name, _ in part.named_parameters()} - {"base_layer", "lora_A", "lora_B"}
    if beside:
        raise ModelError(
            f"the adapter of `{own}` has a `{sorted(beside)[0]}`, which whet does not cut over ranks", at=AT, hint=HINT
        )
    matrices = {Style.COLUMNS: part.lora_B, Style.ROWS: part.lora_A}.get(style)
    for matrix in () if matrices is None else matrices.values():
        yield matrix, style
    for noise in part.lora_dropout.values() if style is Style.ROWS else ():
        if isinstance(noise, nn.Dropout):
            yield noise, Style.NOISE


def _divide(own: str, part: nn.Linear, style: Style, model: nn.Module, size: int) -> None:
    """Raise ModelError where sizes, or heads of attention, are no multiples of the number of ranks."""
    width, what = (part.out_features, "outputs") if style.dim == 0 else (part.in_features, "inputs")
    head = getattr(model.get_submodule(own.rpartition(".")[0]), "head_dim", None)
    if style is Style.COLUMNS and head and width % head == 0:
        width, what = width // head, f"heads of {head}"
    if width % size:
        raise ModelError(
            f"`{own}` has {width} {what}, and {width} / {size} leaves a rest of {width % size}", at=AT,
            hint=f"parallel.tensor={_divisor(width, size)}",
        )  # fmt: skip


def _divisor(width: int, size: int) -> int:
    return next(smaller for smaller in range(size, 0, -1) if width % smaller == 0)


def _ends(model: Any, size: int) -> Iterator[tuple[nn.Module, Style]]:
    """Embeddings and head, by tokens, where these divide and nobody else reads the same weight."""
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    weights = [weight for end in (embedding, head) if (weight := getattr(end, "weight", None)) is not None]
    for weight in {id(weight): weight for weight in weights}.values():
        readers = [part for part in model.modules() if any(p is weight for p in part._parameters.values())]
        found = {part: _end(part, head) for part in readers}
        if not isinstance(weight, Quantized) and len(weight) % size == 0 and None not in found.values():
            yield from found.items()  # type: ignore[misc]


def _end(part: nn.Module, head: nn.Module | None) -> Style | None:
    """How one that reads the weight of tokens is cut; None for one that is not."""
    if isinstance(part, nn.Embedding):
        return Style.TOKENS
    return Style.GATHERED if part is head and type(head) is nn.Linear else None

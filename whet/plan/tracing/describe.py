"""The description of a class of models that a plan reads without torch: its shapes, and what its layers hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from whet.base.catalogue import tuner
from whet.base.errors import ModelError
from whet.contracts.model import Loaded
from whet.plan.architecture import FIRST
from whet.plan.formulas import added, names, value
from whet.plan.job import traced_tuners
from whet.plan.layers import kinds
from whet.plan.tracing.telling import RUN, Words, sizes
from whet.plan.tracing.trace import MICRO_BATCHES, Stretch, Traced, traced
from whet.plan.tracing.twins import build, defaults, standard, telling_config

# Dtypes of trained and of frozen weights, and of autocast, by what `train.precision` says.
PRECISIONS: Mapping[str, tuple[torch.dtype, torch.dtype, torch.dtype | None]] = {
    "fp32": (torch.float32, torch.float32, None),
    "bf16": (torch.float32, torch.bfloat16, torch.bfloat16),
    "bf16-pure": (torch.bfloat16, torch.bfloat16, None),
}
DRAWS = 400
# Powers of two between which sizes are drawn.
_USUAL = (6, 15)
_SPANS: Mapping[str, tuple[int, int]] = {
    "tokens": (7, 18), "trained": (6, 18), "chunk": (5, 14), "vocab_size": (9, 18),
    "num_attention_heads": (2, 7), "num_key_value_heads": (0, 5), "head_dim": (4, 8), "num_experts": (2, 8),
    "num_experts_per_tok": (0, 4), "n_shared_experts": (0, 2), "rank": (2, 8),
}  # fmt: skip


def describe(model_type: str, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Shapes and memory of a class of transformers, as formulas of its config. `changes` are what its config has
    beside sizes. Takes half a minute; raises ModelError where something is no product of sizes.
    """
    found: dict[str, Any] = {"model_type": model_type, "changes": dict(changes or {})}
    plain = [_built(model_type, which, changes, "full", "fp32", False, False) for which in (0, 1)]
    config = plain[0].module.config  # type: ignore[union-attr]
    found["names"], found["defaults"] = standard(config), defaults(model_type, changes)
    found["tied"] = _is_tied(model_type, changes)
    found["adapted"] = _adapted(model_type, changes)
    found |= _shapes(plain, _words(plain))
    found["memory"] = {
        mode: _memory(model_type, changes, mode) for mode in modes("tie_word_embeddings" in found["names"])
    }
    return found


def _is_tied(model_type: str, changes: Mapping[str, Any] | None) -> bool:
    from transformers import AutoConfig

    return bool(getattr(AutoConfig.for_model(model_type, **(changes or {})), "tie_word_embeddings", True))


def _adapted(model_type: str, changes: Mapping[str, Any] | None) -> list[str]:
    """Names, within a layer, of the weights beside which an adapter has matrices of low rank."""
    method = next(name for name in traced_tuners() if not tuner.get(name).facts.all_weights)
    loaded = _built(model_type, 0, changes, method, "fp32", False, False)
    marks = {name.removesuffix(".lora_A.default.weight") for name, _ in loaded.module.named_parameters()}
    within = {
        name.removeprefix(f"{layer}.") for name in marks for layer in loaded.layers if name.startswith(f"{layer}.")
    }
    return sorted(
        f"{name}.weight" for name in within if not name.endswith((".weight", ".bias")) and "lora_" not in name
    )


def modes(can_tie: bool = True) -> list[str]:
    """Names of what is traced: precision, tuner, `recompute` and `tied` where they are so."""
    return [
        " ".join([precision, method, *extra])
        for precision in PRECISIONS
        for method in traced_tuners()
        for extra in (["tied"], ["recompute"], ["recompute", "tied"], [])
        if "tied" not in extra or (tuner.get(method).facts.all_weights and can_tie)
    ]


def _built(
    model_type: str, which: int, changes: Mapping[str, Any] | None, method: str, precision: str, again: bool, tied: bool
) -> Loaded:
    settings = {name: RUN[name][which] for name in tuner.get(method).facts.traced or ()}
    made = tuner.get(method).build(**settings)
    trained, frozen, _ = PRECISIONS[precision]
    init = telling_config(model_type, which, tied=tied, changes=changes)
    return build(init, dtype=frozen if made.narrow else trained, method=made, recompute=again)


def _memory(model_type: str, changes: Mapping[str, Any] | None, mode: str) -> dict[str, Any]:
    precision, method, *extra = mode.split()
    built = [
        _built(model_type, which, changes, method, precision, "recompute" in extra, "tied" in extra) for which in (0, 1)
    ]
    a, b = (traced(one, which, PRECISIONS[precision][2]) for which, one in enumerate(built))
    if len(a.pieces) != len(b.pieces) or list(a.stretches) != list(b.stretches):
        raise ModelError(f"`{model_type}` computes other things with other sizes", hint="another model")
    words = _words(built)
    named = [words.bytes_of(one, other) for one, other in zip(a.pieces, b.pieces, strict=True)]
    layers = _kinds_of(built[0])
    chosen = {kind: number for number, kind in enumerate(layers)}  # the last of each kind
    if a.stretches["first forward 0"].left != a.stretches[f"first forward {chosen[layers[0]]}"].left:
        chosen[FIRST] = 0
    cast = _of_layers(a)
    return {
        "before": _told(a, "first before", named),
        "head": {turn: _told(a, f"{turn} head", named, cast) for turn in MICRO_BATCHES},
        "after": {turn: _told(a, f"{turn} after backward", named) for turn in MICRO_BATCHES},
        "layers": {
            kind: {
                "forward": _told(a, f"first forward {number}", named),
                "dropped": _dropped(a, number, named),
                **{turn: _told(a, f"{turn} backward {number}", named) for turn in MICRO_BATCHES},
            }
            for kind, number in chosen.items()
        },
    }


def _of_layers(a: Traced) -> frozenset[int]:
    """Pieces that were made in layers. Those that go with the loss (casts of weights, which autocast keeps until the
    forward pass is over) are as many as the model has layers, so they are told with these."""
    return frozenset(
        number
        for name, stretch in a.stretches.items()
        if " forward " in name
        for number, times in stretch.left
        if times > 0
    )


def _dropped(a: Traced, number: int, named: Sequence[tuple[str, float]]) -> dict[str, float]:
    made = {piece for piece, times in a.stretches[f"first forward {number}"].left if times > 0}
    gone = [(piece, 1) for piece, times in a.stretches["first head"].left if times < 0 and piece in made]
    return _split(gone, a, named)[0]


def _kinds_of(loaded: Loaded) -> list[str]:
    config = loaded.module.config.to_dict()  # type: ignore[union-attr, operator]
    return kinds(config, len(loaded.layers))


def _words(built: Sequence[Loaded]) -> Words:
    found = []
    for which, loaded in enumerate(built):
        config: Any = loaded.module.config
        values = {name: config.to_dict().get(own) for name, own in standard(config).items()}
        own = sizes(values, which)
        own.setdefault("head_dim", own["hidden_size"] / own["num_attention_heads"])
        found.append(own)
    return Words(*found)


def _told(
    a: Traced, name: str, named: Sequence[tuple[str, float]], others: frozenset[int] = frozenset()
) -> dict[str, Any]:
    """What a stretch leaves, and its high tides, without `others`: bytes by expression, those of gradients apart."""
    stretch = a.stretches.get(name, Stretch((), ()))
    tides = [_split([pair for pair in tide if pair[0] not in others], a, named) for tide in stretch.tides]
    left = [pair for pair in stretch.left if pair[0] not in others]
    return {"left": _split(left, a, named), "tides": highest(tides)}


def _split(pieces: Iterable[tuple[int, int]], a: Traced, named: Sequence[tuple[str, float]]) -> list[dict[str, float]]:
    parts = ([], [])  # type: tuple[list[dict[str, float]], list[dict[str, float]]]
    for number, times in pieces:
        expression, num_bytes = named[number]
        parts[number in a.gradients].append({expression: num_bytes * times})
    return [added(part) for part in parts]


def highest(tides: Sequence[Sequence[Mapping[str, float]]]) -> list[Sequence[Mapping[str, float]]]:
    """Those that are the highest of all for some sizes that models have: widths and lengths are drawn, 400 times."""
    if len(tides) < 2:
        return list(tides)
    draw, asked = (
        np.random.default_rng(0),
        {size for tide in tides for part in tide for text in part for size in names(text)},
    )
    sizes: Any = {size: 2.0 ** draw.uniform(*_SPANS.get(size, _USUAL), DRAWS) for size in sorted(asked)}
    if "chunk" in sizes:
        sizes["chunk"] = np.minimum(sizes["chunk"], sizes.get("trained", sizes["chunk"]))
    once = {text: np.broadcast_to(value(text, sizes), DRAWS) for tide in tides for part in tide for text in part}
    heights = [
        sum((num * once[text] for part in tide for text, num in part.items()), np.zeros(DRAWS)) for tide in tides
    ]
    return [tides[number] for number in sorted(set(np.argmax(heights, axis=0).tolist()))]


def _shapes(built: Sequence[Loaded], words: Words) -> dict[str, Any]:
    """Parameters outside of the layers, and of each kind of layer: name, role, expression of each dimension."""
    layers, names = _kinds_of(built[0]), built[0].layers
    ends, found = [], {kind: [] for kind in layers}  # type: tuple[list[Any], dict[str, list[Any]]]
    others = dict(built[1].module.named_parameters())
    for name, parameter in built[0].module.named_parameters():
        shape = [_dimension(words, *pair) for pair in zip(parameter.shape, others[name].shape, strict=True)]
        layer = next((number for number, one in enumerate(names) if name.startswith(f"{one}.")), None)
        told = [name if layer is None else name.removeprefix(f"{names[layer]}."), str(built[0].roles[name]), shape]
        if layer is None:
            ends.append(told)
        else:
            found[layers[layer]].append(told)
    for kind, parameters in found.items():
        count = layers.count(kind)
        once = parameters[: len(parameters) // count]
        if parameters != once * count:
            raise ModelError(f"layers of the kind `{kind}` differ in their weights", hint="another model")
        found[kind] = once
    return {"ends": ends, "layers": found}


def _dimension(words: Words, a: int, b: int) -> str:
    found = words.of(a, b)
    if found is None:
        raise ModelError(f"a dimension of {a} and {b} follows from no sizes", hint="whet/plan/tracing/telling.py")
    times, expression = found
    factor = "" if times == 1 else str(int(times) if times == int(times) else times)
    return "*".join(part for part in (factor, expression) if part) or "1"


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """The description as a file: JSON, an entry a line."""
    import json

    yield "{"
    yield from (f" {json.dumps(name)}: {json.dumps(found[name])}," for name in found if name != "memory")
    yield ' "memory": {'
    entries = [f"  {json.dumps(mode)}: {json.dumps(told)}" for mode, told in found["memory"].items()]
    yield ",\n".join(entries)
    yield " }\n}"

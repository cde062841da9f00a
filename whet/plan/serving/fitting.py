"""What makes a model fit that does not: settings together, fewer conversations, or more cards; each one is planned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from whet.base.mesh import Mesh
from whet.plan.serving.memory import ServingPlan
from whet.plan.serving.served import Serving, serving_mesh

_MORE_GPUS = (2, 4, 8)
_LESS = ("--concurrency", "--length")  # levers that do with less than was asked for


class Way(NamedTuple):
    """What is typed, and the plan with it, which fits."""

    words: str
    plan: ServingPlan


def ways(plan: ServingPlan) -> list[Way]:
    """The first settings that hold all conversations, the fewest cards that do, and how many conversations this card
    holds with all that is packed. Where one setting alone holds them all, which is a lever, none are put together."""
    whole = [lever for lever in plan.levers() if not lever.setting.startswith(_LESS)]
    is_enough = any(lever.peak <= plan.budget for lever in whole)
    tried = [] if is_enough else [Way(words, ServingPlan(serving)) for words, serving in _packed(plan.serving)]
    found = [way for way in tried if way.plan.fits][:1]
    more = (Way(f"--gpus {serving.mesh.ranks}", ServingPlan(serving)) for serving in _on_more(plan.serving))
    found += [way for way in more if way.plan.fits][:1]
    if tried and not tried[-1].plan.fits and (most := tried[-1].plan.most_conversations()):
        fewer = tried[-1].plan.serving.where(concurrency=most)
        found.append(Way(f"{tried[-1].words} --concurrency {most}", ServingPlan(fewer)))
    return found


def _packed(serving: Serving) -> Iterator[tuple[str, Serving]]:
    """Weights and cache in fewer bits, those that narrow numbers least first."""
    small = serving.cache_dtype != "fp8" and serving.card.rate("fp8") is not None
    for packed in ("int8", "nf4") if serving.quantize is None and serving.card.vendor == "nvidia" else ():
        cache = "fp8" if small else serving.cache_dtype
        words = f"model.quantize={packed}" + " --kv-cache-dtype fp8" * small
        yield words, serving.where(quantize=packed, cache_dtype=cache)


def _on_more(serving: Serving) -> Iterator[Serving]:
    """The same on more cards of the kind; none where a mesh was given, and of a processor."""
    if serving.card.kind == "cpu" or serving.mesh != Mesh():
        return
    for gpus in _MORE_GPUS:
        yield serving.where(mesh=serving_mesh(serving.model, serving.card, gpus))

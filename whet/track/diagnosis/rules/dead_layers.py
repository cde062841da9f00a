"""`dead-layers`: layers that get no gradient, or give on the same whatever comes in."""

from __future__ import annotations

from collections.abc import Iterator

from whet.base.catalogue import diagnosis
from whet.base.settings import Count, NonNegative
from whet.track.diagnosis.finding import Figure, Finding, Message
from whet.track.diagnosis.recorded_run import RecordedRun

_WRITER = "layers"
_GRADIENTS, _ACTIVATIONS = ("gradients/", "/norm"), ("activations/", "/std")


@diagnosis("dead-layers")
def dead_layers(
    run: RecordedRun, *, looks: Count = 2, steps: Count = 20, share: NonNegative = 1e-9
) -> Iterator[Finding]:
    """Layers without a gradient, or whose outputs are all alike.

    looks: how often a layer was looked at (track.layers_every), at least
    steps: how many of the whole model are without a gradient, at least
    share: of the median layer's norm, up to which it counts as none
    """
    dead = _without(run, _GRADIENTS, looks, share)
    still = _without(run, _ACTIVATIONS, looks, share)
    if dead or still:
        name = next(iter({**dead, **still}))
        about = {"layers": ", ".join(list({**dead, **still})[:4]), "count": len({**dead, **still})}
        figures = [Figure(f"gradients of {one}", value, writer=_WRITER) for one, value in list(dead.items())[:8]]
        figures += [Figure(f"spread of {one}", value, writer=_WRITER) for one, value in list(still.items())[:8]]
        kind = _GRADIENTS if dead else _ACTIVATIONS
        series = run.series(f"{kind[0]}{name}{kind[1]}", _WRITER)
        yield Finding(
            "warning", int(series.first_steps[0]), int(series.steps[-1]),
            Message("dead-layers" if dead else "dead-layers.still", about), Message("dead-layers.remedy"),
            "track.layers_every=1", run.view("charts", f"{kind[0]}{name}{kind[1]}"), figures,
        )  # fmt: skip
    yield from _whole(run, steps)


def _without(run: RecordedRun, kind: tuple[str, str], looks: int, share: float) -> dict[str, float]:
    """Layers whose figure has been next to nothing each time, with its highest value, where others have more."""
    import numpy as np

    beginning, end = kind
    highest: dict[str, float] = {}
    for name in run.logs.names(_WRITER) if _WRITER in run.logs.writers else ():
        series = run.series(name, _WRITER)
        if name.startswith(beginning) and name.endswith(end) and len(series) >= looks:
            highest[name.removeprefix(beginning).removesuffix(end)] = float(np.nanmax(series.high, initial=0.0))
    if len(highest) < 2:
        return {}
    least = share * float(np.median(list(highest.values())))
    dead = {name: value for name, value in highest.items() if value <= least}
    return dead if len(dead) < len(highest) else {}


def _whole(run: RecordedRun, steps: int) -> Iterator[Finding]:
    """A model that has learned nothing: its gradient is 0 in every step."""
    norms = run.series(run.norm)
    if len(norms) < 2 or run.logs.num_points(run.norm or "") < steps or (norms.high != 0).any():
        return
    at = int(norms.first_steps[0]), int(norms.steps[-1])
    yield Finding(
        "error", *at, Message("dead-layers.all", {"steps": run.logs.num_points(run.norm or "")}),
        Message("dead-layers.all.remedy"), f"whet show {run.name} --step {at[0]}", run.view("charts", run.norm),
        [Figure(str(run.norm), 0.0, step=at[1])],
    )  # fmt: skip

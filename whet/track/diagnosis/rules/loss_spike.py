"""`loss-spike`: the loss leaps up for a few steps, and the gradient norm with it; which rows did it."""

# n steps of a curve

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from whet.base.catalogue import diagnosis
from whet.base.settings import Count, Fraction, Positive
from whet.track.diagnosis.finding import Figure, Finding, Message, Row
from whet.track.diagnosis.recorded_run import RecordedRun, row_of
from whet.track.diagnosis.series import Series, before, middle

if TYPE_CHECKING:
    import numpy as np

    from whet.track.recorded.row_frames import StepRows

# Steps that make a level, those that tell its noise, the fewest of both, and what is read around a suspected bucket.
_LEVEL, _WIDTH, _LEAST, _AROUND = 9, 64, 12, 256
# A level is known no better than to this share of it.
_FLOOR = 0.03
# Steps between two of one spike, and how many buckets are looked into.
_GAP, _CANDIDATES = 5, 20


@dataclass(frozen=True, slots=True)
class _Spike:
    """Steps from and to, the highest one with its loss, the level before, and how far above in deviations."""

    first: int
    last: int
    step: int
    loss: float
    level: float
    deviations: float


@dataclass(frozen=True, slots=True)
class _Limits:
    """Deviations of the loss, of the norm, and of the loss alone; and how many times the level it is."""

    deviations: float
    norm: float
    alone: float
    factor: float


@diagnosis("loss-spike")
def loss_spike(
    run: RecordedRun,
    *,
    deviations: Positive = 7.0,
    norm_deviations: Positive = 4.0,
    alone: Positive = 12.0,
    factor: Positive = 1.5,
    share: Fraction = 0.5,
    most: Count = 3,
) -> Iterator[Finding]:
    """The loss leaps up, and the gradient norm with it or the loss very far.

    deviations: robust deviations of the logarithm of the loss above its level in the steps before
    norm_deviations: the same of the gradient norm, at that step or the next
    alone: deviations of the loss from which on the gradient norm is not asked
    factor: how many times the level before it is at least
    share: part of the excess from which on one row is named as its cause
    most: spikes that are told one by one, the highest
    """
    if run.loss is None or not run.has_level:
        return
    found = _spikes(run, run.loss, _Limits(deviations, norm_deviations, alone, factor))
    for spike in sorted(found, key=lambda one: -one.deviations)[:most]:
        yield _told(run, spike, len(found), share)


def _spikes(run: RecordedRun, name: str, limits: _Limits) -> list[_Spike]:
    series = run.series(name)
    if series.is_whole:
        return _in(run, series.steps, series.mean, limits)
    found: dict[int, _Spike] = {}
    for first, last in _suspects(series, limits.factor):
        steps, values = run.window(name, first - _AROUND, last + _WIDTH)
        found |= {one.step: one for one in _in(run, steps, values, limits)}
    return list(found.values())


def _suspects(series: Series, factor: float) -> list[tuple[int, int]]:
    """Buckets of a long run whose highest point stands out, the farthest ones."""
    import numpy as np

    high, mean = np.log(np.maximum(series.high, 1e-12)), np.log(np.maximum(series.mean, 1e-12))
    level, spread = before(high, _LEVEL, _WIDTH, _LEAST)
    above = np.nan_to_num((high - level) / (spread + _FLOOR))
    stands_out = (above > 4) & (np.nan_to_num(high - mean) > 0.5 * np.log(factor))
    places = np.flatnonzero(stands_out)
    places = places[np.argsort(-above[places])][:_CANDIDATES]
    return [(int(series.first_steps[one]), int(series.steps[one])) for one in places]


def _in(run: RecordedRun, steps: np.ndarray, losses: np.ndarray, limits: _Limits) -> list[_Spike]:
    """Spikes in points of a curve."""
    import numpy as np

    if len(losses) <= _LEAST:
        return []
    logs = np.log(np.maximum(np.where(np.isfinite(losses), losses, np.nan), 1e-12))
    logs = np.where(np.isnan(logs), middle(logs), logs)
    level, spread = before(logs, _LEVEL, _WIDTH, _LEAST)
    above = np.nan_to_num((logs - level) / (spread + _FLOOR))
    start = middle(losses[:_LEAST])
    is_far = (logs - level > np.log(limits.factor)) & (losses - np.exp(level) > 0.05 * start)
    leaps = is_far & (above > limits.deviations)
    leaps &= (above > limits.alone) | _norm_leaps(run, steps, limits.norm)
    spikes = []
    for places in _together(np.flatnonzero(leaps).tolist()):
        if not _comes_back(logs, level, spread, places[-1]):
            continue  # it stays up: a divergence
        top = max(places, key=lambda place: above[place])
        first, last, at = (int(steps[one]) for one in (places[0], places[-1], top))
        spikes.append(_Spike(first, last, at, float(losses[top]), float(np.exp(level[places[0]])), float(above[top])))
    return spikes


def _norm_leaps(run: RecordedRun, steps: np.ndarray, deviations: float) -> np.ndarray:
    """Whether the gradient norm leaps at a step too, or at the next one; nowhere where it is not told."""
    import numpy as np

    if run.norm is None or not len(steps):
        return np.zeros(len(steps), bool)
    norm_steps, norms = run.window(run.norm, int(steps[0]), int(steps[-1]))
    if not len(norms):
        return np.zeros(len(steps), bool)
    logs = np.log(np.maximum(np.where(np.isfinite(norms), norms, 1e30), 1e-12))
    level, spread = before(logs, _LEVEL, _WIDTH, _LEAST)
    above = set(norm_steps[np.nan_to_num((logs - level) / (spread + _FLOOR)) > deviations].tolist())
    return np.array([one in above or one + 1 in above for one in steps.tolist()])


def _together(places: Sequence[int]) -> list[list[int]]:
    """Places that belong to one spike."""
    found: list[list[int]] = []
    for place in places:
        if found and place - found[-1][-1] <= _GAP:
            found[-1].append(place)
        else:
            found.append([place])
    return found


def _comes_back(logs: np.ndarray, level: np.ndarray, spread: np.ndarray, place: int) -> bool:
    """Whether the loss is at its level again soon, or the run ends before one could know."""
    after = logs[place + 1 : place + 1 + _WIDTH]
    return len(after) < 3 or bool((after < level[place] + 4 * (spread[place] + _FLOOR)).any())


def _told(run: RecordedRun, spike: _Spike, num: int, share: float) -> Finding:
    rows = run.rows([spike.step]).get(spike.step, [])
    figures = [
        Figure("loss", spike.loss, step=spike.step),
        Figure("level before", spike.level),
        Figure("deviations above", spike.deviations),
        Figure("spikes", num),
    ]
    if run.norm is not None:
        steps, norms = run.window(run.norm, spike.step - _WIDTH, spike.step)
        figures += [Figure("gradient norm", float(n), step=spike.step) for n in norms[steps == spike.step]]
        figures += [Figure("gradient norm before", middle(norms[steps < spike.step]))] if len(norms) > 1 else []
    worst, blame, usual = _worst(rows, spike.level)
    about = {"step": spike.step, "loss": spike.loss, "level": spike.level}
    view, typed = f"samples?step={spike.step}", f"whet show {run.name} --step {spike.step}"
    if worst and blame >= share:
        figures.append(Figure("share of the excess", blame, "share", spike.step))
        named = {"source": worst[0].source.rpartition("/")[2], "row": worst[0].row, "blame_share": blame}
        what, remedy = Message("loss-spike.row", {**about, **named}), Message("loss-spike.row.remedy", named)
    elif worst and usual > spike.level * 1.2:
        figures.append(Figure("median of the rows", usual, step=spike.step))
        what, remedy = Message("loss-spike.all", about), Message("loss-spike.all.remedy")
        rate = run.config.get("optimizer.lr")
        typed = f"optimizer.lr={rate / 2:.3g}" if isinstance(rate, int | float) and rate > 0 else typed
    else:
        what, remedy = Message("loss-spike", about), Message("loss-spike.remedy")
    return Finding("warning", spike.first, spike.last, what, remedy, typed, view, figures, worst)


def _worst(rows: Sequence[StepRows], level: float) -> tuple[list[Row], float, float]:
    """The rows with the highest losses, the part of the excess over the level that the first has, and their median.

    Of rows whose loss is a mean over tokens each weighs as many as it has.
    """
    import numpy as np

    places, losses, weights = [], [], []
    for step in rows:
        told = step.columns.get("loss")
        if told is None:
            continue
        places += [(step, index) for index in range(len(step))]
        losses.append(told.astype(float))
        weights.append(np.maximum(step.columns["tokens"].astype(float), 1.0))
    if not places or not any(np.isfinite(one).any() for one in losses):
        return [], 0.0, float("nan")
    all_losses, all_weights = np.concatenate(losses), np.concatenate(weights)
    excess = np.nan_to_num(np.maximum(all_losses - level, 0.0) * all_weights)
    order = np.argsort(-excess, kind="stable")
    blame = float(excess[order[0]] / excess.sum()) if excess.sum() > 0 else 0.0
    return [row_of(*places[one]) for one in order[:5]], blame if len(places) > 1 else 1.0, middle(all_losses)

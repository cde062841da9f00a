"""Drift: how far the requests of a stretch of time are from those of a first one, by a stated statistic.

Of numbers it is the two-sample Kolmogorov-Smirnov distance, the largest gap between the two shares below a value, with
the chance of a gap at least as large between draws of the same (Smirnov 1948, asymptotic). Of texts it is the
Jensen-Shannon divergence (Lin 1991; base 2, so from 0 to 1) of languages and of words, with the chance by permutation:
the requests of both stretches are dealt anew. A request is dealt whole, because its words are not independent.
"""

# B draws   n requests of a stretch   V words

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from whet.track.reading.languages import language_of, words_of

NUMBERS = ("prompt_tokens", "answer_tokens", "first_token_s", "duration_s")
TIME, TEXT = "time", "asked"
COLUMNS = (TIME, *NUMBERS, TEXT)
# A stretch of fewer requests says nothing.
LEAST = 20
# So many requests of a stretch are read for their texts, evenly drawn, and so many words are told apart.
SAMPLED, WORDS = 200, 255
# So often requests are dealt anew; the least chance that this can tell is one in (draws + 1).
DRAWS = 1999
# What is seen by chance in one of so many draws is `usual`.
_USUAL = 0.999
_TOLD = 3

Columns = Mapping[str, Sequence[Any]]


def drift(columns: Columns, windows: int) -> dict[str, Any]:
    """Requests, by their time, in so many stretches of equally many; the first one is what others are measured by. Of
    each: when, how many, and by field what is told of it, the distance and its chance."""
    times = columns[TIME]
    num = len(times)
    windows = max(1, min(windows, num // LEAST))
    ends = [num * i // windows for i in range(windows + 1)]
    parts = [slice(a, b) for a, b in zip(ends, ends[1:], strict=False) if b > a]
    texts = [_texts(columns[TEXT][part]) for part in parts]
    found = []
    for number, part in enumerate(parts):
        fields = {name: _measured(_values(columns[name][parts[0]]), _values(columns[name][part])) for name in NUMBERS}
        for name, split in (("language", lambda text: [language_of(text)]), ("words", words_of)):
            fields[name] = _of_texts(*([split(text) for text in texts[one]] for one in (0, number)))
        begin, end = times[part][0], times[part][-1]
        found.append({"begin": begin, "end": end, "count": part.stop - part.start, "fields": fields})
    return {"least": LEAST, "sampled": SAMPLED, "windows": found}


def distance(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """The Kolmogorov-Smirnov distance of two samples, and the chance of at least that between draws of the same."""
    first, second = np.sort(first), np.sort(second)
    every = np.concatenate([first, second])
    gaps = np.searchsorted(first, every, "right") / len(first) - np.searchsorted(second, every, "right") / len(second)
    largest = float(np.abs(gaps).max())
    return largest, _chance(largest * math.sqrt(len(first) * len(second) / (len(first) + len(second))))


def divergence(first: np.ndarray, second: np.ndarray, draws: int = DRAWS) -> tuple[float, float, float]:
    """The Jensen-Shannon divergence of two stretches whose requests (n, V) are counts; how much is usual between
    stretches of the same requests; and the chance of at least as much between such."""
    every = np.concatenate([first, second]).astype(np.float32)
    is_first = np.zeros((draws, len(every)), np.float32)
    is_first[:, : len(first)] = 1
    is_first = np.random.default_rng(0).permuted(is_first, axis=1)
    dealt = is_first @ every
    found = float(_jensen_shannon(first.sum(0), second.sum(0)))
    by_chance = _jensen_shannon(dealt, every.sum(0) - dealt)
    # Dealt as they are they come to the same but for rounding.
    chance = (1 + np.count_nonzero(by_chance >= found - 1e-7)) / (draws + 1)
    return found, float(np.quantile(by_chance, _USUAL)), float(chance)


def _jensen_shannon(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Of counts (..., V)."""
    p, q = (one / np.maximum(one.sum(-1, keepdims=True), 1) for one in (first.astype(float), second.astype(float)))
    return np.maximum(_entropy((p + q) / 2) - (_entropy(p) + _entropy(q)) / 2, 0.0)


def _entropy(shares: np.ndarray) -> np.ndarray:
    return -(shares * np.log2(np.where(shares > 0, shares, 1.0))).sum(-1)


def _chance(scaled: float) -> float:
    """P(K >= scaled) of Kolmogorov's distribution."""
    if scaled < 0.2:  # the series does not settle there, and the chance is 1 to fifteen digits
        return 1.0
    terms = (2 * (-1) ** (k - 1) * math.exp(-2 * k * k * scaled * scaled) for k in range(1, 101))
    return min(1.0, max(0.0, sum(terms)))


def _measured(reference: np.ndarray, values: np.ndarray) -> dict[str, Any]:
    if not (len(reference) and len(values)):
        return {"statistic": "ks", "median": None, "told": "", "distance": None, "usual": None, "chance": None}
    found, chance = distance(reference, values)
    median = float(np.median(values))
    return {"statistic": "ks", "median": median, "told": "", "distance": found, "usual": None, "chance": chance}


def _of_texts(reference: Sequence[Sequence[str]], texts: Sequence[Sequence[str]]) -> dict[str, Any]:
    """What is told are the commonest ones; where there is more drift than by chance those that have become commoner."""
    reference, texts = ([one for one in some if one] for some in (reference, texts))
    told: dict[str, Any] = {"statistic": "js", "median": None, "told": "", "distance": None, "usual": None}
    if min(len(reference), len(texts)) < LEAST // 2:
        return {**told, "chance": None}
    common = Counter(word for some in (*reference, *texts) for word in some).most_common(WORDS)
    place = {word: number for number, (word, _) in enumerate(common)}
    first, second = (_counts(some, place) for some in (reference, texts))
    found, usual, chance = divergence(first, second)
    before, now = (one.sum(0) / max(one.sum(), 1) for one in (first, second))
    weight = now if found <= usual else now - before
    order = [number for number in np.argsort(-weight, kind="stable").tolist() if number < len(common)][:_TOLD]
    words = ", ".join(f"{common[number][0]} {now[number]:.0%}" for number in order if weight[number] > 0)
    return {**told, "told": words, "distance": found, "usual": usual, "chance": chance}


def _counts(texts: Sequence[Sequence[str]], place: Mapping[str, int]) -> np.ndarray:
    """How often each text has each word; all other words are the last."""
    found = np.zeros((len(texts), len(place) + 1), np.float32)
    for number, words in enumerate(texts):
        for word in words:
            found[number, place.get(word, len(place))] += 1
    return found


def _texts(texts: Sequence[str | None]) -> list[str]:
    """Some of them, evenly drawn."""
    kept = [text for text in texts if text]
    return kept if len(kept) <= SAMPLED else [kept[len(kept) * i // SAMPLED] for i in range(SAMPLED)]


def _values(values: Sequence[Any]) -> np.ndarray:
    return np.array([float(value) for value in values if isinstance(value, int | float)])

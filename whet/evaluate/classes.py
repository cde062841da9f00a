"""Classifiers measured: how often they are right, for every class alike, and how near numbers come."""

# n units  C classes

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from whet.base.errors import ModelError
from whet.contracts.model import Head, Loaded
from whet.contracts.reading import Classes, Steps, Tags
from whet.contracts.sample import Sample
from whet.evaluate.correlation import pearson, spearman
from whet.evaluate.result import Figure, Result, Units, Watch
from whet.evaluate.scores import head, rows_of, samples_of, scores
from whet.evaluate.statistics import mean, proportion, share


def classification(loaded: Loaded, file: str, batch_tokens: int, watch: Watch | None) -> Result:
    """Accuracy and macro F1 of the classes of texts, of words, or of steps of solutions."""
    own = head(loaded)
    if own.kind == "token":
        return _tokens(loaded, own, file, batch_tokens, watch)
    problem = problem_of(own)
    if problem == "regression":
        raise ModelError("the model gives numbers, not classes", hint="--task regression")
    samples = _classified(loaded, own, problem, file)
    said_nC = np.concatenate(scores(loaded, samples, "scores", batch_tokens, watch))
    truth = np.stack([np.asarray(sample.fields["label"]) for sample in samples])
    if problem == "multi":
        chosen_nC, truth_nC = said_nC > 0, truth > 0.5
        hits = (chosen_nC == truth_nC).all(1)
        figures = {"exact": proportion(hits.tolist()), **_f1(chosen_nC, truth_nC, micro=True)}
        units = {"exact": Units(hits.astype(float).tolist())}
    else:
        chosen_n, width = said_nC.argmax(1), said_nC.shape[1]
        figures = {"accuracy": proportion((chosen_n == truth).tolist())}
        units = {"accuracy": Units((chosen_n == truth).astype(float).tolist())}
        figures |= _f1(np.eye(width)[chosen_n] > 0, np.eye(width)[truth] > 0)
    facts = {"rows": len(samples), "labels": list(own.labels or ())}
    return Result("classification", figures, facts=facts, units=units)


def regression(loaded: Loaded, file: str, batch_tokens: int, watch: Watch | None) -> Result:
    """The mean squared error, and the correlations with the true numbers (their mean, where a text has several)."""
    own = head(loaded)
    if own.kind != "sequence" or problem_of(own) != "regression":
        raise ModelError("the model gives classes, not numbers", hint="--task classification")
    samples = _classified(loaded, own, "regression", file)
    said_nC = np.concatenate(scores(loaded, samples, "scores", batch_tokens, watch)).astype(float)
    truth_nC = np.stack([np.asarray(sample.fields["label"], float) for sample in samples])
    pairs = list(zip(said_nC.T, truth_nC.T, strict=True))
    figures = {
        "mse": mean(((said_nC - truth_nC) ** 2).mean(1)),
        "spearman": _average([spearman(*pair) for pair in pairs]),
        "pearson": _average([pearson(*pair) for pair in pairs]),
    }
    return Result("regression", figures, facts={"rows": len(samples)})


def f1_scores(chosen_nC: np.ndarray, truth_nC: np.ndarray) -> np.ndarray:
    """F1 of each class (C,); NaN for a class that is neither there nor chosen."""
    hits_C = (chosen_nC & truth_nC).sum(0)
    sizes_C = chosen_nC.sum(0) + truth_nC.sum(0)
    return np.divide(2.0 * hits_C, sizes_C, out=np.full(len(hits_C), np.nan), where=sizes_C > 0)


def _tokens(loaded: Loaded, own: Head, file: str, batch_tokens: int, watch: Watch | None) -> Result:
    """Of tokens the unit is the row: its words hang together."""
    separator = own.notes.get("whet_separator")
    reading = Tags(own.labels) if separator is None else Steps(separator)
    rows = rows_of(file, {"tagged" if separator is None else "stepwise"})
    samples = samples_of(loaded, reading, rows)
    chosen = [part.argmax(1) for part in scores(loaded, samples, "token_scores", batch_tokens, watch)]
    truth = [_true(sample, separator is not None) for sample in samples]
    hits = [float((a == b).sum()) for a, b in zip(chosen, truth, strict=True)]
    figures = {"accuracy": share(hits, [len(one) for one in truth])}
    one_hot = np.eye(len(own.labels or ())) > 0
    found = f1_scores(one_hot[np.concatenate(chosen)], one_hot[np.concatenate(truth)])
    figures["macro_f1"] = Figure(float(np.nanmean(found)), len(samples))
    facts = {"rows": len(samples), "labelled": sum(map(len, truth)), "labels": list(own.labels or ())}
    units = {"accuracy": Units(hits, [float(len(one)) for one in truth])}
    return Result("classification", figures, facts=facts, units=units)


def _true(sample: Sample, is_chance: bool) -> np.ndarray:
    labels = np.asarray(sample.values["label"])[sample.weights > 0]
    return (labels > 0.5).astype(int) if is_chance else labels


def _classified(loaded: Loaded, own: Head, problem: str, file: str) -> list[Sample]:
    reading = Classes(problem, own.labels, own.notes.get("whet_template"))  # type: ignore[arg-type]
    return samples_of(loaded, reading, rows_of(file, {"classified"}))


def problem_of(own: Head) -> str:
    """What the scores are, by transformers' word for it, or as it guesses where the config has none."""
    named = {"single_label_classification": "single", "multi_label_classification": "multi", "regression": "regression"}
    return named.get(own.problem or "", "regression" if len(own.labels or ()) == 1 else "single")


def _f1(chosen_nC: np.ndarray, truth_nC: np.ndarray, *, micro: bool = False) -> Mapping[str, Figure]:
    n, found = len(truth_nC), f1_scores(chosen_nC, truth_nC)
    macro = {"macro_f1": Figure(float(np.nanmean(found)) if (found == found).any() else float("nan"), n)}
    if not micro:
        return macro
    return macro | {"micro_f1": Figure(float(f1_scores(chosen_nC.reshape(-1, 1), truth_nC.reshape(-1, 1))[0]), n)}


def _average(figures: Sequence[Figure]) -> Figure:
    return figures[0] if len(figures) == 1 else Figure(float(np.mean([f.value for f in figures])), figures[0].n)

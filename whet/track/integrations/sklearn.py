"""scikit-learn, which has no callbacks: what an estimator or a search has learned, logged once it has."""

from __future__ import annotations

from typing import Any

from whet.track.integrations.joining import joined, numbers
from whet.track.script import plot
from whet.track.script.media import Table
from whet.track.script.script_run import Run


def log_estimator(estimator: Any, X: Any, y: Any, *, prefix: str = "test/", **settings: Any) -> Run:
    """Record a fitted estimator: its parameters, its score on held-out rows, and what its kind has.

    Of classifiers accuracy, F1 (macro), confusion matrix, and with probabilities log loss and curves; of regressors
    R2, mean squared and mean absolute error; importances or coefficients of features as a table; the loss of each
    iteration where the estimator keeps one. `settings` are arguments of `whet.track.init`.
    """
    from sklearn.base import is_classifier, is_regressor

    run = joined(settings, {"estimator": type(estimator).__name__, **estimator.get_params()})
    for step, loss in enumerate(_losses(estimator)):
        run.log({"train/loss": float(loss)}, step=step)
    values: dict[str, Any] = {"score": float(estimator.score(X, y))}
    if is_classifier(estimator):
        values |= _of_classifier(estimator, X, y)
    elif is_regressor(estimator):
        values |= _of_regressor(estimator, X, y)
    run.log({f"{prefix}{name}": value for name, value in values.items()})
    weights = getattr(estimator, "feature_importances_", getattr(estimator, "coef_", None))
    if weights is not None:
        run.log({"features": _features(estimator, weights)})
    return run


def log_search(search: Any, **settings: Any) -> Run:
    """Record a fitted search (`GridSearchCV` and the like): scores of each candidate, and the best in the summary.

    Steps are the candidates in the order of `cv_results_`.
    """
    run = joined(settings, {"search": type(search).__name__, "estimator": type(search.estimator).__name__})
    results = search.cv_results_
    for place, parameters in enumerate(results["params"]):
        scores = {name: column[place] for name, column in results.items() if not name.startswith("param")}
        run.log({**numbers(scores), **{f"params/{name}": value for name, value in parameters.items()}}, step=place)
    run.summary.update({"best_score": float(search.best_score_), "best_params": search.best_params_})
    return run


def _losses(estimator: Any) -> Any:
    for name in ("loss_curve_", "train_score_"):
        if (found := getattr(estimator, name, None)) is not None:
            return found
    return ()


def _of_classifier(estimator: Any, X: Any, y: Any) -> dict[str, Any]:
    import numpy as np
    from sklearn import metrics

    guessed, classes = estimator.predict(X), list(estimator.classes_)
    place = {one: number for number, one in enumerate(classes)}
    true, found = ([place[one] for one in labels] for labels in (np.asarray(y).tolist(), guessed.tolist()))
    names = [str(one) for one in classes]
    values = {
        "accuracy": float(metrics.accuracy_score(y, guessed)),
        "f1": float(metrics.f1_score(y, guessed, average="macro")),
        "confusion": plot.confusion_matrix(y_true=true, preds=found, class_names=names),
    }
    if hasattr(estimator, "predict_proba"):
        shares = estimator.predict_proba(X)
        values["log_loss"] = float(metrics.log_loss(y, shares, labels=classes))
        values["roc"] = plot.roc_curve(true, shares, labels=names)
        values["pr"] = plot.pr_curve(true, shares, labels=names)
    return values


def _of_regressor(estimator: Any, X: Any, y: Any) -> dict[str, Any]:
    from sklearn import metrics

    guessed = estimator.predict(X)
    return {
        "r2": float(metrics.r2_score(y, guessed)),
        "mse": float(metrics.mean_squared_error(y, guessed)),
        "mae": float(metrics.mean_absolute_error(y, guessed)),
    }


def _features(estimator: Any, weights: Any) -> Table:
    import numpy as np

    size = np.abs(np.asarray(weights, float)).reshape(-1, np.asarray(weights).shape[-1]).mean(axis=0)
    names = list(getattr(estimator, "feature_names_in_", [f"feature {n}" for n in range(len(size))]))
    order = np.argsort(-size)
    return Table(columns=["feature", "weight"], data=[[str(names[n]), float(size[n])] for n in order])

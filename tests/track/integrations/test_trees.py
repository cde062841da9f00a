"""Boosted trees: each round's metrics are those that the library itself keeps."""

import numpy as np
import pytest

from tests.track.integrations.conftest import curve, same

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4))
Y = (X[:, 0] + 0.3 * RNG.normal(size=200) > 0).astype(int)


@pytest.mark.integration("XGBoost", packages=("xgboost",), through="WhetCallback")
def test_xgboost(recorded):
    import xgboost

    from whet.track.integrations.xgboost import WhetCallback

    kept: dict = {}
    train, test = xgboost.DMatrix(X[:150], Y[:150]), xgboost.DMatrix(X[150:], Y[150:])
    parameters = {"objective": "binary:logistic", "eval_metric": ["logloss", "auc"], "nthread": 1}
    model = xgboost.train(
        parameters, train, 6, evals=[(train, "train"), (test, "test")], evals_result=kept, verbose_eval=False,
        callbacks=[WhetCallback(project="trees")],
    )  # fmt: skip
    logs = recorded()
    for data, metrics in kept.items():
        for metric, values in metrics.items():
            assert curve(logs, f"{data}/{metric}") == dict(enumerate(values))
    summary = [event.payload for event in logs.events("summary")][0]["values"]
    assert summary["importance"] == model.get_score(importance_type="gain")


@pytest.mark.integration("XGBoost (scikit-learn classes)", packages=("xgboost", "scikit-learn"), through="WhetCallback")
def test_xgboost_classifier(recorded):
    import xgboost

    from whet.track.integrations.xgboost import WhetCallback

    model = xgboost.XGBClassifier(n_estimators=5, n_jobs=1, callbacks=[WhetCallback()], eval_metric="logloss")
    model.fit(X[:150], Y[:150], eval_set=[(X[150:], Y[150:])], verbose=False)
    assert same(curve(recorded(), "validation_0/logloss").values(), model.evals_result()["validation_0"]["logloss"])


@pytest.mark.integration("LightGBM", packages=("lightgbm",), through="WhetCallback")
def test_lightgbm(recorded):
    import lightgbm

    from whet.track.integrations.lightgbm import WhetCallback

    kept: dict = {}
    train = lightgbm.Dataset(X[:150], Y[:150])
    lightgbm.train(
        {"objective": "binary", "metric": ["auc", "binary_logloss"], "verbose": -1, "num_threads": 1}, train, 6,
        valid_sets=[train, lightgbm.Dataset(X[150:], Y[150:], reference=train)], valid_names=["train", "test"],
        callbacks=[lightgbm.record_evaluation(kept), WhetCallback(project="trees")],
    )  # fmt: skip
    logs = recorded()
    for data, metrics in kept.items():
        for metric, values in metrics.items():
            assert curve(logs, f"{data}/{metric}") == dict(enumerate(values))


@pytest.mark.integration("CatBoost", packages=("catboost",), through="WhetCallback")
def test_catboost(recorded):
    import catboost

    from whet.track.integrations.catboost import WhetCallback

    model = catboost.CatBoostClassifier(iterations=6, verbose=False, thread_count=1, allow_writing_files=False)
    model.fit(X[:150], Y[:150], eval_set=(X[150:], Y[150:]), callbacks=[WhetCallback(project="trees")])
    logs = recorded()
    for pool, metrics in model.get_evals_result().items():
        for metric, values in metrics.items():
            assert curve(logs, f"{pool}/{metric}") == dict(enumerate(values))

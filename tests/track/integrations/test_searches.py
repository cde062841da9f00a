"""Searches: each trial is recorded with its value and parameters, as the library itself lists them."""

import numpy as np
import pytest

import whet.track as track
from tests.track.integrations.conftest import curve, same
from whet.track.reading.catalogue import runs
from whet.track.reading.store import history
from whet.track.script.described import described


@pytest.mark.integration("Optuna", packages=("optuna",), through="WhetCallback")
def test_optuna(recorded):
    import optuna

    from whet.track.integrations.optuna import WhetCallback

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0), study_name="bowl")

    def bowl(trial):
        kind = trial.suggest_categorical("kind", ["flat", "steep"])
        return (trial.suggest_float("x", -3, 3) - 1) ** 2 * (2 if kind == "steep" else 1)

    study.optimize(bowl, n_trials=7, callbacks=[WhetCallback()])
    logs = recorded("bowl")
    assert curve(logs, "value") == {trial.number: trial.value for trial in study.trials}
    assert curve(logs, "params/x") == {trial.number: trial.params["x"] for trial in study.trials}
    words = [event.payload["values"]["params/kind"] for event in logs.events("values")]
    assert words == [trial.params["kind"] for trial in study.trials]
    assert described(logs).own_summary["best_value"] == study.best_value


@pytest.mark.integration("Ray Tune", packages=("ray",), through="WhetCallback")
def test_ray_tune(root, tmp_path):
    from ray import tune

    from whet.track.integrations.ray import WhetCallback

    def trained(config):
        for number in range(4):
            tune.report({"loss": config["lr"] / (number + 1)})

    tuner = tune.Tuner(
        trained,
        param_space={"lr": tune.grid_search([0.1, 0.2])},
        run_config=tune.RunConfig(
            name="grid", storage_path=str(tmp_path / "ray"), verbose=0, callbacks=[WhetCallback()]
        ),
    )
    results = tuner.fit()
    found = {run.name: run for run in runs(root)}
    assert len(found) == 2 and {run.status for run in found.values()} == {"done"}
    for result in results:
        logs = history(root / result.metrics["trial_id"])
        expected = result.metrics_dataframe
        assert curve(logs, "loss") == dict(zip(expected["training_iteration"], expected["loss"], strict=True))
        assert described(logs).config["lr"] == result.config["lr"]


@pytest.mark.integration("Ray workers", packages=("ray",), through="the script API")
def test_ray_workers(root):
    import ray

    def work(number: int) -> str:
        with track.init(project="workers", name=f"worker-{number}", dir=root) as run:
            run.log({"loss": float(number)})
            return run.id

    task = ray.remote(work)
    names = ray.get([task.remote(number) for number in range(3)])
    assert sorted(names) == sorted(run.name for run in runs(root))


@pytest.mark.integration("Hyperopt", packages=("hyperopt",), through="the script API")
def test_hyperopt(recorded):
    from hyperopt import Trials, fmin, hp, rand

    run, trials = track.init(name="hyperopt"), Trials()

    def bowl(x):
        run.log({"x": x, "loss": (x - 1) ** 2})
        return (x - 1) ** 2

    fmin(bowl, hp.uniform("x", -3, 3), algo=rand.suggest, max_evals=6, trials=trials, show_progressbar=False,
         rstate=np.random.default_rng(0))  # fmt: skip
    assert same(curve(recorded(), "loss").values(), trials.losses())


@pytest.mark.integration("scikit-learn", packages=("scikit-learn",), through="log_estimator, log_search")
def test_sklearn(recorded):
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestRegressor
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score, confusion_matrix, log_loss, mean_absolute_error
    from sklearn.model_selection import GridSearchCV

    from whet.track.integrations.sklearn import log_estimator, log_search

    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    y = np.where(X[:, 0] + 0.2 * rng.normal(size=120) > 0, "yes", "no")
    boosted = GradientBoostingClassifier(n_estimators=5).fit(X[:80], y[:80])
    log_estimator(boosted, X[80:], y[80:])
    logs = recorded()
    assert same(curve(logs, "train/loss").values(), boosted.train_score_)
    assert logs.scalar("test/accuracy")[1].tolist() == [accuracy_score(y[80:], boosted.predict(X[80:]))]
    assert same(logs.scalar("test/log_loss")[1], [log_loss(y[80:], boosted.predict_proba(X[80:]))])
    media = {event.payload["name"]: event.payload["entries"][0] for event in logs.events("media")}
    assert {"test/confusion", "test/roc", "test/pr", "features"} == set(media)
    assert confusion_matrix(y[80:], boosted.predict(X[80:])).sum() == 40
    assert described(logs).config["n_estimators"] == 5

    target = X[:, 1] * 2
    forest = RandomForestRegressor(n_estimators=5, random_state=0).fit(X[:80], target[:80])
    log_estimator(forest, X[80:], target[80:], name="forest")
    logs = recorded("forest")
    assert logs.scalar("test/mae")[1].tolist() == [mean_absolute_error(target[80:], forest.predict(X[80:]))]

    search = GridSearchCV(LogisticRegression(), {"C": [0.01, 0.1, 1.0]}, cv=3).fit(X, y)
    log_search(search, name="search")
    logs = recorded("search")
    assert same(curve(logs, "mean_test_score").values(), search.cv_results_["mean_test_score"])
    assert described(logs).own_summary["best_params"] == search.best_params_

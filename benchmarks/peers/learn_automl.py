"""Peers of `learn.py`: LightGBM as it comes, LightGBM tuned by Optuna, FLAML and AutoGluon, each on the same rows.

A budget is CPU seconds: the clock that a peer looks at is that of the process, so that it gets what it is promised
however busy the machine is.
"""

from __future__ import annotations

import json
import math
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

OUTCOME = "outcome__"
BEGAN = time.time()


def spent() -> float:
    """CPU seconds of this process and of those that it started and ended."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in both)


def by_cpu() -> None:
    """Let the wall clock tell CPU time from now on."""
    began = spent()
    time.time = lambda: BEGAN + spent() - began
    time.monotonic = time.perf_counter = lambda: spent() - began


def loss(kind: str, y: np.ndarray, p: np.ndarray) -> float:
    """The log loss of probabilities, or the root of the mean squared error."""
    if kind == "regression":
        return math.sqrt(float(np.mean((y - p) ** 2)))
    p = np.clip(p, 1e-15, 1 - 1e-15)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log1p(-p)))


def categories(train: pd.DataFrame, test: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Texts as categories, those of the training rows."""
    train, test = train.copy(), test.copy()
    for name in train.columns:
        if not pd.api.types.is_numeric_dtype(train[name]):
            known = pd.CategoricalDtype(sorted(train[name].dropna().astype(str).unique()))
            train[name], test[name] = (each[name].astype(str).astype(known) for each in (train, test))
    return train, test


def defaults(kind: str, train: pd.DataFrame, y: np.ndarray, test: pd.DataFrame, budget: float) -> np.ndarray:
    """LightGBM as it comes."""
    import lightgbm

    del budget
    train, test = categories(train, test)
    form = lightgbm.LGBMRegressor if kind == "regression" else lightgbm.LGBMClassifier
    return predictions(kind, form(n_jobs=1, verbose=-1, random_state=0).fit(train, y), test)


def tuned(kind: str, train: pd.DataFrame, y: np.ndarray, test: pd.DataFrame, budget: float) -> np.ndarray:
    """LightGBM by Optuna: the newest fifth compares trials, by early stopping; the best is refitted on all rows."""
    import lightgbm
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    train, test = categories(train, test)
    form = lightgbm.LGBMRegressor if kind == "regression" else lightgbm.LGBMClassifier
    cut, began = int(len(train) * 0.8), spent()
    older, newer = (train.iloc[:cut], y[:cut]), (train.iloc[cut:], y[cut:])

    def objective(trial: optuna.Trial) -> float:
        model = form(**space(trial), n_estimators=2000, n_jobs=1, verbose=-1, random_state=0)
        model.fit(*older, eval_set=[newer], callbacks=[lightgbm.early_stopping(50, verbose=False)])
        trial.set_user_attr("rounds", int(model.best_iteration_ or 2000))
        return loss(kind, newer[1], predictions(kind, model, newer[0]))

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    cost = 0.0
    while spent() - began < budget - 2 * cost:  # the last fit is on all rows
        before = spent()
        study.optimize(objective, n_trials=1)
        cost = max(cost, spent() - before)
    best = study.best_trial
    rounds = int(best.user_attrs["rounds"] * 1.1) + 1
    model = form(**best.params, n_estimators=rounds, n_jobs=1, verbose=-1, random_state=0).fit(train, y)
    return predictions(kind, model, test)


def space(trial: object) -> dict[str, float]:
    """The usual space of LightGBM."""
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.2, log=True),
        "num_leaves": trial.suggest_int("num_leaves", 4, 256, log=True),
        "min_child_samples": trial.suggest_int("min_child_samples", 5, 200, log=True),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
        "subsample_freq": trial.suggest_int("subsample_freq", 1, 1),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.4, 1.0),
        "reg_lambda": trial.suggest_float("reg_lambda", 1e-3, 10.0, log=True),
    }


def flaml(kind: str, train: pd.DataFrame, y: np.ndarray, test: pd.DataFrame, budget: float) -> np.ndarray:
    """FLAML's AutoML; of rows in order of time it is told so."""
    import flaml

    by_cpu()
    automl = flaml.AutoML()
    metric = "rmse" if kind == "regression" else "log_loss"
    task = "regression" if kind == "regression" else "classification"
    automl.fit(train, y, task=task, metric=metric, time_budget=budget, n_jobs=1, seed=0, verbose=0, split_type="time")
    return predictions(kind, automl, test)


def autogluon(kind: str, train: pd.DataFrame, y: np.ndarray, test: pd.DataFrame, budget: float) -> np.ndarray:
    """AutoGluon, medium quality, of the learners that need no torch; the best is refitted on all rows."""
    from autogluon.tabular import TabularPredictor

    by_cpu()
    metric = "root_mean_squared_error" if kind == "regression" else "log_loss"
    problem = "regression" if kind == "regression" else "binary"
    with tempfile.TemporaryDirectory() as folder:
        predictor = TabularPredictor(OUTCOME, problem_type=problem, eval_metric=metric, path=folder, verbosity=0)
        predictor.fit(
            train.assign(**{OUTCOME: y}),
            time_limit=budget,
            presets="medium_quality",
            num_cpus=1,
            num_gpus=0,
            excluded_model_types=["NN_TORCH", "FASTAI"],
            refit_full=True,
            set_best_to_refit_full=True,
        )
        found = predictor.predict(test) if kind == "regression" else predictor.predict_proba(test)[1]
        return np.asarray(found, dtype=np.float64)


def predictions(kind: str, model: object, rows: pd.DataFrame) -> np.ndarray:
    """Numbers, or the probability of the positive class."""
    return np.asarray(
        model.predict(rows) if kind == "regression" else model.predict_proba(rows)[:, 1], dtype=np.float64
    )


PEERS: dict[str, Callable[..., np.ndarray]] = {
    "lightgbm": defaults,
    "tuned": tuned,
    "flaml": flaml,
    "autogluon": autogluon,
}


def main(peer: str, table: str, kind: str, budget: float) -> None:
    """Fit, and tell what is lost on the newer rows."""
    train, test = (pd.read_parquet(f"{table}.{kind}.{part}.parquet") for part in ("train", "test"))
    y, truth = (each.pop(OUTCOME).to_numpy() for each in (train, test))
    train, test = train.drop(columns="at"), test.drop(columns="at")
    before = spent()
    predicted = PEERS[peer](kind, train, y, test, budget)
    told = {"cpu": spent() - before, "loss": loss(kind, truth.astype(np.float64), predicted)}
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
    print("\n" + json.dumps({**told, "peak": peak}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]))

"""Few labels: how many a strategy needs for what lot reaches, and how many planted label errors are found.

Labels needed are those after which a model ranks unseen rows as well as after 400 (200 in the quick form) that were
drawn at random, a fifth of every batch being random as it is by default; beside them stands that number by lot. Label
errors are planted: flipped labels of flights, judged by models of earlier flights. "wrongly doubted" is the share of
doubted labels that were right, "missed" the share of flips that was not doubted; the peers doubt as many labels, those
that the model finds least probable, or some by lot.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from common import Row, main
from sklearn.datasets import load_breast_cancer

from setpoint.backends.lightgbm import LightGBMLearner
from setpoint.backends.sklearn import LogisticLearner
from setpoint.data.rows import kinds
from setpoint.learn.encode import Encoder, fit_encoder
from setpoint.learn.points import as_points
from setpoint.measure.confident_learning import self_confidence, two_classes, wrong_labels
from setpoint.measure.metrics import average_precision
from setpoint.rollout.active import Pool, pick

DATA = Path(__file__).resolve().parents[1] / "src" / "setpoint" / "examples"
BATCH, MEMBERS = 20, 4
COMPARED = ("margin", "committee", "clusters", "diversity")


class Task:
    """Rows as a matrix with their labels; the last third judges and is never picked."""

    def __init__(
        self, name: str, matrix: np.ndarray, y: np.ndarray, categories: tuple[int, ...], *, start: int
    ) -> None:
        self.name, self.matrix, self.y, self.categories, self.start = name, matrix, y, categories, start
        self.points, self.pool = as_points(matrix, categories), y.size * 2 // 3

    def fit(self, places: np.ndarray) -> np.ndarray:
        """The probability of every row by a model of some of them."""
        model, _ = LogisticLearner().fit(
            {"c": 1.0, "steps": 60}, self.matrix[places], self.y[places], categories=self.categories, seed=0
        )
        return np.asarray(model.predict(self.matrix))

    def curve(self, strategy: str, labels: int, *, seed: int) -> list[float]:
        """The average precision on the rows that judge, after each batch."""
        rng = np.random.default_rng(seed)
        known = rng.permutation(self.pool)[: self.start]
        found = []
        while True:
            p = self.fit(known)
            found.append(average_precision(self.y[self.pool :], p[self.pool :]))
            if known.size >= labels:
                return found
            left = np.setdiff1d(np.arange(self.pool), known)
            draws = [rng.choice(known, known.size) for _ in range(MEMBERS if strategy == "committee" else 0)]
            pool = Pool(
                [str(place) for place in left],
                p[left],
                members=np.stack([self.fit(draw)[left] for draw in draws]) if draws else None,
                points=self.points[left],
                labelled=self.points[known],
            )
            known = np.concatenate([known, left[[each.place for each in pick(pool, strategy, BATCH, seed=seed)]]])


def cells() -> Task:
    """Cells of breast tumours, from scikit-learn."""
    found = load_breast_cancer()
    order = np.random.default_rng(0).permutation(found.target.size)
    return Task("cells", found.data[order], 1.0 - found.target[order], (), start=20)


def census(rows: int) -> Task:
    """Who earns more than 50,000, of people of a census."""
    table = pq.read_table(DATA / "census" / "data" / "people.parquet")
    table = table.take(pa.array(np.random.default_rng(0).permutation(table.num_rows)[:rows]))
    y = pc.cast(table["over_50k"], pa.float64()).to_numpy()
    features = table.drop_columns(["person_id", "interviewed_at", "weight", "over_50k"])
    encoder = encoder_of(features)
    return Task("census", encoder.matrix(features), y, encoder.categories, start=60)


def encoder_of(features: pa.Table) -> Encoder:
    """The encoding of all columns of a table."""
    return fit_encoder(features, kinds(features))


def needed(task: Task, *, labels: int, seeds: int) -> list[Row]:
    """The labels that each strategy needs for what lot reaches, on average over draws."""

    def mean(strategy: str, most: int) -> np.ndarray:
        return np.asarray(np.mean([task.curve(strategy, most, seed=seed) for seed in range(seeds)], axis=0))

    goal, rows = mean("random", labels)[-1], []
    for strategy in COMPARED:
        curve = mean(strategy, labels * 3 // 2)
        reached = np.flatnonzero(curve >= goal)
        place = int(reached[0]) if reached.size else curve.size - 1
        at_same = curve[(labels - task.start) // BATCH]
        size = f"{task.name}, average precision {goal:.3f} (this one after {labels} labels {at_same:.3f})"
        size += "" if reached.size else "; not reached by then"
        count = float(task.start + BATCH * place)
        rows.append(Row(f"labels needed, {strategy}", count, "labels", size, {"by lot": float(labels)}))
    return rows


def flights(count: int) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """Flights in order of time, with what is known at departure; whether they came over 30 minutes late."""
    table = pq.read_table(DATA / "flights" / "data" / "flights.parquet").slice(0, count * 2)
    table = table.filter(pc.and_(pc.is_valid(table["arr_delay"]), pc.is_valid(table["dep_delay"])))
    table = table.sort_by("sched_dep").slice(0, count)
    features = table.select(["carrier", "origin", "dest", "distance", "dep_delay"])
    features = features.append_column("hour", pc.cast(pc.hour(table["sched_dep"]), pa.float64()))
    encoder = encoder_of(features)
    return encoder.matrix(features), (table["arr_delay"].to_numpy() > 30).astype(float), encoder.categories


def planted(count: int) -> list[Row]:
    """Flips at random and by class, and what is found of them."""
    matrix, y, categories = flights(count)
    rng, rows = np.random.default_rng(1), []
    for name, rates in (("5 % at random", (0.05, 0.05)), ("1 % of 0 and 15 % of 1", (0.01, 0.15))):
        flips = rng.random(y.size) < np.where(y > 0, rates[1], rates[0])
        given = np.where(flips, 1 - y, y)
        cuts = np.linspace(0, y.size, 7).astype(int)
        p = np.full(y.size, np.nan)
        for start, end in pairwise(cuts[1:]):
            model, _ = LightGBMLearner(threads=1).fit(
                {**LightGBMLearner().recipes(rounds=60)[0]},
                matrix[:start],
                given[:start],
                categories=categories,
                seed=0,
            )
            p[start:end] = model.predict(matrix[start:end])
        judged = np.arange(cuts[1], y.size)
        labels, both, wrong = given[judged].astype(int), two_classes(p[judged]), flips[judged]
        ours = wrong_labels(labels, both)
        least = np.isin(np.arange(judged.size), np.argsort(self_confidence(labels, both))[: ours.sum()])
        lot = wrong.mean()
        size = f"{judged.size:,} flights, {name}, {int(ours.sum()):,} doubted"
        doubted = {"least probable": 1 - float(wrong[least].mean()), "by lot": 1 - float(lot)}
        missed = {"least probable": 1 - float(least[wrong].mean()), "by lot": 1 - float(ours.mean())}
        rows.append(Row("label errors, wrongly doubted", 1 - float(wrong[ours].mean()), "share", size, doubted))
        rows.append(Row("label errors, missed", 1 - float(ours[wrong].mean()), "share", size, missed))
    return rows


def measure(*, quick: bool) -> list[Row]:
    """Labels needed on two tables, then label errors."""
    rows = needed(cells(), labels=200, seeds=3 if quick else 20)
    rows += needed(census(3000 if quick else 12_000), labels=200 if quick else 400, seeds=3 if quick else 8)
    return rows + planted(20_000 if quick else 100_000)


if __name__ == "__main__":
    main(__doc__ or "", measure)

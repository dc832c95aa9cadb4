"""The laws of the Learner and Model ports, as tests to inherit."""

from __future__ import annotations

import json
from abc import abstractmethod
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from setpoint.core.errors import DataError, ModelCorrupt
from setpoint.core.ports import AdditiveModel, Learner, Model
from setpoint.core.target import TARGETS, Target

CATEGORIES = (3, 4)
NAMES = ("steep", "curved", "often_null", "colour", "noise_level")
ROUNDS = 40
TOLERANCE = 1e-12
"""How far a row alone may be from the row in a batch where a model does not promise equal bits."""


class Data(NamedTuple):
    """Rows with numbers, NULLs and codes of categories, and their labels."""

    rows: np.ndarray
    labels: np.ndarray


def make_data(n: int, seed: int) -> Data:
    """Rows whose labels hang on two numbers, a NULL and a category; one more category is noise."""
    rng = np.random.default_rng(seed)
    rows = np.column_stack(
        [
            rng.normal(size=n),
            rng.normal(size=n),
            np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)),
            rng.integers(0, 5, n).astype(np.float64),
            rng.integers(0, 40, n).astype(np.float64),
        ]
    )
    rows[rng.random(n) < 0.05, 3] = np.nan
    odds = 1.5 * rows[:, 0] + rows[:, 1] ** 2 - 1.5 + 1.2 * np.isnan(rows[:, 2]) + np.where(rows[:, 3] == 2, 1.5, 0.0)
    return Data(rows, (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(np.float64))


def log_loss(labels: np.ndarray, scores: np.ndarray) -> float:
    """The mean negative log likelihood."""
    return float(-np.log(np.where(labels > 0, scores, 1 - scores)).mean())


class LearnerLaws:
    """Inherit, say how to make a learner, and pytest runs every law against it and the models it trains."""

    @abstractmethod
    def make(self, *, threads: int = 1) -> Learner:
        """The learner; a learner without threads may ignore them."""

    @pytest.fixture
    def learner(self) -> Learner:
        """The learner under test."""
        return self.make()

    def fitted(self, learner: Learner, data: Data, *, seed: int = 1, recipe: int = 0) -> tuple[Model, dict[str, Any]]:
        """A model of one of the learner's recipes."""
        chosen = learner.recipes(rounds=ROUNDS)[recipe]
        return learner.fit(chosen, data.rows, data.labels, categories=CATEGORIES, seed=seed, names=NAMES)

    def test_recipes_are_plain_data_that_can_be_stored(self, learner: Learner) -> None:
        """There is at least one, each equal after a trip through JSON, and asking again gives the same."""
        recipes = learner.recipes(rounds=ROUNDS)
        assert recipes
        assert json.loads(json.dumps(recipes, allow_nan=False)) == recipes == learner.recipes(rounds=ROUNDS)

    def test_every_recipe_learns(self, learner: Learner) -> None:
        """Each beats the base rate on rows it has not seen."""
        data, newer = make_data(3000, 0), make_data(2000, 1)
        base = log_loss(newer.labels, np.full(2000, data.labels.mean()))
        for number in range(len(learner.recipes(rounds=ROUNDS))):
            model, _ = self.fitted(learner, data, recipe=number)
            assert log_loss(newer.labels, model.predict(newer.rows)) < base

    def test_scores_are_probabilities_one_per_row(self, learner: Learner) -> None:
        """Between 0 and 1, float64, for any number of rows down to none."""
        model, _ = self.fitted(learner, make_data(1000, 0))
        for n in (0, 1, 2, 257):
            scores = model.predict(make_data(n, 2).rows)
            assert scores.shape == (n,)
            assert scores.dtype == np.float64
            assert ((scores >= 0) & (scores <= 1)).all()

    def test_a_row_alone_scores_as_in_a_batch(self, learner: Learner) -> None:
        """Bit for bit where the model promises `row_exact`, else to the twelfth decimal."""
        model, _ = self.fitted(learner, make_data(1500, 0))
        rows = make_data(333, 3).rows
        together = model.predict(rows)
        alone = np.concatenate([model.predict(rows[i : i + 1]) for i in range(len(rows))])
        backwards = model.predict(rows[::-1])[::-1]
        for other in (alone, backwards):
            if model.row_exact:
                assert np.array_equal(together, other)
            else:
                assert np.allclose(together, other, rtol=0, atol=TOLERANCE)

    def test_a_view_of_rows_scores_as_their_copy(self, learner: Learner) -> None:
        """How rows lie in memory makes no difference."""
        model, _ = self.fitted(learner, make_data(1000, 0))
        rows = make_data(200, 3).rows
        wide = np.zeros((400, 9))
        wide[::2, 2:7] = rows
        assert np.array_equal(model.predict(rows), model.predict(wide[::2, 2:7]))
        assert np.array_equal(model.predict(rows), model.predict(np.asfortranarray(rows)))

    def test_rows_of_another_width_are_refused(self, learner: Learner) -> None:
        """One row or many: a matrix that is not the model's is an error, not a score."""
        model, _ = self.fitted(learner, make_data(500, 0))
        for rows in (np.zeros((1, 4)), np.zeros((1, 6)), np.zeros((7, 6)), np.zeros(5)):
            with pytest.raises(DataError):
                model.predict(rows)

    def test_a_model_may_be_shared_between_threads(self, learner: Learner) -> None:
        """Four threads that score rows one by one at the same time get what one would."""
        model, _ = self.fitted(learner, make_data(1000, 0))
        rows = make_data(400, 5).rows
        expected = model.predict(rows)

        def alone(part: int) -> bool:
            found = [model.predict(rows[i : i + 1])[0] for i in range(part, 400, 2)]
            return bool(np.allclose(found, expected[part::2], rtol=0, atol=TOLERANCE))

        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(alone, [0, 1, 0, 1]))

    def test_null_and_unseen_categories_are_scored(self, learner: Learner) -> None:
        """A row of NULLs, and codes that training never saw, give a probability and not an error."""
        model, _ = self.fitted(learner, make_data(1000, 0))
        strange = np.array([[np.nan] * 5, [0.0, 0.0, 0.0, 77.0, 4000.0], [0.0, 0.0, np.nan, np.nan, 3.0]])
        scores = model.predict(strange)
        assert ((scores > 0) & (scores < 1)).all()

    def test_an_unseen_category_counts_as_null(self, learner: Learner) -> None:
        """The encoding makes NaN of both, so a model must not tell them apart."""
        model, _ = self.fitted(learner, make_data(1000, 0))
        unseen, null = np.array([[0.5, 0.5, 0.5, 77.0, 3.0]]), np.array([[0.5, 0.5, 0.5, np.nan, 3.0]])
        assert model.predict(unseen)[0] == model.predict(null)[0]

    def test_contributions_add_up_to_the_log_odds(self, learner: Learner) -> None:
        """Of every recipe, for NULLs and unseen categories too; the base is one, and a column of one value adds 0.

        A model that gives none is explained by sampling.
        """
        data, rows = make_data(1000, 0), make_data(60, 2).rows
        data.rows[:, 1] = 1.0
        rows[0], rows[1, 4] = np.nan, 4000.0
        for number in range(len(learner.recipes(rounds=ROUNDS))):
            model, _ = self.fitted(learner, data, recipe=number)
            if not isinstance(model, AdditiveModel):
                continue
            parts = model.contributions(rows)
            assert parts.shape == (60, 6)
            assert np.ptp(parts[:, -1]) <= TOLERANCE
            assert np.abs(1 / (1 + np.exp(-parts.sum(axis=1))) - model.predict(rows)).max() < 1e-9
            assert (parts[2:, 1] == 0).all()
            assert np.allclose(model.contributions(rows[5:6]), parts[5:6], rtol=0, atol=TOLERANCE)
            assert model.contributions(rows[:0]).shape == (0, 6)
            with pytest.raises(DataError):
                model.contributions(rows[:, :4])

    def test_training_and_scoring_leave_the_rows_alone(self, learner: Learner) -> None:
        """The caller's arrays are read, never written."""
        data, kept = make_data(800, 0), make_data(800, 0)
        data.rows.flags.writeable = data.labels.flags.writeable = False
        model, _ = self.fitted(learner, data)
        model.predict(data.rows)
        assert np.array_equal(data.rows, kept.rows, equal_nan=True)

    def test_the_same_training_gives_the_same_bytes(self, learner: Learner, tmp_path: Path) -> None:
        """Recipe, rows and seed decide every byte, in another learner too, whatever its number of threads."""
        data = make_data(3000, 0)
        found = []
        for name, each in (("a", learner), ("b", self.make()), ("c", self.make(threads=2))):
            folder = tmp_path / name
            folder.mkdir()
            self.fitted(each, data)[0].save(folder)
            found.append(contents(folder))
        assert found[0] == found[1] == found[2]

    def test_a_saved_model_comes_back_bit_for_bit(self, learner: Learner, tmp_path: Path) -> None:
        """Its scores, its importances and what it saves again are the same."""
        model, _ = self.fitted(learner, make_data(2000, 0))
        first, second = tmp_path / "first", tmp_path / "second"
        first.mkdir()
        second.mkdir()
        model.save(first)
        back = learner.load(first)
        back.save(second)
        rows = make_data(500, 4).rows
        assert np.array_equal(model.predict(rows), back.predict(rows))
        assert np.array_equal(model.importances(), back.importances())
        assert back.row_exact == model.row_exact
        assert contents(first) == contents(second)

    def test_a_changed_file_is_refused(self, learner: Learner, tmp_path: Path) -> None:
        """A flipped bit anywhere, a cut end or a missing file raises ModelCorrupt, never another model."""
        model, _ = self.fitted(learner, make_data(800, 0))
        model.save(tmp_path)
        learner.load(tmp_path)
        for path in [path for path in sorted(tmp_path.rglob("*")) if path.is_file()]:
            whole = path.read_bytes()
            places = np.linspace(0, len(whole) - 2, 9).astype(int).tolist()
            flipped = [whole[:i] + bytes([whole[i] ^ 4]) + whole[i + 1 :] for i in places]
            for bad in (*flipped, whole[: len(whole) // 2], b""):
                path.write_bytes(bad)
                with pytest.raises(ModelCorrupt):
                    learner.load(tmp_path)
            path.unlink()
            with pytest.raises(ModelCorrupt):
                learner.load(tmp_path)
            path.write_bytes(whole)
        learner.load(tmp_path)

    def test_importances_are_shares(self, learner: Learner) -> None:
        """Not negative, adding up to 1, and greater for what matters than for noise."""
        model, _ = self.fitted(learner, make_data(4000, 0))
        shares = model.importances()
        assert shares.shape == (5,)
        assert (shares >= 0).all()
        assert shares.sum() == pytest.approx(1.0)
        assert shares[0] > shares[4] * 0.5

    def test_a_constant_column_and_a_column_of_nulls_do_no_harm(self, learner: Learner) -> None:
        """A model is trained and scores as usual."""
        data = make_data(1000, 0)
        rows = data.rows.copy()
        rows[:, 1], rows[:, 2] = 7.0, np.nan
        model, _ = self.fitted(learner, Data(rows, data.labels))
        assert np.isfinite(model.predict(make_data(50, 1).rows)).all()

    def test_labels_of_one_class_give_a_model_of_that_class(self, learner: Learner) -> None:
        """Without a single positive the scores are small, and the importances are shares or zeros."""
        data = make_data(500, 0)
        model, _ = self.fitted(learner, Data(data.rows, np.zeros(500)))
        assert (model.predict(data.rows) < 0.05).all()
        assert model.importances().sum() == pytest.approx(0.0) or model.importances().sum() == pytest.approx(1.0)

    def test_what_validation_settled_is_a_recipe(self, learner: Learner, tmp_path: Path) -> None:
        """The settled recipe is plain data, trains without validation, and to the same bytes each time."""
        data, newer = make_data(2000, 0), make_data(1000, 1)
        model, settled = learner.fit(
            learner.recipes(rounds=ROUNDS)[0],
            data.rows,
            data.labels,
            categories=CATEGORIES,
            seed=1,
            validation=(newer.rows, newer.labels),
            names=NAMES,
        )
        assert json.loads(json.dumps(settled, allow_nan=False)) == settled
        assert log_loss(newer.labels, model.predict(newer.rows)) < log_loss(newer.labels, np.full(1000, 0.5))
        found = []
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            again, _ = learner.fit(settled, data.rows, data.labels, categories=CATEGORIES, seed=1, names=NAMES)
            again.save(tmp_path / name)
            found.append(contents(tmp_path / name))
        assert found[0] == found[1]

    def weigh(self, learner: Learner, data: Data, weight: np.ndarray | None) -> Model:
        """A model of the learner's first recipe, with these weights of the rows."""
        recipe = learner.recipes(rounds=ROUNDS)[0]
        return learner.fit(recipe, data.rows, data.labels, categories=CATEGORIES, seed=1, weight=weight, names=NAMES)[0]

    def test_weights_of_one_are_no_weights(self, learner: Learner, tmp_path: Path) -> None:
        """To the byte, for the rows that train and for those that stop a training."""
        data, newer = make_data(1500, 0), make_data(500, 1)
        found = []
        for name, weights in (("without", (None, None)), ("ones", (np.ones(1500), np.ones(500)))):
            (tmp_path / name).mkdir()
            model, settled = learner.fit(
                learner.recipes(rounds=ROUNDS)[0],
                data.rows,
                data.labels,
                categories=CATEGORIES,
                seed=1,
                weight=weights[0],
                validation=(newer.rows, newer.labels),
                validation_weight=weights[1],
                names=NAMES,
            )
            model.save(tmp_path / name)
            found.append((contents(tmp_path / name), settled))
        assert found[0] == found[1]

    def test_a_row_without_weight_is_not_there(self, learner: Learner, tmp_path: Path) -> None:
        """To the byte: its values, its label and its place leave no trace."""
        data = make_data(1500, 0)
        kept = np.random.default_rng(7).random(1500) < 0.6
        found = []
        for name, rows, weight in (
            ("zeros", data, kept.astype(np.float64)),
            ("absent", Data(data.rows[kept], data.labels[kept]), None),
        ):
            (tmp_path / name).mkdir()
            self.weigh(learner, rows, weight).save(tmp_path / name)
            found.append(contents(tmp_path / name))
        assert found[0] == found[1]

    def test_a_weight_of_two_is_the_row_twice(self, learner: Learner) -> None:
        """Up to binning and the least rows of a leaf: much nearer to repetition than without weights."""
        data, newer = make_data(3000, 0), make_data(1000, 1).rows
        times = np.where(data.rows[:, 0] < 0, np.where(data.labels > 0, 6, 2), 1)
        repeated = Data(np.repeat(data.rows, times, axis=0), np.repeat(data.labels, times))
        weighted = self.weigh(learner, data, times.astype(np.float64)).predict(newer)
        twice = self.weigh(learner, repeated, None).predict(newer)
        plain = self.weigh(learner, data, None).predict(newer)
        moved = np.abs(twice - plain).mean()
        assert moved > 0.03
        assert np.abs(weighted - twice).mean() < 0.5 * moved

    def test_the_weights_of_validation_rows_decide_when_a_training_stops(self, learner: Learner) -> None:
        """Rows of weight zero settle nothing: the recipe is the one that the other rows settle."""
        data, newer, other = make_data(800, 0), make_data(500, 1), make_data(500, 2)
        both = Data(np.concatenate([newer.rows, other.rows]), np.concatenate([newer.labels, 1 - other.labels]))
        settled = [
            learner.fit(
                learner.recipes(rounds=ROUNDS)[0],
                data.rows,
                data.labels,
                categories=CATEGORIES,
                seed=1,
                validation=(rows.rows, rows.labels),
                validation_weight=weight,
            )[1]
            for rows, weight in ((newer, None), (both, np.repeat([1.0, 0.0], 500)))
        ]
        assert settled[0] == settled[1]

    def test_weights_that_mean_nothing_are_refused(self, learner: Learner) -> None:
        """Negative, not finite, of another number than the rows, or zero for all of them."""
        data = make_data(300, 0)
        for weight in (np.full(300, -1.0), np.full(300, np.nan), np.ones(299), np.zeros(300)):
            with pytest.raises(DataError):
                self.weigh(learner, data, weight)

    def test_every_loss_is_one_that_is_known(self, learner: Learner) -> None:
        """The log loss always; a learner that says "focal" trains with a gamma, and to other scores than without."""
        assert "log_loss" in learner.losses
        assert set(learner.losses) <= {"log_loss", "focal"}
        data, recipe = make_data(1500, 0), learner.recipes(rounds=ROUNDS)[0]
        arguments: dict[str, Any] = {"categories": CATEGORIES, "seed": 1}
        if "focal" not in learner.losses:
            with pytest.raises(KeyError, match="focal_gamma"):
                learner.fit({**recipe, "focal_gamma": 2.0}, data.rows, data.labels, **arguments)
            return
        plain, _ = learner.fit(recipe, data.rows, data.labels, **arguments)
        focal, settled = learner.fit({**recipe, "focal_gamma": 2.0}, data.rows, data.labels, **arguments)
        assert settled["focal_gamma"] == 2.0
        assert np.abs(plain.predict(data.rows) - focal.predict(data.rows)).mean() > 0.02

    def test_every_target_is_one_that_is_known(self, learner: Learner) -> None:
        """Two classes always; a target that the learner does not name is refused, not answered with another."""
        assert "binary" in learner.kinds
        assert set(learner.kinds) <= set(TARGETS)
        data = make_data(200, 0)
        for kind in set(TARGETS) - set(learner.kinds):
            labels, target = make_labels(kind, data, 0), make_target(kind, 200)
            with pytest.raises((KeyError, ValueError), match=kind):
                learner.fit(
                    learner.recipes(rounds=ROUNDS)[0], data.rows, labels, categories=CATEGORIES, seed=1, target=target
                )

    def test_every_target_is_learned_and_kept(self, learner: Learner, tmp_path: Path) -> None:
        """Better than one answer for all, in the form of its target, row by row as in a batch, saved and back."""
        data, newer = make_data(2000, 0), make_data(800, 1)
        for kind in [kind for kind in learner.kinds if kind != "binary"]:
            labels, later = make_labels(kind, data, 0), make_labels(kind, newer, 1)
            model, settled = learner.fit(
                learner.recipes(rounds=ROUNDS)[0],
                data.rows,
                labels,
                categories=CATEGORIES,
                seed=1,
                validation=(newer.rows, later),
                names=NAMES,
                target=make_target(kind, 2000, 800),
            )
            assert json.loads(json.dumps(settled, allow_nan=False)) == settled
            predicted = model.predict(newer.rows)
            assert predicted.shape == ((800, 3) if kind == "multiclass" else (800,))
            assert loss_of(kind, later, predicted) < loss_of(kind, later, answer_alike(kind, labels, 800))
            if kind == "multiclass":
                assert np.allclose(predicted.sum(axis=1), 1.0)
            if kind == "count":
                assert (predicted > 0).all()
            alone = np.concatenate([model.predict(newer.rows[i : i + 1]) for i in range(100)])
            assert np.array_equal(predicted[:100], alone) if model.row_exact else np.allclose(predicted[:100], alone)
            folder = tmp_path / kind
            folder.mkdir()
            model.save(folder)
            assert np.array_equal(learner.load(folder).predict(newer.rows), predicted)
            assert model.importances().sum() == pytest.approx(1.0)

    def test_every_target_gives_the_same_bytes_again(self, learner: Learner, tmp_path: Path) -> None:
        """Of the same recipe, rows and seed; and weights of one are no weights."""
        data = make_data(1200, 0)
        for kind in [kind for kind in learner.kinds if kind != "binary"]:
            labels, found = make_labels(kind, data, 0), []
            for name, each, weight in (("a", learner, None), ("b", self.make(threads=2), np.ones(1200))):
                folder = tmp_path / f"{kind}-{name}"
                folder.mkdir()
                recipe, target = each.recipes(rounds=ROUNDS)[0], make_target(kind, 1200)
                model, _ = each.fit(
                    recipe, data.rows, labels, categories=CATEGORIES, seed=1, weight=weight, target=target
                )
                model.save(folder)
                found.append(contents(folder))
            assert found[0] == found[1]

    def test_a_parameter_that_the_learner_does_not_know_is_refused(self, learner: Learner) -> None:
        """A recipe with a misspelt parameter trains nothing."""
        data = make_data(200, 0)
        recipe = {**learner.recipes(rounds=ROUNDS)[0], "no_such_parameter": 1}
        with pytest.raises(KeyError, match="no_such_parameter"):
            learner.fit(recipe, data.rows, data.labels, categories=CATEGORIES, seed=1)


def make_labels(kind: str, data: Data, seed: int) -> np.ndarray:
    """Labels of another kind of target for the same rows, which hang on the same inputs."""
    rng = np.random.default_rng(seed)
    rows = np.nan_to_num(data.rows)
    signal = rows[:, 0] + np.where(rows[:, 3] == 2, 1.0, 0.0)
    if kind == "multiclass":
        scores = np.stack([signal, -signal, rows[:, 1]], axis=1) * 1.5
        return np.asarray((scores + rng.gumbel(size=scores.shape)).argmax(axis=1).astype(np.float64))
    if kind == "count":
        return np.asarray(rng.poisson(np.exp(0.7 * signal)).astype(np.float64))
    if kind == "ranking":
        return np.asarray(np.digitize(signal + rng.normal(0, 0.7, signal.size), [0.3, 1.3]), dtype=np.float64)
    return np.asarray(500.0 + 20 * signal + rng.normal(0, 10, signal.size))


def make_target(kind: str, n: int, newer: int = 0) -> Target:
    """The target of a kind, for so many training and validation rows; queries have eight rows each."""
    if kind == "multiclass":
        return Target(kind, classes=3)
    if kind == "quantile":
        return Target(kind, quantile=0.8)
    if kind == "ranking":
        return Target(kind, query=np.arange(n) // 8, newer_query=np.arange(newer) // 8 if newer else None)
    return Target(kind)


def loss_of(kind: str, labels: np.ndarray, predicted: np.ndarray) -> float:
    """What a kind of target is judged by here: the less the better."""
    if kind == "multiclass":
        return float(-np.log(predicted[np.arange(labels.size), labels.astype(np.intp)]).mean())
    if kind == "quantile":
        off = labels - predicted
        return float(np.maximum(0.8 * off, -0.2 * off).mean())
    if kind == "count":
        return float((predicted - labels * np.log(predicted)).mean())
    if kind == "ranking":
        return float(-np.corrcoef(labels, predicted)[0, 1]) if np.ptp(predicted) > 0 else 0.0
    return float(((labels - predicted) ** 2).mean())


def answer_alike(kind: str, labels: np.ndarray, n: int) -> np.ndarray:
    """The best prediction that is the same for every row."""
    if kind == "multiclass":
        return np.tile(np.bincount(labels.astype(np.intp), minlength=3) / labels.size, (n, 1))
    return np.full(n, np.quantile(labels, 0.8) if kind == "quantile" else labels.mean())


def contents(folder: Path) -> dict[str, bytes]:
    """The bytes of every file in a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}

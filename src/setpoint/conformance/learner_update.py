"""The laws of learners that go on from a model of their own, as tests to inherit beside `LearnerLaws`."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

import numpy as np
import pytest

from setpoint.conformance.learner import (
    CATEGORIES,
    NAMES,
    ROUNDS,
    Data,
    contents,
    log_loss,
    make_data,
    make_labels,
    make_target,
)
from setpoint.core.errors import DataError
from setpoint.core.ports import AdditiveModel, Learner, Model, UpdatableLearner
from setpoint.core.target import TWO_CLASSES, Target


def later_data(n: int, seed: int) -> Data:
    """Rows of a later time, in which the number that mattered most matters the other way round."""
    made = make_data(n, seed)
    turned = made.rows.copy()
    turned[:, 0] = -turned[:, 0]
    return Data(turned, made.labels)


class UpdateLaws:
    """Inherit, say how to make a learner that can update, and pytest runs every law against it."""

    @abstractmethod
    def make(self, *, threads: int = 1) -> Learner:
        """The learner."""

    @pytest.fixture
    def updater(self) -> UpdatableLearner:
        """The learner under test."""
        made = self.make()
        assert isinstance(made, UpdatableLearner)
        return made

    def parent(self, learner: UpdatableLearner, data: Data, *, target: Target = TWO_CLASSES) -> Model:
        """A model to go on from."""
        recipe = learner.recipes(rounds=ROUNDS)[0]
        model, _ = learner.fit(
            recipe, data.rows, data.labels, categories=CATEGORIES, seed=1, names=NAMES, target=target
        )
        return model

    def updated(
        self,
        learner: UpdatableLearner,
        parent: Model,
        data: Data,
        *,
        way: str,
        weight: np.ndarray | None = None,
        target: Target = TWO_CLASSES,
    ) -> Model:
        """What a parent becomes by rows."""
        return learner.update(
            parent,
            learner.recipes(rounds=ROUNDS)[0],
            data.rows,
            data.labels,
            way=way,
            categories=CATEGORIES,
            seed=2,
            weight=weight,
            names=NAMES,
            target=target,
        )

    def all_ways(self, learner: UpdatableLearner, target: Target = TWO_CLASSES) -> tuple[str, ...]:
        """The ways of the learner's first recipe."""
        return learner.ways(learner.recipes(rounds=ROUNDS)[0], target=target)

    def test_every_way_learns_from_what_is_newer(self, updater: UpdatableLearner) -> None:
        """Rows in which something has turned are predicted better, and by an update again better still."""
        parent, later = self.parent(updater, make_data(2000, 0)), later_data(2000, 5)
        assert set(self.all_ways(updater)) <= {"refit", "continue"}
        assert self.all_ways(updater)
        for way in self.all_ways(updater):
            once = self.updated(updater, parent, later_data(2000, 3), way=way)
            twice = self.updated(updater, once, later_data(2000, 4), way=way)
            losses = [log_loss(later.labels, each.predict(later.rows)) for each in (parent, once, twice)]
            assert losses[2] < losses[1] < losses[0]

    def test_an_update_leaves_its_parent_alone(self, updater: UpdatableLearner, tmp_path: Path) -> None:
        """To the byte, and the rows that are told too; the update is another model, which names its parent."""
        parent = self.parent(updater, make_data(1000, 0))
        (tmp_path / "before").mkdir()
        (tmp_path / "after").mkdir()
        parent.save(tmp_path / "before")
        told = later_data(500, 3)
        told.rows.flags.writeable = told.labels.flags.writeable = False
        for way in self.all_ways(updater):
            child = self.updated(updater, parent, told, way=way)
            ours, theirs = updater.descent(child), updater.descent(parent)
            assert (ours.parent, theirs.parent) == (theirs.model, "")
            assert ours.model != theirs.model
        parent.save(tmp_path / "after")
        assert contents(tmp_path / "before") == contents(tmp_path / "after")

    def test_the_same_update_gives_the_same_bytes(self, updater: UpdatableLearner, tmp_path: Path) -> None:
        """In another learner too, whatever its number of threads; from the parent as it is or as it was loaded."""
        parent = self.parent(updater, make_data(1500, 0))
        (tmp_path / "parent").mkdir()
        parent.save(tmp_path / "parent")
        other = self.make(threads=2)
        assert isinstance(other, UpdatableLearner)
        loaded = other.load(tmp_path / "parent")
        for way in self.all_ways(updater):
            found = []
            for name, each, start in (("a", updater, parent), ("b", other, loaded)):
                folder = tmp_path / f"{way}-{name}"
                folder.mkdir()
                self.updated(each, start, later_data(800, 3), way=way).save(folder)
                found.append(contents(folder))
            assert found[0] == found[1]

    def test_an_update_comes_back_with_its_parent(self, updater: UpdatableLearner, tmp_path: Path) -> None:
        """Saved and loaded it scores as before, bit for bit, and says what it was updated from."""
        parent = self.parent(updater, make_data(1000, 0))
        for way in self.all_ways(updater):
            (tmp_path / way).mkdir()
            child = self.updated(updater, parent, later_data(800, 3), way=way)
            child.save(tmp_path / way)
            back, rows = updater.load(tmp_path / way), make_data(300, 6).rows
            assert updater.descent(back) == updater.descent(child)
            assert updater.descent(back).parent == updater.descent(parent).model
            assert np.array_equal(back.predict(rows), child.predict(rows))
            if isinstance(child, AdditiveModel):
                odds = child.contributions(rows).sum(axis=1)
                assert np.abs(1 / (1 + np.exp(-odds)) - child.predict(rows)).max() < 1e-9
            alone = np.concatenate([child.predict(rows[place : place + 1]) for place in range(100)])
            assert np.array_equal(alone, child.predict(rows)[:100]) or not child.row_exact

    def test_what_was_never_seen_before_is_null(self, updater: UpdatableLearner) -> None:
        """A category that only the newer rows have does not break an update, nor what scores after it."""
        parent, told = self.parent(updater, make_data(1000, 0)), later_data(600, 3)
        rows = told.rows.copy()
        rows[:200, 3] = 77.0
        for way in self.all_ways(updater):
            child = self.updated(updater, parent, Data(rows, told.labels), way=way)
            assert np.isfinite(child.predict(rows)).all()

    def test_few_rows_move_a_model_little(self, updater: UpdatableLearner) -> None:
        """One row and labels of one class are told without harm: scores stay probabilities, and near the parent's."""
        parent, rows = self.parent(updater, make_data(1500, 0)), make_data(400, 6).rows
        for way in self.all_ways(updater):
            for told in (Data(rows[:1], np.ones(1)), Data(rows[:30], np.zeros(30))):
                scores = self.updated(updater, parent, told, way=way).predict(rows)
                assert ((scores >= 0) & (scores <= 1)).all()
                assert np.abs(scores - parent.predict(rows)).mean() < 0.1

    def test_weights_count_in_an_update(self, updater: UpdatableLearner, tmp_path: Path) -> None:
        """Those of one are none, to the byte; a row of weight zero is not there; ones that mean nothing are refused."""
        parent, told = self.parent(updater, make_data(1000, 0)), later_data(600, 3)
        kept = np.arange(600) % 3 > 0
        for way in self.all_ways(updater):
            found = {}
            for name, rows, weight in (
                ("none", told, None),
                ("ones", told, np.ones(600)),
                ("zeros", told, kept.astype(np.float64)),
                ("absent", Data(told.rows[kept], told.labels[kept]), None),
            ):
                folder = tmp_path / f"{way}-{name}"
                folder.mkdir()
                self.updated(updater, parent, rows, way=way, weight=weight).save(folder)
                found[name] = contents(folder)
            assert found["none"] == found["ones"] != found["zeros"] == found["absent"]
            with pytest.raises(DataError):
                self.updated(updater, parent, told, way=way, weight=np.full(600, -1.0))

    def test_a_way_that_there_is_not_is_refused(self, updater: UpdatableLearner) -> None:
        """With those that there are."""
        parent = self.parent(updater, make_data(300, 0))
        with pytest.raises(KeyError, match="backwards"):
            self.updated(updater, parent, make_data(100, 1), way="backwards")

    def test_models_of_every_target_are_updated(self, updater: UpdatableLearner) -> None:
        """In each way that there is for it, predictions keep their form and move a little, not by a level."""
        data, told = make_data(1500, 0), make_data(700, 3)
        for kind in updater.kinds:
            labels = data.labels if kind == "binary" else make_labels(kind, data, 0)
            newer = told.labels if kind == "binary" else make_labels(kind, told, 1)
            parent = self.parent(updater, Data(data.rows, labels), target=make_target(kind, 1500))
            before = parent.predict(told.rows)
            for way in self.all_ways(updater, make_target(kind, 700)):
                child = self.updated(updater, parent, Data(told.rows, newer), way=way, target=make_target(kind, 700))
                after = child.predict(told.rows)
                assert after.shape == before.shape
                assert 0 < np.abs(after - before).mean() < 0.5 * before.std()

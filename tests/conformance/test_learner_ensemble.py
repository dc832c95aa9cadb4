"""The learner that adds up the models of others, against the laws of learners."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from setpoint.backends.lightgbm import LightGBMLearner
from setpoint.backends.sklearn import LogisticLearner
from setpoint.conformance.learner import CATEGORIES, NAMES, LearnerLaws, make_data, make_labels, make_target
from setpoint.core.errors import NameUnknown
from setpoint.core.ports import AdditiveModel, Learner
from setpoint.learn.ensemble import EnsembleLearner

TREES = {"learner": "lightgbm", "parameters": {"rounds": 30}}
LINE = {"learner": "logistic", "parameters": {}}
MIXED = {"members": [TREES, LINE], "weights": [0.75, 0.25], "bias": 0.0, "bag": False}
BAGS = {"members": [TREES] * 3, "weights": [1 / 3] * 3, "bias": 0.0, "bag": True}


class TestEnsemble(LearnerLaws):
    def make(self, *, threads: int = 1) -> Learner:
        base = {"lightgbm": LightGBMLearner(threads=threads), "logistic": LogisticLearner()}
        return EnsembleLearner(base, recipes=[MIXED, BAGS])

    def test_every_target_is_one_that_is_known(self, learner: Learner) -> None:
        """A target that one of the members lacks is refused by that member, by name."""
        data = make_data(200, 0)
        for kind in ("quantile", "ranking"):
            labels, target = make_labels(kind, data, 0), make_target(kind, 200)
            with pytest.raises(NameUnknown, match=kind):
                learner.fit(MIXED, data.rows, labels, categories=CATEGORIES, seed=1, target=target)

    @pytest.fixture
    def learner(self) -> Learner:
        """The learner under test, asked for what all of its members can."""
        made = self.make()
        made.kinds, made.losses = LogisticLearner.kinds, LogisticLearner.losses
        return made


def test_an_ensemble_is_the_weighted_sum_of_its_members_and_so_are_its_reasons(tmp_path: Path) -> None:
    """Of log odds, and of what each input adds to them; each member is what its learner alone would train."""
    data, base = make_data(1500, 0), {"lightgbm": LightGBMLearner(), "logistic": LogisticLearner()}
    model, settled = EnsembleLearner(base).fit(
        {**MIXED, "bias": 0.3}, data.rows, data.labels, categories=CATEGORIES, seed=1, names=NAMES
    )
    alone = [
        base[part["learner"]].fit(
            part["parameters"], data.rows, data.labels, categories=CATEGORIES, seed=1, names=NAMES
        )[0]
        for part in (TREES, LINE)
    ]
    odds = [np.log(each.predict(data.rows)) - np.log1p(-each.predict(data.rows)) for each in alone]
    together = 0.75 * odds[0] + 0.25 * odds[1] + 0.3
    assert np.allclose(model.predict(data.rows), 1 / (1 + np.exp(-together)), rtol=0, atol=1e-12)
    assert isinstance(model, AdditiveModel)
    assert np.allclose(model.contributions(data.rows).sum(axis=1), together, atol=1e-9)
    assert [part["learner"] for part in settled["members"]] == ["lightgbm", "logistic"]


def test_bags_differ_and_are_drawn_in_blocks_of_time() -> None:
    """No two members are the same, and a mean of them is steadier on new rows than one of them."""
    data, newer = make_data(1500, 0), make_data(1500, 1)
    recipe = {**BAGS, "members": [{"learner": "lightgbm", "parameters": {"rounds": 60, "min_data_in_leaf": 2}}] * 8}
    learner = EnsembleLearner({"lightgbm": LightGBMLearner()})
    made, _ = learner.fit({**recipe, "weights": [1 / 8] * 8}, data.rows, data.labels, categories=CATEGORIES, seed=1)
    scores = np.stack([member.predict(newer.rows) for member in made.members])
    assert len({each.tobytes() for each in scores}) == 8
    each = [-np.log(np.where(newer.labels > 0, one, 1 - one)).mean() for one in (*scores, made.predict(newer.rows))]
    assert each[-1] < min(each[:-1])

"""Optuna against the laws of the Sampler port, and the spaces of the built-in learners against theirs."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import pytest

from setpoint.backends.lightgbm import LightGBMLearner
from setpoint.backends.linear_sgd import SgdLearner
from setpoint.backends.optuna import TpeSampler
from setpoint.backends.sklearn import LogisticLearner
from setpoint.backends.sklearn_boosted import HistGradientBoostingLearner
from setpoint.backends.sklearn_forest import ExtraTreesLearner, RandomForestLearner
from setpoint.conformance.sampler import SPACE, SamplerLaws, SpaceLaws, steps
from setpoint.core.errors import DataError
from setpoint.core.ports import Sampler, Span, TunableLearner


class TestTpe(SamplerLaws):
    def open(self, space: Mapping[str, Span], seed: int) -> Sampler:
        return TpeSampler(space, seed)

    def test_nothing_is_told_that_was_not_asked_for(self) -> None:
        """A value without a point is refused."""
        with pytest.raises(DataError, match="No point"):
            TpeSampler(SPACE, 1).tell(0.5)

    def test_it_leaves_the_logs_of_others_as_they_are(self, caplog: pytest.LogCaptureFixture) -> None:
        """It says nothing, and what Optuna logs elsewhere is as loud as before."""
        import optuna

        before = optuna.logging.get_verbosity()
        with caplog.at_level(logging.DEBUG):
            steps(TpeSampler(SPACE, 1), 2)
        assert optuna.logging.get_verbosity() == before
        assert caplog.records == []


class TestLightGBM(SpaceLaws):
    def make(self, *, threads: int = 1) -> TunableLearner:
        return LightGBMLearner(threads=threads)


class TestLogistic(SpaceLaws):
    def make(self, *, threads: int = 1) -> TunableLearner:
        return LogisticLearner()


class TestSgd(SpaceLaws):
    def make(self, *, threads: int = 1) -> TunableLearner:
        return SgdLearner()


class TestHistGradientBoosting(SpaceLaws):
    def make(self, *, threads: int = 1) -> TunableLearner:
        return HistGradientBoostingLearner()


class TestRandomForest(SpaceLaws):
    def make(self, *, threads: int = 1) -> TunableLearner:
        return RandomForestLearner()


class TestExtraTrees(SpaceLaws):
    def make(self, *, threads: int = 1) -> TunableLearner:
        return ExtraTreesLearner()

"""The learners of torch against the laws of the Learner and Model ports, and what is their own."""

from __future__ import annotations

import pytest

from setpoint.backends.torch_mlp import MlpLearner
from setpoint.conformance.learner import LearnerLaws
from setpoint.core.ports import Learner

pytest.importorskip("torch", reason="the extra `torch` is not installed")


class TestMlp(LearnerLaws):
    def make(self, *, threads: int = 1) -> Learner:
        return MlpLearner()

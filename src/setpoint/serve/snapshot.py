"""What decides: an immutable snapshot of plan and model. A request keeps the snapshot it started with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa

from setpoint.core.records import RULE
from setpoint.data.log.decisions import definitions_of
from setpoint.declare.confidence import BY_RULE
from setpoint.declare.plan import Plan
from setpoint.declare.prediction import Form
from setpoint.declare.release import Rule
from setpoint.features.online_seen import Seen


class Threshold(Protocol):
    """The probability from which acting pays, for many requests or one; the two agree."""

    @property
    def constant(self) -> float | None:
        """The threshold of every request, or None when it depends on the request."""
        ...

    def of(self, fields: pa.Table | None, n: int) -> np.ndarray:
        """The threshold of each of `n` rows of request fields."""
        ...

    def of_one(self, fields: Mapping[str, Any]) -> float:
        """The threshold of one request."""
        ...


class Scorer(Protocol):
    """A model ready to score, for many rows of features or one; the two agree where it is row-exact."""

    @property
    def digest(self) -> str:
        """The identity of the model."""
        ...

    @property
    def threshold(self) -> Threshold:
        """From which score it acts."""
        ...

    def score(self, features: pa.Table) -> np.ndarray:
        """The probability of each row, or what else the goal predicts: a number, or a row of them."""
        ...

    def score_row(self, values: Mapping[str, Any]) -> float:
        """The probability of one row, or the number that is predicted; of several the greatest."""
        ...

    def predict_row(self, values: Mapping[str, Any]) -> tuple[float, ...]:
        """All numbers that are predicted of one row."""
        ...


class Sure(Protocol):
    """Of rows the set that each label is promised to be in, None without one, and whether others decide."""

    @property
    def sets(self) -> np.ndarray:
        """For each row "false", "true", "false true" or None."""
        ...

    @property
    def abstained(self) -> np.ndarray:
        """Whether the decision of each row is handed over."""
        ...


@runtime_checkable
class Doubts(Protocol):
    """A scorer that says how sure its scores are, for many rows or one; the two agree."""

    def sure(self, scores: np.ndarray, *, features: pa.Table, fields: pa.Table) -> Sure | None:
        """How sure the scores of rows are; None where nothing was asked for."""
        ...

    def sure_one(
        self, score: float, *, features: Mapping[str, Any], fields: Mapping[str, Any]
    ) -> tuple[str | None, bool]:
        """`sure` of a batch of one."""
        ...


@runtime_checkable
class Explains(Protocol):
    """A scorer that can say why a row has its score."""

    def explain_row(self, values: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Why one row has its score, as JSON-like data; None where its model does not say."""
        ...

    def explain_outputs(
        self, values: Mapping[str, Any], *, names: Sequence[str] = ()
    ) -> Sequence[Mapping[str, Any]] | None:
        """Why one row has each of its predictions, called by `names`; None where its model does not say."""
        ...


class Features(Protocol):
    """Feature values for one request as of a time, with the position of each source that they rest on."""

    def see(self, fields: Mapping[str, Any], at: int) -> Seen:
        """The values of the features and the positions, all of one moment."""
        ...


@dataclass(frozen=True)
class Serving:
    """A plan and the model that decides by it (None: the fallback rule does). `epoch` counts what was published.

    Swapping the model is assigning another snapshot: decisions under way finish with theirs.
    """

    plan: Plan
    scorer: Scorer | None = None
    epoch: int = 0

    @property
    def system(self) -> str:
        """The name of the system."""
        return self.plan.system.name

    @cached_property
    def model(self) -> str:
        """The digest of the model, or "rule"."""
        return RULE if self.scorer is None else self.scorer.digest

    @cached_property
    def definitions(self) -> str:
        """What the log calls the versions of the features."""
        return definitions_of(self.plan)

    @cached_property
    def threshold(self) -> float | None:
        """The model's threshold where it is the same for every request."""
        return None if self.scorer is None else self.scorer.threshold.constant

    @property
    def form(self) -> Form:
        """What predictions look like."""
        return self.plan.prediction

    @property
    def key(self) -> str:
        """The request field that identifies what is decided."""
        return self.plan.system.decide.key

    @property
    def rule(self) -> Rule:
        """What decides when no model can."""
        return self.plan.system.release.fallback

    @property
    def action(self) -> str:
        """What is done where the score reaches the threshold."""
        return self.plan.system.goal.act.name

    @property
    def doubts(self) -> bool:
        """Whether decisions say how sure they are, or may be handed over."""
        goal = self.plan.system.goal
        return goal.confidence is not None or goal.abstain is not None

    @property
    def asks_rule(self) -> bool:
        """Whether the fallback rule takes the decisions that are handed over; a person does otherwise."""
        asked = self.plan.system.goal.abstain
        return asked is not None and asked.to == BY_RULE

    @cached_property
    def budget_us(self) -> int | None:
        """The most microseconds a decision may take, as the guardrails on latency say; None when there is none."""
        limits = [rail.threshold for rail in self.plan.system.goal.must if rail.metric.name == "latency"]
        return int(min(limits)) if limits else None

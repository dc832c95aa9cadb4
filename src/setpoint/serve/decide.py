"""The story of one decision: read the request, see, score, act, write it down; only then is it answered."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from setpoint.core import ids
from setpoint.core.clock import stopwatch
from setpoint.core.errors import NothingYet
from setpoint.core.ports import Clock, Segments
from setpoint.core.records import RULE, DecisionRecord
from setpoint.core.times import iso
from setpoint.declare.goal_kind import MULTILABEL
from setpoint.declare.prediction import ANSWERED, PROBABILITY, Form
from setpoint.serve.explain import explain_decision
from setpoint.serve.fallback import NO_MODEL, RULE_THRESHOLD, UNSURE, rule_says
from setpoint.serve.log import encode_record
from setpoint.serve.request import read_request
from setpoint.serve.route import Route, choose_route
from setpoint.serve.runner import Runner
from setpoint.serve.snapshot import Doubts, Features, Serving

NO_ACTION, ASK = "none", "ask"
"""The action of a decision that does not act, and of one that is handed to a person."""

SHARE_OF_SCORING = 0.9
"""How much of the declared latency may be gone when the score is there: the rest is for the rule, log and answer."""

LONGEST_REHEARSAL = 5_000_000
"""How many microseconds a model may take for its first score; it is left behind then."""


@dataclass(frozen=True)
class Decision:
    """What was decided. `action` is the declared action, "none", or "ask"; `degraded` why the model did not decide.

    `model` is the digest of the model, or "rule"; `at` the time of the decision in microseconds; `why` says what each
    feature added to the score, where that was asked for. `set` holds what the label may be, as often as the goal
    promises, and `abstained` says that the decision was handed over; None where the goal asks for neither.

    A goal that takes no action has a `prediction`: a number, or one for each class, label or end of an interval, None
    where neither model nor rule can say; and an `answer`, the class or the labels. `score` is the greatest number.
    """

    id: str
    key: str
    at: int
    score: float
    action: str
    model: str
    arm: str
    propensity: float
    degraded: str
    why: Mapping[str, Any] | None = None
    set: tuple[bool, ...] | None = None
    abstained: bool | None = None
    form: Form = PROBABILITY
    numbers: tuple[float, ...] = ()

    @property
    def prediction(self) -> float | dict[str, float] | None:
        """What was predicted; None for two classes, whose prediction is the score, and where nobody can say."""
        if self.form.acts or math.isnan(self.score):
            return None
        return dict(zip(self.form.names, self.numbers, strict=True)) if self.form.names else self.score

    @property
    def answer(self) -> str | tuple[str, ...] | None:
        """The class that costs least to answer, or the labels that are likelier than not; None for other kinds."""
        return self.form.answer(self.numbers) if self.numbers else () if self.form.kind == MULTILABEL else None

    @property
    def acted(self) -> bool:
        """Whether the action is to be taken."""
        return self.action not in (NO_ACTION, ASK)

    def to_dict(self) -> dict[str, Any]:
        """The decision as JSON-like data."""
        return {
            "id": self.id,
            "key": self.key,
            "at": iso(self.at),
            "score": None if math.isnan(self.score) else self.score,
            **({} if self.form.acts else {"prediction": self.prediction}),
            **({} if self.form.kind not in ANSWERED else {"answer": self.answer}),
            "action": self.action,
            "acted": self.acted,
            "model": self.model,
            "arm": self.arm,
            "propensity": self.propensity,
            "degraded": self.degraded,
            **({} if self.set is None else {"set": list(self.set)}),
            **({} if self.abstained is None else {"abstained": self.abstained}),
            **({} if self.why is None else {"why": dict(self.why)}),
        }


def decide(
    request: Mapping[str, Any],
    *,
    serving: Serving,
    features: Features,
    clock: Clock,
    log: Segments,
    runner: Runner,
    explain: bool = False,
) -> Decision:
    """The decision on a request, in the log before it is given; with `explain` it says why it has its score.

    Raises RequestInvalid for a request that cannot be decided and LogUnavailable when the log cannot be written: then
    nothing was decided. A model that is missing, fails or is too slow leaves the decision to the fallback rule.
    """
    began = stopwatch()
    fields = read_request(request, serving.plan)
    seen = features.see(fields, clock.now())
    at = seen.at
    route = choose_route(serving)
    verdict = judge(serving, route, fields, seen.values, at=at, began=began, runner=runner)
    record = DecisionRecord(
        decision_id=ids.new("d"),
        system=serving.system,
        key=str(fields[serving.key]),
        at=at,
        fields=fields,
        features=seen.values,
        score=verdict.score,
        prediction=verdict.numbers,
        acted=verdict.acted,
        action=serving.action if verdict.acted else ASK if verdict.asks else NO_ACTION,
        threshold=verdict.threshold,
        model=verdict.model,
        arm=route.arm,
        propensity=route.propensity,
        degraded=verdict.degraded,
        positions=seen.positions,
        latency_us=(stopwatch() - began) // 1000,
        definitions=serving.definitions,
        prediction_set=verdict.prediction_set,
        abstained=verdict.abstained,
    )
    log.append(encode_record(record))
    scorer = None if verdict.model == RULE else route.scorer
    return Decision(
        id=record.decision_id,
        key=record.key,
        at=record.at,
        score=record.score,
        action=record.action,
        model=record.model,
        arm=record.arm,
        propensity=record.propensity,
        degraded=record.degraded,
        why=explain_decision(scorer, seen.values, form=serving.form) if explain else None,
        set=_labels_of(verdict.prediction_set),
        abstained=verdict.abstained if serving.plan.system.goal.abstain is not None else None,
        form=serving.form,
        numbers=verdict.numbers,
    )


def rehearse(request: Mapping[str, Any], *, serving: Serving, features: Features, clock: Clock) -> None:
    """Go through a decision that nobody waits for and no log keeps, so that the first real one finds all compiled.

    While a feature is still being filled there is nothing to go through. Raises RequestInvalid like a decision.
    """
    fields = read_request(request, serving.plan)
    try:
        seen = features.see(fields, clock.now())
    except NothingYet:
        return
    runner = Runner(serving.form)
    if serving.scorer is not None:
        runner.run(serving.scorer, seen.values, left_us=LONGEST_REHEARSAL)
    rule_says(serving, fields, seen.values, seen.at)
    runner.close()


@dataclass(frozen=True)
class Verdict:
    """A score against its threshold, who gave it, why it was not the model, and how sure it is."""

    score: float
    threshold: float
    model: str
    degraded: str
    prediction_set: str | None = None
    abstained: bool = False
    numbers: tuple[float, ...] = ()

    @property
    def asks(self) -> bool:
        """Whether a person is asked."""
        return self.abstained and self.model != RULE

    @property
    def acted(self) -> bool:
        """Whether the score reaches the threshold, and nobody is asked; without a threshold nothing is done."""
        return self.score >= self.threshold and not self.asks


def judge(
    serving: Serving,
    route: Route,
    fields: Mapping[str, Any],
    seen: Mapping[str, Any],
    *,
    at: int,
    began: int,
    runner: Runner,
) -> Verdict:
    """The model's verdict within the time that is left since `began`, or the rule's."""
    degraded, handed = NO_MODEL, False
    if route.scorer is not None:
        budget = serving.budget_us
        left = None if budget is None else budget * SHARE_OF_SCORING - (stopwatch() - began) / 1000
        score, numbers, degraded = runner.run(route.scorer, seen, left_us=left)
        if not degraded:
            if not serving.form.acts:
                return Verdict(score, math.nan, serving.model, "", numbers=numbers)
            constant = serving.threshold
            threshold = route.scorer.threshold.of_one(fields) if constant is None else constant
            if not serving.doubts or not isinstance(route.scorer, Doubts):
                return Verdict(score, threshold, serving.model, "")
            found, abstained = route.scorer.sure_one(score, features=seen, fields=fields)
            if not (abstained and serving.asks_rule):
                return Verdict(score, threshold, serving.model, "", found, abstained)
            degraded, handed = UNSURE, True
    score, numbers = rule_says(serving, fields, seen, at)
    threshold = RULE_THRESHOLD if serving.form.acts else math.nan
    return Verdict(score, threshold, RULE, degraded, abstained=handed, numbers=numbers)


def _labels_of(prediction_set: str | None) -> tuple[bool, ...] | None:
    """What the log spells as a set.

    >>> _labels_of("false true")
    (False, True)
    """
    return None if prediction_set is None else tuple(each == "true" for each in prediction_set.split())

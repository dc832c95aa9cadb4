from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import setpoint as sp
from setpoint.backends.segments import FileSegments
from setpoint.core.clock import SimulatedClock
from setpoint.core.errors import LogUnavailable, RequestInvalid
from setpoint.core.records import DecisionRecord
from setpoint.data.log.decisions import definitions_of
from setpoint.serve.decide import Decision, decide
from setpoint.serve.log import decode_record
from setpoint.serve.runner import PROBATION, Runner
from setpoint.serve.snapshot import Scorer, Serving
from tests.unit.serve.shop import NOON, FixedThreshold, Formula, ReadFeatures, Stuck, request, shop

AMPLE, SHORT = "20s", "40ms"
"""Budgets of time: one that no busy machine exceeds, and one for models that hang."""


class Desk:
    """Everything that a decision needs, in a folder."""

    def __init__(self, folder: Path, *, budget: str = AMPLE, **limits: Any) -> None:
        self.plan = shop(must=(sp.latency(p=99) <= budget,))
        self.log = FileSegments(folder, sync_every=0, **limits)
        self.features = ReadFeatures(self.plan)
        self.clock, self.runner = SimulatedClock(NOON), Runner()

    def decide(self, scorer: Scorer | None, **changes: Any) -> Decision:
        """The decision on a request."""
        serving = Serving(self.plan, scorer)
        return decide(
            request(**changes),
            serving=serving,
            features=self.features,
            clock=self.clock,
            log=self.log,
            runner=self.runner,
        )

    def records(self) -> list[DecisionRecord]:
        """What the log holds."""
        return [decode_record(data) for _, data in self.log.read()]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk that is cleared when the test is over."""
    opened = Desk(tmp_path / "log")
    yield opened
    opened.runner.close()
    opened.log.close()


@pytest.fixture
def hurried(tmp_path: Path) -> Iterator[Desk]:
    """A desk with a short budget, cleared when the test is over."""
    opened = Desk(tmp_path / "hurried", budget=SHORT)
    yield opened
    opened.runner.close()
    opened.log.close()


def test_a_decision_leaves_a_record_of_what_it_saw(desk: Desk) -> None:
    """Request, features, model, score, threshold, arm and positions are in the log under the decision's id."""
    decision = desk.decide(Formula())
    record = desk.records()[0]
    assert replace(record, latency_us=0) == DecisionRecord(
        decision_id=decision.id,
        system="shop",
        key="c1",
        at=NOON,
        fields={
            "checkout_id": "c1",
            "user_id": "ann",
            "total": 20,
            "member": True,
            "created": NOON - 86_400_000_000,
        },
        features={"total": 20.0, "member": 1.0, "country": "NZ", "returned": 2.0, "age": 86_400.0},
        score=1 / 3,
        acted=True,
        action="block",
        threshold=2 / 22,
        model="f0123456789abcdef",
        arm="champion",
        propensity=1.0,
        degraded="",
        positions={"returns": 2, "users": 1},
        latency_us=0,
        definitions=definitions_of(desk.plan),
    )
    assert 0 < record.latency_us < 1_000_000


def test_the_answer_says_what_was_decided_and_by_whom(desk: Desk) -> None:
    """The same facts as the record's, and JSON-like."""
    decision = desk.decide(Formula(), total=1)
    assert decision.to_dict() == {
        "id": decision.id,
        "key": "c1",
        "at": "2024-05-01T12:00:00Z",
        "score": 1 / 22,
        "action": "none",
        "acted": False,
        "model": "f0123456789abcdef",
        "arm": "champion",
        "propensity": 1.0,
        "degraded": "",
    }


def test_a_score_at_the_threshold_acts(desk: Desk) -> None:
    """The threshold is where acting begins to pay."""
    threshold = FixedThreshold(0.3)
    below = Formula(threshold=threshold, gives=0.2999999999999999)
    assert desk.decide(Formula(threshold=threshold, gives=0.3)).acted
    assert not desk.decide(below).acted


def test_the_time_of_a_decision_is_the_servers(desk: Desk) -> None:
    """A time in the request is a field like any other."""
    assert desk.decide(Formula(), created="2031-01-01T00:00:00Z").at == NOON


@pytest.mark.parametrize(("total", "acted"), [(60, True), (40, False), (None, False)])
def test_without_a_model_the_rule_decides(desk: Desk, total: float | None, acted: bool) -> None:
    """It scores 1 or 0, acts by its condition (NULL is not), and the answer says that no model was there."""
    decision = desk.decide(None, total=total)
    assert (decision.acted, decision.score, decision.model, decision.arm) == (acted, float(acted), "rule", "rule")
    assert (decision.degraded, desk.records()[0].threshold) == ("no-model", 0.5)


@pytest.mark.parametrize("scorer", [Formula(fails_on=60), Formula(gives=float("nan")), Formula(gives=1.5)])
def test_a_model_that_fails_leaves_the_decision_to_the_rule(desk: Desk, scorer: Scorer) -> None:
    """Raising, giving no number or no probability: the rule decides, and the record says so."""
    decision = desk.decide(scorer, total=60)
    assert (decision.acted, decision.score, decision.model, decision.arm) == (True, 1.0, "rule", "champion")
    assert (decision.degraded, desk.records()[0].degraded) == ("model-failed", "model-failed")


def test_a_model_that_hangs_is_answered_for_within_the_budget(hurried: Desk) -> None:
    """The rule decides in the declared time, and at once while the model still hangs; it is asked once only."""
    scorer = Stuck()
    decisions = [hurried.decide(scorer, total=60) for _ in range(5)]
    scorer.gate.set()
    assert {decision.degraded for decision in decisions} == {"too-slow"}
    assert all(decision.acted for decision in decisions)
    waits = [record.latency_us for record in hurried.records()]
    assert 30_000 < waits[0] < 1_000_000
    assert min(waits[1:]) < 30_000
    assert len(scorer.calls) == 1


def test_a_model_that_comes_back_decides_again(hurried: Desk) -> None:
    """What it could not do in time it may do the next time."""
    scorer = Stuck()
    first = hurried.decide(scorer)
    scorer.gate.set()
    later = [hurried.decide(scorer).degraded for _ in range(500)]
    assert first.degraded == "too-slow"
    assert "" in later


def test_a_hanging_model_does_not_hold_up_its_successor(desk: Desk) -> None:
    """The next model has a thread of its own."""
    scorer, plan = Stuck(), desk.plan
    desk.plan = shop(must=(sp.latency(p=99) <= SHORT,))
    desk.decide(scorer)
    desk.plan = plan
    assert desk.decide(Formula()).degraded == ""
    scorer.gate.set()


def test_a_quick_model_is_called_in_place(desk: Desk) -> None:
    """After its first calls no thread is between: the model runs where the request does."""

    class Where(Formula):
        def score_row(self, values: Any) -> float:
            seen.append(threading.current_thread() is threading.main_thread())
            return super().score_row(values)

    seen: list[bool] = []
    scorer = Where()
    for _ in range(PROBATION + 30):
        desk.decide(scorer)
    assert seen[:PROBATION] == [False] * PROBATION
    assert seen[-1]


def test_a_model_that_turns_slow_is_late_once(hurried: Desk) -> None:
    """It is then waited for no longer than the budget."""

    class Turns(Stuck):
        def score_row(self, values: Any) -> float:
            if len(self.calls) > 2 * PROBATION:
                threading.Event().wait(0.5)
            self.calls.append(1)
            return Formula.score_row(self, values)

    scorer = Turns()
    reasons = [hurried.decide(scorer).degraded for _ in range(2 * PROBATION + 3)]
    waits = [record.latency_us for record in hurried.records()]
    assert reasons[-1] == "too-slow"
    assert sum(wait > 400_000 for wait in waits) == 1


def test_a_system_without_a_latency_guardrail_waits_for_its_model(desk: Desk) -> None:
    """No budget was declared, so none is kept."""
    desk.plan = shop()
    scorer = Stuck()
    threading.Timer(0.1, scorer.gate.set).start()
    assert desk.decide(scorer).degraded == ""


def test_threads_decide_at_the_same_time(desk: Desk) -> None:
    """Every decision has its own id and record."""
    scorer = Formula()
    given: list[Decision] = []
    threads = [threading.Thread(target=lambda: given.extend(desk.decide(scorer) for _ in range(25))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({decision.id for decision in given}) == 100
    assert sorted(record.decision_id for record in desk.records()) == sorted(decision.id for decision in given)


def test_no_decision_is_given_that_is_not_logged(tmp_path: Path) -> None:
    """When the log refuses, the caller gets the error instead of a decision."""
    desk = Desk(tmp_path / "small", quota=1500)
    scorer = Formula()
    given: list[Decision] = []
    with pytest.raises(LogUnavailable, match="quota"):
        given.extend(desk.decide(scorer) for _ in range(10))
    assert 1 <= len(desk.records()) <= 3
    desk.runner.close()
    desk.log.close()


def test_a_refused_request_leaves_no_trace(desk: Desk) -> None:
    """Nothing was decided, so nothing is logged."""
    with pytest.raises(RequestInvalid):
        desk.decide(Formula(), total="much")
    assert desk.records() == []

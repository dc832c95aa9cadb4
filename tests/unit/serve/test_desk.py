"""The desk: what is rehearsed before it is in force."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from setpoint.backends.segments import FileSegments
from setpoint.core.clock import SimulatedClock
from setpoint.core.errors import NothingYet
from setpoint.serve.desk import Desk
from setpoint.serve.outcomes import Outcomes
from setpoint.serve.snapshot import Serving
from tests.unit.serve.shop import NOON, Formula, ReadFeatures, request, shop


class Counted(Formula):
    """A model that counts how often it is asked."""

    def __init__(self, digest: str) -> None:
        super().__init__(digest)
        object.__setattr__(self, "calls", [])

    calls: list[int]

    def score_row(self, values: Any) -> float:
        """The score of one row."""
        self.calls.append(1)
        return super().score_row(values)


def opened(folder: Path, serving: Serving, features: Any) -> tuple[Desk, FileSegments]:
    """A desk, and its log."""
    log = FileSegments(folder / "log", sync_every=0)
    outcomes = Outcomes("shop", FileSegments(folder / "outcomes", sync_every=0))
    return Desk(serving, features=features, clock=SimulatedClock(NOON), log=log, outcomes=outcomes), log


def test_each_model_is_rehearsed_before_it_is_in_force_and_leaves_no_record(tmp_path: Path) -> None:
    """No decision waits for what compiles or loads at first use, and none is made up."""
    plan, first, second = shop(), Counted("first"), Counted("second")
    desk, log = opened(tmp_path, Serving(plan, first), ReadFeatures(plan))
    desk.rehearse(request())
    assert len(first.calls) == 1
    desk.publish(Serving(plan, second))
    assert (len(second.calls), list(log.read())) == (1, [])
    assert desk.decide(request()).model == "second"


def test_a_model_that_fails_its_rehearsal_leaves_the_rule(tmp_path: Path) -> None:
    """It is published all the same: its decisions fall back to the rule, and say so."""
    plan = shop()
    desk, _ = opened(tmp_path, Serving(plan, Formula(fails_on=20.0)), ReadFeatures(plan))
    desk.rehearse(request())
    assert desk.decide(request()).degraded == "model-failed"


def test_there_is_nothing_to_rehearse_while_features_are_filled(tmp_path: Path) -> None:
    """A new feature that catches up with history keeps no service from starting."""

    class Filling(ReadFeatures):
        def see(self, fields: Any, at: int) -> Any:
            raise NothingYet("A feature is being filled.")

    plan, scorer = shop(), Counted("first")
    desk, _ = opened(tmp_path, Serving(plan, scorer), Filling(plan))
    desk.rehearse(request())
    assert scorer.calls == []
    with pytest.raises(NothingYet):
        desk.decide(request())

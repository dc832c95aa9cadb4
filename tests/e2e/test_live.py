"""A live system: trained, decided with, told outcomes, ticked, stopped and started again."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import setpoint as sp
from setpoint.core import times
from setpoint.core.clock import SimulatedClock
from setpoint.core.errors import Busy, NothingYet, RequestInvalid
from tests.e2e import flights

NOON = times.time("2013-02-20T12:00:00Z")
REQUEST = {
    "flight_id": "UA1545-EWR-test",
    "carrier": "UA",
    "tailnum": "N14228",
    "origin": "EWR",
    "dest": "IAH",
    "sched_dep": "2013-02-20T14:00:00Z",
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a system that was trained on what was known by the middle of February."""
    home = tmp_path_factory.mktemp("live")
    live = flights.open_live(home)
    report = live.train(as_of=times.time("2013-02-15"))
    assert report["passed"]
    return home


def at_noon(home: Path, moment: int = NOON) -> sp.Live:
    """The system opened on a clock that stands at a moment."""
    return sp.open_system(flights.declare(), root=flights.ROOT, home=str(home), clock=SimulatedClock(moment))


def test_a_trained_model_decides_and_its_decision_can_be_explained(trained: Path) -> None:
    """The first model that passes the gate decides at once, and `why` shows what it saw."""
    live = at_noon(trained)
    with live.session() as session:
        decision = session.decide(REQUEST, explain=True)
        assert decision.degraded == ""
        assert decision.why is not None
        parts = [decision.why["base"], decision.why["others"], *(each["adds"] for each in decision.why["reasons"])]
        assert 1 / (1 + math.exp(-sum(parts))) == pytest.approx(decision.why["raw"])
        assert decision.model == session.serving.model
        assert 0 < decision.score < 1
    shown = live.status()
    assert shown["sections"]["model"]["deciding"] == decision.model[:12]


def test_a_decision_joins_its_late_label_and_a_told_outcome(trained: Path) -> None:
    """Days later the tick finds the decision's label: here one that was told, since no source knows this flight."""
    with at_noon(trained).session() as session:
        decision = session.decide({**REQUEST, "flight_id": "told"})
        told, new = session.outcome({"decision": decision.id, "value": 1})
        again, repeated = session.outcome({"decision": decision.id, "value": 1})
    assert (new, repeated, told.id) == (True, False, again.id)
    later = at_noon(trained, NOON + 4 * times.DAY)
    with later.session():
        shown = later.why(decision.id)
    assert "its label is known: True" in " ".join(shown["story"])
    saw = {row["feature"]: row["value"] for row in shown["tables"]["What it saw"]}
    assert saw["carrier"] == "UA"
    assert 0 <= saw["left_late_2h"] <= 1
    reasons = shown["tables"]["Why this score (log odds)"]
    total = reasons[-1]["adds"]
    assert sum(each["adds"] for each in reasons[:-1]) == pytest.approx(total)
    assert reasons[0]["because"] in shown["story"][2]
    if "no calibration map" in shown["story"][3]:
        assert 1 / (1 + math.exp(-total)) == pytest.approx(decision.score)
    else:
        assert f"makes {decision.score:.4f} of it" in shown["story"][3]


def test_two_processes_cannot_be_one_live_system(trained: Path) -> None:
    """The second is refused, and told why."""
    with at_noon(trained).session(), pytest.raises(Busy, match="Another process"), at_noon(trained).session():
        pass


def test_a_bad_request_is_refused_by_field(trained: Path) -> None:
    """A misspelt field is named, with the right one."""
    with at_noon(trained).session() as session, pytest.raises(RequestInvalid, match="carrier"):
        session.decide({**REQUEST, "carier": "UA"})


def test_a_system_that_has_not_run_says_what_to_run(tmp_path: Path) -> None:
    """Nothing to show is not an empty screen."""
    with pytest.raises(NothingYet, match="setpoint replay"):
        flights.open_live(tmp_path).status()


def test_training_before_any_label_is_mature_says_so(tmp_path: Path) -> None:
    """Too little to learn from is an answer, not a crash."""
    with pytest.raises(NothingYet, match="mature"):
        flights.open_live(tmp_path).train(as_of=times.time("2013-01-03"))


def test_the_products_own_code_needs_two_calls(trained: Path) -> None:
    """`decide` and `outcome` in process; nothing else is opened or closed by hand but the system itself."""
    with at_noon(trained) as live:
        decision = live.decide({**REQUEST, "flight_id": "two-calls"})
        told = live.outcome(decision.id, 1)
    assert told.decision == decision.id
    assert decision.action in ("warn", "none")

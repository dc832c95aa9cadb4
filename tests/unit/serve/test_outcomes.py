from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from setpoint.backends.segments import FileSegments
from setpoint.core.clock import SimulatedClock
from setpoint.core.errors import LogUnavailable, OutcomeConflict, RequestInvalid
from setpoint.core.times import iso
from setpoint.serve.outcomes import Outcomes
from tests.unit.serve.shop import NOON

DECISIONS = pa.table({"decision_id": ["d_1", "d_2", "d_3"], "key": ["c1", "c2", "c3"]})


def opened(folder: Path, **limits: Any) -> tuple[Outcomes, FileSegments]:
    """The outcomes of the shop, and their log."""
    log = FileSegments(folder, sync_every=0, **limits)
    return Outcomes("shop", log), log


def test_outcomes_become_rows_for_labels(tmp_path: Path) -> None:
    """An outcome told by decision carries that decision's key; rows come in the order in which they were known."""
    outcomes, log = opened(tmp_path)
    outcomes.tell({"decision": "d_2", "value": True}, clock=SimulatedClock(NOON + 5))
    outcomes.tell({"key": "c1", "value": 0.5, "at": iso(NOON - 7)}, clock=SimulatedClock(NOON))
    outcomes.tell({"decision": "d_9", "value": 1}, clock=SimulatedClock(NOON))
    assert outcomes.rows(DECISIONS).drop_columns(["id", "by", "version"]).to_pylist() == [
        {"key": "c1", "decision": None, "value": 0.5, "at": NOON - 7, "known_at": NOON},
        {"key": "c2", "decision": "d_2", "value": 1.0, "at": NOON + 5, "known_at": NOON + 5},
    ]
    log.close()


def test_an_outcome_told_again_counts_once(tmp_path: Path) -> None:
    """The second time changes nothing, also after opening again."""
    told = {"decision": "d_1", "value": True}
    outcomes, log = opened(tmp_path)
    first, new = outcomes.tell(told, clock=SimulatedClock(NOON))
    again, repeated = outcomes.tell(told, clock=SimulatedClock(NOON + 9))
    log.close()
    outcomes, log = opened(tmp_path)
    later, _ = outcomes.tell(told, clock=SimulatedClock(NOON + 99))
    assert (new, repeated, first, first) == (True, False, again, later)
    assert len(list(log.read())) == 1
    log.close()


def test_an_outcome_that_contradicts_is_refused(tmp_path: Path) -> None:
    """The first one stands, and the message shows both."""
    outcomes, log = opened(tmp_path)
    outcomes.tell({"key": "c1", "value": 1}, clock=SimulatedClock(NOON))
    with pytest.raises(OutcomeConflict, match=r"told before: 1 at .* and now 0"):
        outcomes.tell({"key": "c1", "value": 0}, clock=SimulatedClock(NOON))
    assert outcomes.rows(DECISIONS)["value"].to_pylist() == [1.0]
    log.close()


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({}, "decision"),
        ({"value": 1}, "decision"),
        ({"decision": "d_1", "key": "c1", "value": 1}, "decision"),
        ({"decision": "", "value": 1}, "decision"),
        ({"decision": ["d_1"], "value": 1}, "decision"),
        ({"key": None, "value": 1}, "key"),
        ({"key": "\ud800", "value": 1}, "key"),
        ({"key": "c1"}, "value"),
        ({"key": "c1", "value": None}, "value"),
        ({"key": "c1", "value": "1"}, "value"),
        ({"key": "c1", "value": float("nan")}, "value"),
        ({"key": "c1", "value": float("inf")}, "value"),
        ({"key": "c1", "value": 10**400}, "value"),
        ({"key": "c1", "value": 1, "at": "2024-05-01T12:00:00"}, "at"),
        ({"key": "c1", "value": 1, "at": "soon"}, "at"),
        ({"key": "c1", "value": 1, "at": 5}, "at"),
        ({"key": "c1", "value": 1, "at": "2024-05-01T12:00:01Z"}, "at"),
        ({"key": "c1", "vlaue": 1}, "vlaue"),
    ],
)
def test_an_outcome_that_says_nothing_is_refused(told: dict[str, Any], field: str, tmp_path: Path) -> None:
    """The error names the field, and nothing is written."""
    outcomes, log = opened(tmp_path)
    with pytest.raises(RequestInvalid) as raised:
        outcomes.tell(told, clock=SimulatedClock(NOON))
    assert (raised.value.field, list(log.read())) == (field, [])
    log.close()


def test_an_outcome_is_acknowledged_only_when_it_is_written(tmp_path: Path) -> None:
    """When the log refuses, it can be told again later."""
    outcomes, log = opened(tmp_path, quota=50)
    with pytest.raises(LogUnavailable):
        outcomes.tell({"key": "c1", "value": 1}, clock=SimulatedClock(NOON))
    assert outcomes.rows(DECISIONS).num_rows == 0
    log.close()


def test_systems_do_not_see_each_others_outcomes(tmp_path: Path) -> None:
    """They may share a log."""
    outcomes, log = opened(tmp_path)
    outcomes.tell({"key": "c1", "value": 1}, clock=SimulatedClock(NOON))
    assert Outcomes("other", log).rows(DECISIONS).num_rows == 0
    log.close()

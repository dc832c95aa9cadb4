"""Skew of clocks: rows that were known before they happened are counted, and beyond a declared skew set aside."""

from __future__ import annotations

import pyarrow as pa

from setpoint.core.times import time
from setpoint.data.contracts.check import check
from setpoint.data.contracts.contract import infer_contract
from tests.unit.data.make import moments, reasons, sales, taken

RAW = pa.table(
    {
        "id": list(range(12)),
        "ts": moments(*["2013-01-01T00:00:10Z"] * 12),
        "seen": moments("2013-01-01T00:00:07Z", "2013-01-01", *["2013-01-01T00:00:10Z"] * 10),
    }
)


def test_without_a_declared_skew_early_rows_are_counted() -> None:
    """They may be announcements."""
    done = taken(sales(id="id", known_at="seen", delay=None), RAW)
    assert (done.early, done.rows.num_rows) == (2, 12)


def test_beyond_a_declared_skew_a_row_is_set_aside() -> None:
    """With both times in the reason; within it the row counts."""
    done = taken(sales(id="id", known_at="seen", delay=None, skew="5s"), RAW)
    words = "row 2: known at 2013-01-01T00:00:00Z, 10s before it happened; expected at most 5s"
    assert (reasons(done), done.early, done.rows.num_rows) == ([("clock-skew", words)], 1, 11)


def test_an_event_from_a_clock_that_is_ahead_is_set_aside() -> None:
    """Against the clock of whoever receives it."""
    source = sales(id="id", known_at="seen", delay=None, skew="5s")
    found = check(infer_contract(source, RAW), RAW, received_at=time("2013-01-01T00:00:04Z")).violations
    assert found.counts() == {"clock-skew": 12}
    found = check(infer_contract(source, RAW), RAW, received_at=time("2013-01-01T00:00:05Z")).violations
    assert found.counts() == {}

"""Labels that are numbers, classes, sets of classes or times until an event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.core.times import DAY, HOUR
from setpoint.data.labels import KNOWN, UNKNOWN, VOID
from setpoint.data.rows import AT, KNOWN_AT
from setpoint.declare.label import SET, TIME, Label
from setpoint.labels.contradictions import contradictions
from setpoint.labels.join import resolve

KEYS = pa.array(["a", "b", "c", "d"])
AT_ZERO = np.zeros(4, dtype=np.int64)


Told = tuple[list[int], list[float]]


def told(label: Label, rows: Sequence[tuple[str, float, object]], *, as_of: float = 100.0) -> Told:
    """State and value of four decisions at time 0, from rows (key, day, value) known an hour later."""
    at = [round(day * DAY) for _, day, _ in rows]
    log = pa.table(
        {
            "id": pa.array([key for key, _, _ in rows], pa.string()),
            "x": pa.array([value for _, _, value in rows]),
            AT: pa.array(at, pa.int64()),
            KNOWN_AT: pa.array([moment + HOUR for moment in at], pa.int64()),
        }
    )
    found = resolve(label, KEYS, AT_ZERO, {"ends": log}, round(as_of * DAY))
    return found.state.tolist(), found.value.round(6).tolist()


def ends() -> sp.Expr:
    """The column that carries the truth."""
    return sp.events("ends", "ends.parquet", at="ts", delay="1h").x


def test_a_number_is_the_newest_rows_and_its_absence_zero_or_void() -> None:
    """A correction replaces it; a fraction is kept."""
    rows = [("a", 1.0, 3.25), ("b", 1.0, 4.0), ("b", 2.0, -7.5)]
    label = sp.label(ends(), on="id", within="3d")
    assert told(label, rows) == ([KNOWN] * 4, [3.25, -7.5, 0.0, 0.0])
    state, value = told(replace(label, absent="void"), rows)
    assert state == [KNOWN, KNOWN, VOID, VOID]
    assert value[:2] == [3.25, -7.5]


def test_a_fold_of_rows_is_a_number_too() -> None:
    """How many came, once none can come any more."""
    source = sp.events("ends", "ends.parquet", at="ts", delay="1h")
    label = sp.label(sp.count(source), on="id", within="3d")
    rows = [("a", 1.0, 1.0), ("a", 2.0, 1.0), ("b", 4.0, 1.0)]
    assert told(label, rows) == ([KNOWN] * 4, [2.0, 0.0, 0.0, 0.0])
    assert told(label, rows, as_of=2.5)[0] == [UNKNOWN] * 4


def test_a_class_is_its_place_and_a_text_that_is_none_leaves_the_decision_unknown() -> None:
    """NULL takes a row back, as of every label."""
    label = sp.label(ends(), on="id", within="3d", absent="void", classes=["low", "high"])
    state, value = told(label, [("a", 1.0, "high"), ("b", 1.0, "hihg"), ("c", 1.0, None), ("d", 1.0, "low")])
    assert state == [KNOWN, UNKNOWN, VOID, KNOWN]
    assert (value[0], value[3]) == (1.0, 0.0)


def test_a_set_holds_every_class_that_came_once_it_cannot_grow() -> None:
    """Bit j is class j; without a row it is empty; a text that is no class leaves it unknown."""
    label = replace(sp.label(ends(), on="id", within="3d", classes=["x", "y", "z"]), gives=SET)
    rows = [("a", 1.0, "z"), ("a", 2.0, "x"), ("a", 2.5, "x"), ("b", 4.0, "y"), ("c", 1.0, "q"), ("d", 1.0, "y")]
    assert told(label, rows)[0] == [KNOWN, KNOWN, UNKNOWN, KNOWN]
    assert [told(label, rows)[1][place] for place in (0, 1, 3)] == [5.0, 0.0, 2.0]
    assert told(label, rows, as_of=2.0)[0] == [UNKNOWN] * 4
    assert contradictions(label, {"ends": pa.table({"id": ["a"], "x": ["x"], AT: [1], KNOWN_AT: [1]})}, 9).num_rows == 0


def test_a_time_is_that_of_the_first_event_or_how_long_none_came() -> None:
    """In days; less than 0 where it is cut off, at the end of its time or at what is known."""
    label = replace(sp.label(ends() > 0, on="id", within="10d"), gives=TIME)
    rows = [("a", 6.0, 1.0), ("a", 2.5, 1.0), ("b", 3.0, 0.0), ("d", 11.0, 1.0)]
    assert told(label, rows) == ([KNOWN] * 4, [2.5, -10.0, -10.0, -10.0])
    state, value = told(label, rows, as_of=2.0)
    followed = -(2.0 - 1 / 24)
    assert state == [KNOWN] * 4
    assert value == pytest.approx([followed] * 4, abs=1e-5)


def test_an_event_at_the_time_of_its_decision_happened() -> None:
    """Its time is above 0, so that the sign tells."""
    label = replace(sp.label(ends() > 0, on="id", within="10d"), gives=TIME)
    assert told(label, [("a", 0.0, 1.0)])[1][0] == 0.0
    at = np.zeros(1, dtype=np.int64)
    log = pa.table({"id": ["a"], "x": [1.0], AT: pa.array([0], pa.int64()), KNOWN_AT: pa.array([1], pa.int64())})
    assert resolve(label, pa.array(["a"]), at, {"ends": log}, DAY).value[0] > 0


def test_a_decision_that_nobody_followed_yet_is_unknown() -> None:
    """Its source is complete only up to its own time."""
    label = replace(sp.label(ends() > 0, on="id", within="10d"), gives=TIME)
    assert told(label, [], as_of=1 / 48)[0] == [UNKNOWN] * 4

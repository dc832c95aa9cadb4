"""A labeller that contradicts itself."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
from pyarrow.parquet import write_table

import setpoint as sp
from setpoint.data.rows import AT, KNOWN_AT
from setpoint.labels.contradictions import contradictions

VERDICTS = sp.events("verdicts", "verdicts.parquet", at="ts", known_at="seen")
BAD = sp.label(VERDICTS.score > 5, on="item", within="1d")


def log(*rows: tuple[str | None, int, int, float | None]) -> pa.Table:
    """Rows of item, at, known_at and score."""
    columns = list(zip(*sorted(rows, key=lambda row: (row[2], row[1])), strict=True))
    return pa.table(
        {"item": pa.array(columns[0], pa.string()), AT: columns[1], KNOWN_AT: columns[2], "score": columns[3]}
    )


def test_events_of_one_time_that_tell_different_truths_are_named() -> None:
    """With how many there are; what agrees, comes later, or has no key, is none."""
    rows = log(
        ("a", 5, 6, 9.0),
        ("a", 5, 6, 1.0),
        ("a", 5, 6, 8.0),
        ("b", 5, 6, 9.0),
        ("b", 5, 6, 7.0),
        ("c", 5, 6, 9.0),
        ("c", 5, 7, 1.0),
        (None, 5, 6, 9.0),
        (None, 5, 6, 1.0),
        ("d", 5, 6, 9.0),
        ("d", 5, 6, None),
    )
    found = contradictions(BAD, {"verdicts": rows}, 10).to_pylist()
    assert sorted(found, key=lambda row: row["key"]) == [
        {"key": "a", "at": 5, "known_at": 6, "events": 3, "told": 2},
        {"key": "d", "at": 5, "known_at": 6, "events": 2, "told": 2},
    ]


def test_a_contradiction_is_one_from_when_both_are_known() -> None:
    """Not before, and a fold of events has none."""
    rows = log(("a", 5, 6, 9.0), ("a", 5, 6, 1.0))
    assert contradictions(BAD, {"verdicts": rows}, 5).num_rows == 0
    assert contradictions(BAD, {"verdicts": rows}, 6).num_rows == 1
    folded = sp.label(sp.max(VERDICTS.score) > 5, on="item", within="1d")
    assert contradictions(folded, {"verdicts": rows}, 6).num_rows == 0


def test_checking_a_project_tells_of_a_labeller_that_contradicts_itself(tmp_path: Path) -> None:
    """With the first such key and time, and how many there are; those decisions' labels are unknown."""
    day = datetime(2026, 3, 1, tzinfo=UTC)
    write_table(pa.table({"item": ["a", "b"], "ts": [day, day], "size": [1.0, 2.0]}), tmp_path / "items.parquet")
    told = {"item": ["a", "a", "b"], "ts": [day] * 3, "seen": [day] * 3, "score": [9.0, 1.0, 9.0]}
    write_table(pa.table(told), tmp_path / "verdicts.parquet")
    system = sp.System(
        "items",
        decide=sp.decide(sp.events("items", "items.parquet", key="item", at="ts"), fields=["size"]),
        features={"size": sp.field("size")},
        label=BAD,
        goal=sp.goal(
            sp.auc(), business="eur", act=sp.act("block", by="cost"), cost=sp.cost(false_positive=1, false_negative=2)
        ),
        release=sp.release(sp.shadow("1d"), fallback=sp.rule(sp.field("size") > 1)),
    )
    checked = sp.open_system(system, root=tmp_path).check()
    assert checked["labels"] == {"unknown": 1, "known": 1, "void": 0, "censored": 0}
    (finding,) = [each for each in checked["findings"] if each["kind"] == "label-contradicts-itself"]
    assert "2 different truths of 'a' at once, at 2026-03-01" in finding["evidence"]

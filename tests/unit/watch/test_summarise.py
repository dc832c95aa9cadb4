"""A day in counts."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa

from setpoint.watch.reference import Reference, make_reference
from setpoint.watch.summarise import DaySummary, summarise
from tests.unit.watch.world import World

TRAINED = pa.table({"x": [1.0, 2.0, 3.0, 4.0], "y": ["a", "a", "b", "b"]})


def reference() -> Reference:
    """Two columns and a score."""
    return make_reference(TRAINED, [0.1, 0.2, 0.3, 0.4], [0, 1, 2, 3])


def day(**columns: list) -> DaySummary:
    """The summary of a log with these columns."""
    given = {
        "feature.x": [1.0],
        "feature.y": ["a"],
        "score": [0.1],
        **{k.replace("_", "."): v for k, v in columns.items()},
    }
    return summarise(reference(), pa.table(given), at=9)


def test_every_value_is_counted_once() -> None:
    """Bins, NULL and strange values of each column."""
    found = day(feature_x=[1.0, 4.0, None, 900.0], feature_y=["a", "b", "new", None], score=[0.1, 0.1, 0.4, 0.4])
    x, y, score = (
        found.counts[a:b].tolist() for a, b in zip(reference().offsets[:-1], reference().offsets[1:], strict=True)
    )
    assert (x, y, score) == ([1, 0, 0, 2], [1, 1, 1], [2, 0, 0, 2])
    assert found.nulls.tolist() == [1, 1, 0]
    assert found.strange.tolist() == [1, 1, 0]


def test_a_value_that_does_not_vary_is_remarked() -> None:
    """NULL does not count as a value, and values that share the bin of all others are not one value."""
    found = day(feature_x=[2.0, None, 2.0], feature_y=["z", "w", None], score=[0.1, 0.2, 0.3])
    assert found.single.tolist() == [True, False, False]


def test_who_decided_and_how() -> None:
    """Degraded, acted and the model that decided most."""
    log = pa.table(
        {
            "feature.x": [1.0, 2.0, 3.0],
            "feature.y": ["a", "b", "a"],
            "score": [0.1, 0.2, 0.3],
            "degraded": ["", "slow", ""],
            "acted": [True, False, True],
            "model": ["m2", "rule", "m2"],
        }
    )
    found = summarise(reference(), log, at=9)
    assert (found.rows, found.degraded, found.acted, found.model) == (3, 1, 2, "m2")


def test_an_empty_day_is_a_day() -> None:
    """It has a time and no rows."""
    log = pa.table(
        {
            "feature.x": pa.array([], pa.float64()),
            "feature.y": pa.array([], pa.string()),
            "score": pa.array([], pa.float64()),
        }
    )
    found = summarise(reference(), log, at=9)
    assert (found.at, found.rows, found.counts.sum(), found.model) == (9, 0, 0, "")
    assert not found.single.any()


def test_a_column_of_nothing_but_null_is_counted_as_such() -> None:
    """Whatever type such a column has in the file."""
    log = pa.table({"feature.x": pa.nulls(2), "feature.y": pa.nulls(2), "score": [0.1, 0.2]})
    assert summarise(reference(), log, at=9).nulls.tolist() == [2, 2, 0]


def test_a_summary_survives_json() -> None:
    """What is stored of a day is what was counted."""
    found = day(feature_x=[1.0], feature_y=["a"], score=[0.2])
    again = DaySummary.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again.to_dict() == found.to_dict()
    assert again.counts.dtype == np.int64


def test_counts_do_not_depend_on_how_rows_are_chunked() -> None:
    """A table of many chunks is the same day."""
    world = World(seed=3, days=2)
    made = world.reference(1)
    log = world.log(1)
    pieces = pa.concat_tables([log.slice(0, 100), log.slice(100, 1), log.slice(101)])
    assert summarise(made, pieces, at=9).to_dict() == summarise(made, log, at=9).to_dict()

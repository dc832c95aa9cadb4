"""Events that contradict each other: of one key, one time and known at one time, they tell other truths."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from setpoint.data.rows import AT, KNOWN_AT, known_rows
from setpoint.declare.label import SET, Label
from setpoint.declare.source import info
from setpoint.labels.told_numbers import tell_numbers

EVENTS, TOLD = "events", "told"
"""How many events stand beside each other, and how many different things they tell."""


def contradictions(label: Label, rows: Mapping[str, pa.Table], as_of: int) -> pa.Table:
    """Each key and time of which a label's source told different truths at once: `key`, `at`, `known_at`, how many.

    No order among them says which is right, so such events are no truth: the label stays unknown until a newer one
    settles it. Where several events of one key may well differ, the label means a fold of them.

    >>> from setpoint.declare.label import label
    >>> from setpoint.declare.source import events
    >>> returns = events("returns", "returns.parquet", at="ts", delay="0s")
    >>> log = pa.table({"order": ["a", "a", "b"], "fraud": [1, 0, 1], AT: [5, 5, 5], KNOWN_AT: [5, 5, 5]})
    >>> declared = label(returns.fraud > 0, on="order", within="1d")
    >>> contradictions(declared, {"returns": log}, 9).select(["key", "events", "told"]).to_pylist()
    [{'key': 'a', 'events': 2, 'told': 2}]
    """
    table = known_rows(rows[info(label.source).name], as_of)
    several = label.folds or label.gives == SET
    if several:
        table = table.slice(0, 0)
    told = pa.nulls(0, pa.float64()) if several else pa.array(tell_numbers(label, table).value)
    said = pa.table({"key": table[label.on], "at": table[AT], "known_at": table[KNOWN_AT], "truth": told})
    counted = said.group_by(["key", "at", "known_at"], use_threads=False).aggregate(
        [("truth", "count", pc.CountOptions(mode="all")), ("truth", "count_distinct", pc.CountOptions(mode="all"))]
    )
    named = {"truth_count": EVENTS, "truth_count_distinct": TOLD}
    counted = counted.rename_columns([named.get(name, name) for name in counted.column_names])
    return counted.filter(pc.and_(pc.greater(counted[TOLD], 1), pc.is_valid(counted["key"])))

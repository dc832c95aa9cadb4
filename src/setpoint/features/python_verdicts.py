"""What the first decisions show of a plan's Python features: run on whole arrays, or row by row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from setpoint.data.arrays import Array
from setpoint.data.language.python_calls import verdict
from setpoint.declare.expr import PythonCall, walk
from setpoint.declare.plan import Plan
from setpoint.features.reader import FeatureReader

ROWS = 1024
"""How many decisions are looked at."""


def python_verdicts(plan: Plan, rows: Mapping[str, pa.Table], requests: pa.Table, at: Array) -> list[dict[str, Any]]:
    """One entry for each Python feature of a plan, with what was seen; the features of these requests are computed."""
    calls = [
        (feature.name, node) for feature in plan.inputs for node in walk(feature.expr) if isinstance(node, PythonCall)
    ]
    if not calls:
        return []
    FeatureReader(plan, rows).read(requests.slice(0, ROWS), at[:ROWS])
    found = []
    for name, node in calls:
        seen = verdict(node)
        told = {"whole": None, "reason": "no batch of rows has been computed"} if seen is None else seen.to_dict()
        found.append({"feature": name, "function": node.name, "version": node.version[:12], **told})
    return found

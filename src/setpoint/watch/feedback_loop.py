"""The feedback loop: how long it takes until what came of decisions is known, measured on those that matured."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from setpoint.core.times import DAY, HOUR, MINUTE, SECOND, spell
from setpoint.data.labels import Labels
from setpoint.data.log.decisions import lasts_by
from setpoint.declare.plan import Plan
from setpoint.labels.clock import label_clock
from setpoint.labels.settle import ends_by

COLUMNS = ("at", "state", "value", "settled_at")
"""The columns of matured decisions that are read, beside that of the field by which the label's time goes."""


def feedback_loop(plan: Plan, matured: pa.Table) -> dict[str, Any]:
    """How long the feedback loop is, as JSON-like data.

    `of` says of what: of positive labels, or where absence is void of all; `usable_after` is the age at which the
    decisions of a segment are all usable, `all` and `segments` by which age shares of them are known.
    """
    label, by = plan.system.label, lasts_by(plan)
    every = label.absent == "void"
    at, state = matured["at"].to_numpy(), matured["state"].to_numpy()
    value = matured["value"].to_numpy(zero_copy_only=False)
    labels = Labels(state, value, matured["settled_at"].to_numpy(), np.ones(at.size, dtype=bool), {})
    ends = ends_by(label, matured, by)
    as_of = int(ends.max()) + label.delay if at.size else 0
    segments = None if by is None else matured[by].to_numpy(zero_copy_only=False).astype(object)
    clock = label_clock(labels, at, ends, as_of=as_of, delay=label.delay, segments=segments, every=every)
    usable = {"": label.within, **dict(label.segments)}
    return {
        "of": "labels" if every else "positives",
        "usable_after": {name: length + label.delay for name, length in usable.items()},
        **clock.to_dict(),
    }


def told_loop(found: dict[str, Any]) -> dict[str, str]:
    """The length of a feedback loop in words, a line each."""
    of, facts = found["of"], {}
    for known in found["all"]["known_by"]:
        facts[f"{known['share']:.0%} of {of}"] = (
            f"known after {about(known['age'])}{_bounds(known['low'], known['high'])}"
        )
    for name, each in found["segments"].items():
        half = each["known_by"][0]
        facts[f"half of {of}, {name}"] = f"known after {about(half['age'])}"
    for name, length in found["usable_after"].items():
        facts["decisions usable" + (f", {name}" if name else "")] = f"after {spell(length)}"
    return facts


def _bounds(low: int | None, high: int | None) -> str:
    """The bounds of an age in words; nothing where there is none, as when every label takes the same time."""
    if low is not None and high is not None:
        return f" ({about(low)} to {about(high)})"
    if low is not None:
        return f" (at least {about(low)})"
    return "" if high is None else f" (at most {about(high)})"


def about(length: int) -> str:
    """A duration to three digits or so.

    >>> about(3 * DAY + 5 * HOUR + 7 * MINUTE), about(95 * MINUTE), about(20 * SECOND)
    ('3.21 d', '1.58 h', '20 s')
    """
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if length >= unit:
            return f"{length / unit:.3g} {name}"
    return f"{length / SECOND:.3g} s"

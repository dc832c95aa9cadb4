"""Bytewax: aggregates of payments by card over tumbling hours, and the least it can keep by key; Apache-2.0 licence.

python features_bytewax.py tumbling|lifetime FOLDER EVENTS
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import bytewax.operators as op
import bytewax.operators.windowing as win
import numpy as np
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource, run_main
from common.costs import peak_mb, spent, tell

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Event = tuple[int, float]
State = tuple[int, float, float, float, float, float]
NOTHING: State = (0, 0.0, 0.0, float("inf"), float("-inf"), float("nan"))


def fold(state: State, event: Event) -> State:
    """Count, sum, sum of squares, least, greatest and last."""
    count, total, squares, least, greatest, _ = state
    value = event[1]
    return (count + 1, total + value, squares + value * value, min(least, value), max(greatest, value), value)


def merge(one: State, other: State) -> State:
    """Two windows as one; tumbling windows never need it."""
    return (
        one[0] + other[0],
        one[1] + other[1],
        one[2] + other[2],
        min(one[3], other[3]),
        max(one[4], other[4]),
        other[5],
    )


def tumbling(source: list[tuple[str, Event]], sink: list[Any]) -> Dataflow:
    """Six aggregates for each card and hour, of one level only; they cannot give a sliding window."""
    clock: Any = win.EventClock(
        ts_getter=lambda event: EPOCH + timedelta(microseconds=event[0]), wait_for_system_duration=timedelta(0)
    )
    hours = win.TumblingWindower(length=timedelta(hours=1), align_to=EPOCH)
    flow = Dataflow("hours")
    events = op.input("events", flow, TestingSource(source, batch_size=10_000))
    folded = win.fold_window("fold", events, clock, hours, lambda: NOTHING, fold, merge)
    op.output("out", folded.down, TestingSink(sink))
    return flow


def lifetime(source: list[tuple[str, Event]], sink: list[Any]) -> Dataflow:
    """A count and a sum for each card, without any window."""

    def step(state: tuple[int, float] | None, event: Event) -> tuple[tuple[int, float], tuple[int, float]]:
        count, total = state or (0, 0.0)
        return (count + 1, total + event[1]), (count + 1, total + event[1])

    flow = Dataflow("lifetime")
    events = op.input("events", flow, TestingSource(source, batch_size=10_000))
    op.output("out", op.stateful_map("keep", events, step), TestingSink(sink))
    return flow


def keyed(folder: Path, size: int) -> Iterator[tuple[str, Event]]:
    """The first payments in order of arrival, keyed as Bytewax wants it."""
    with np.load(folder / "stream.npz") as events:
        columns = (events["card"][:size].tolist(), events["at"][:size].tolist(), events["amount"][:size].tolist())
    for card, at, amount in zip(*columns, strict=True):
        yield str(card), (at, amount)


if __name__ == "__main__":
    what, folder, size = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    source, sink = list(keyed(folder, size)), []
    before = spent()
    run_main({"tumbling": tumbling, "lifetime": lifetime}[what](source, sink))
    cpu = spent() - before
    tell(cpu=cpu, peak=peak_mb(), version=version("bytewax"), out=len(sink))

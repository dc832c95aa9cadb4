"""A process that writes 1,000 decisions a second into the log of a live system, until it has written them all."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from setpoint.backends.segments import FileSegments
from setpoint.core import times
from setpoint.core.records import DecisionRecord
from setpoint.serve.log import encode_record
from tests.e2e import flights

START = times.time("2013-02-20T12:00:00Z")
EACH = 0.01


def asked() -> list[str]:
    """The flights of two days, in order: what is decided on."""
    table = pq.read_table(flights.ROOT / flights.FILE, columns=["flight_id", "sched_dep"])
    first, last = (times.time(text) for text in ("2013-02-20T18:00:00Z", "2013-02-22T06:00:00Z"))
    leaves = table["sched_dep"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_pylist()
    return [key for key, at in zip(table["flight_id"].to_pylist(), leaves, strict=True) if first <= at < last]


def record(number: int, key: str) -> DecisionRecord:
    """The record of a decision on a flight, taken this many microseconds after the start."""
    return DecisionRecord(
        decision_id=f"d_{number:06d}",
        system="flights",
        key=key,
        at=START + number,
        fields={"flight_id": key, "carrier": key[:2], "tailnum": None, "origin": "EWR", "dest": "IAH", "sched_dep": 0},
        features={"carrier": key[:2], "hour": 7.0, "visib": None, "left_late_2h": number / 7},
        score=(number % 10) / 10,
        acted=number % 10 >= 5,
        action="warn" if number % 10 >= 5 else "none",
        threshold=0.5,
        model="rule",
        arm="rule",
        propensity=1.0,
        degraded="no-model",
        positions={"weather": number},
        latency_us=100,
    )


def main(folder: Path, count: int) -> None:
    """Append `count` records, a hundredth of a second's worth at a time."""
    log, keys = FileSegments(folder), asked()
    began = time.monotonic()
    for number in range(count):
        while number >= (time.monotonic() - began) * 1000 + 10:
            time.sleep(EACH)
        log.append(encode_record(record(number, keys[number % len(keys)])))
    print(count / (time.monotonic() - began))
    log.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

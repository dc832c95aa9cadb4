"""What a check finds in a small shop, for the tests of its report."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from setpoint.core.times import DAY, HOUR, iso, time
from setpoint.data.contracts.contract import infer_contract
from setpoint.data.log.entries import Entry
from setpoint.data.log.source_report import report_entries, report_source
from setpoint.data.rows import AT
from setpoint.declare.source import events, info

FIRST = time("2026-01-01")
ROWS = 24 * 60


def checked() -> dict[str, Any]:
    """Sixty days of sales with a gap, empty cells, a constant and a column that is there twice; and bad rows."""
    source = info(events("sales", "s.csv", id="n", at="ts", delay="0s", expect={"price": (0, 90), "shop": ["a", "b"]}))
    at = [FIRST + hour * HOUR for hour in range(ROWS) if not 20 * 24 <= hour < 22 * 24]
    raw = pa.table(
        {
            "n": pa.array(range(len(at))),
            "ts": pa.array(at).cast(pa.timestamp("us", tz="UTC")),
            "price": pa.array([None if n % 7 == 0 and n > 700 else n % 90 for n in range(len(at))]),
            "shop": ["a" if n % 3 else "b" for n in range(len(at))],
            "again": ["a" if n % 3 else "b" for n in range(len(at))],
            "same": ["<b>one</b>"] * len(at),
            "sent": [bool(n % 4) for n in range(len(at))],
        }
    )
    contract = infer_contract(source, raw)
    facts = report_source(contract, raw.append_column(AT, pa.array(at)))
    held = '{"n": %d, "ts": "%s", "shop": "<script>alert(1)</script>"}'
    entries = [
        Entry(f"{n:016x}", "sales", rule, f"row {n}: shop is odd", held % (n, iso(FIRST + n * DAY)), n, file="s.csv")
        for rule, days in (("not-allowed", range(1, 40)), ("range", range(30, 35)))
        for n in days
    ]
    entries.append(
        Entry(
            "f" * 16, "sales", "malformed", "row 1 is no object", "{torn", 1, received_at=FIRST + DAY, state="admitted"
        )
    )
    source_facts = {"name": "sales", "rows": len(at), "quarantined": 44, "skipped": 2, "known": "known 0s after ts"}
    return {
        "system": "shop",
        "at": "2026-03-02T10:00:00Z",
        "passed": False,
        "labels": {"known": 7, "void": 0, "censored": 0, "unknown": 3},
        "findings": [{"kind": "stale", "evidence": "sales is 1 day old", "hint": "Ask who delivers it."}],
        "sources": [{**source_facts, "first": iso(at[0]), "last": iso(at[-1]), **facts}],
        "quarantine": report_entries(entries, {"sales": contract}),
    }

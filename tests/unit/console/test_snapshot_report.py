"""The report of what differs between two snapshots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from setpoint.console.snapshot_report import render_comparison, write_comparison
from setpoint.data.rows import ID, KNOWN_AT
from setpoint.data.snapshots.snapshot import take_snapshot
from setpoint.watch.shifts import compare_snapshots
from tests.unit.console.parsed import Page
from tests.unit.console.test_report import ALLOWED, HOSTILE


def found(**columns: object) -> dict[str, Any]:
    """A comparison of two snapshots of one source, with columns added to the later one."""
    old = pa.table({ID: list("abcd"), KNOWN_AT: [0] * 4, "price": [1.0, 2.0, 3.0, 4.0], "by": ["x", "x", "y", "y"]})
    new = pa.table({ID: list("bcde"), KNOWN_AT: [1] * 4, "price": [9.0, 3.0, None, 5.0], "by": ["y"] * 4, **columns})
    before, after = take_snapshot({"sales": old}, 5), take_snapshot({"sales": new}, 6)
    return {"system": "shop", **compare_snapshots(before, after)}


def test_counts_columns_and_shifts_are_told() -> None:
    """Each in its section, with the examples folded away."""
    page = Page(render_comparison(found(note=["n"] * 4)))
    assert "Rows by identity: 1 added, 1 removed and 2 changed, in 1 source." in page.text
    assert "price 2 and by 1" in page.text
    assert "1 column in one of the two only, or of another kind: note." in page.text
    assert "x 50.0% to 0.0%" in page.text
    assert "price: 2.0 → 9.0" in page.text


def test_the_page_is_well_formed_and_asks_nothing_of_the_network() -> None:
    """Every element is closed and known; names from the data are text."""
    hostile = found(**{HOSTILE: [HOSTILE] * 4})
    for document in (found(), {**hostile, "system": HOSTILE}):
        html = render_comparison(document)
        page = Page(html)
        assert page.unclosed == []
        assert set(page.tags) <= ALLOWED
        assert page.tags["script"] == 1
        assert page.values("content")[0].startswith("default-src 'none';")


def test_nothing_that_differs_is_said(tmp_path: Path) -> None:
    """The same snapshot twice, and one without sources."""
    rows = {"sales": pa.table({ID: ["a"], KNOWN_AT: [0], "price": [1]})}
    for sources in (rows, {}):
        snapshot = take_snapshot(sources, 5)
        path = tmp_path / "deep" / "report.html"
        write_comparison({"system": "shop", **compare_snapshots(snapshot, snapshot)}, path)
        assert "The same rows." in path.read_text()

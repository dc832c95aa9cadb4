"""Tables in mapped files: what is read is what was written, and sorted runs are the whole in order."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from setpoint.data.arrays import UTC_MICROSECONDS
from setpoint.data.ingest.ingest import in_order
from setpoint.data.ingest.sorted_runs import merge_runs, write_runs
from setpoint.data.mapped import MappedWriter, open_mapped
from setpoint.data.row_hashes import RowHashes, hash_rows
from setpoint.data.rows import AT, ID, KNOWN_AT, POSITION

TYPES = {
    "number": (pa.float64(), st.floats(allow_nan=False)),
    "whole": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "sign": (pa.int8(), st.integers(-1, 1)),
    "truth": (pa.bool_(), st.booleans()),
    "time": (UTC_MICROSECONDS, st.integers(0, 2**50)),
    "text": (pa.string(), st.text(max_size=5)),
    "bytes": (pa.binary(), st.binary(max_size=5)),
}


@st.composite
def parts_of(draw: Any) -> list[pa.Table]:
    """Tables of one schema, of any sizes, with NULL anywhere; some are slices of others."""
    parts = []
    for size in draw(st.lists(st.integers(0, 20), min_size=1, max_size=5)):
        columns = {}
        for name, (arrow, values) in TYPES.items():
            drawn = draw(st.lists(st.none() | values, min_size=size + 3, max_size=size + 3))
            columns[name] = pa.array(drawn, arrow).slice(3) if arrow != UTC_MICROSECONDS else _times(drawn[3:])
        parts.append(pa.table(columns))
    return parts


def _times(values: list[int | None]) -> pa.Array:
    return pa.array(values, pa.int64()).cast(UTC_MICROSECONDS)


@settings(max_examples=40, deadline=None)
@given(parts_of(), st.integers(5, 50))
def test_what_was_written_is_read(parts: list[pa.Table], most: int) -> None:
    """Whatever the parts, and however many chunks the texts come in; columns of one width are one chunk."""
    folder = Path(tempfile.mkdtemp())
    with MappedWriter(folder, most_text=most) as writer:
        for part in parts:
            writer.write(part)
    found = open_mapped(folder)
    assert found.equals(pa.concat_tables(parts))
    assert [found[name].num_chunks for name in ("number", "whole", "sign", "truth", "time")] == [1] * 5


rows_ = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@given(rows_, st.integers(1, 20), st.integers(1, 4000))
def test_runs_are_merged_into_the_order_of_all(rows: list[tuple[int, int]], size: int, run_bytes: int) -> None:
    """However many rows are sorted at once, and whatever is tied."""
    known, at = zip(*rows, strict=True)
    table = pa.table({KNOWN_AT: known, AT: at, ID: [f"{n * 7919 % 61:x}" for n in range(len(rows))]})
    work = Path(tempfile.mkdtemp())
    blocks = [table.slice(start, size) for start in range(0, len(rows), size)]
    runs = [open_mapped(run) for run in write_runs(blocks, work, run_bytes=run_bytes)]
    merged = pa.concat_tables(list(merge_runs(runs, run_bytes=run_bytes)))
    assert merged.to_pylist() == in_order(table).drop_columns([POSITION]).to_pylist()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "c", "d", None, "e"]), max_size=40), st.integers(1, 10))
def test_rows_that_share_a_hash_are_given_together(texts: list[str | None], most: int) -> None:
    """Each once, those of one hash in one go, and no other."""
    with RowHashes(Path(tempfile.mkdtemp()) / "text") as written:
        hashes, whole = hash_rows([pa.array(texts, pa.string())])
        numbers = whole.nonzero()[0]
        written.add(hashes[whole], numbers, numbers)
        given_ = [rows.tolist() for _, rows, _ in written.shared(most=most)]
    shared = [n for n, text in enumerate(texts) if text is not None and texts.count(text) > 1]
    assert sorted(row for rows in given_ for row in rows) == shared
    assert all(
        not {texts[n] for n in one} & {texts[n] for n in other} for one in given_ for other in given_ if one != other
    )

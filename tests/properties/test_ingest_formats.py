"""The same rows written as Parquet, Arrow, CSV and JSON lines, clean and with bad cells anywhere."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from setpoint.core.errors import SourceEmpty
from setpoint.data.contracts.contract import infer_contract
from setpoint.data.ingest.ingest import Ingested, ingest, read_source
from setpoint.data.rows import ID
from setpoint.data.snapshots.snapshot import take_snapshot
from tests.unit.data.make import moments, sales

COLUMNS = ("id", "ts", "price", "pieces", "gift", "word")
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r"), max_size=6)
Record = dict[str, Any]

records = st.lists(
    st.fixed_dictionaries(
        {
            "price": st.one_of(st.none(), st.floats(-1e9, 1e9, allow_nan=False)),
            "pieces": st.one_of(st.none(), st.integers(-(2**53), 2**53)),
            "gift": st.one_of(st.none(), st.booleans()),
            "word": st.one_of(st.none(), TEXT),
            "second": st.integers(0, 10**9),
        }
    ),
    min_size=1,
    max_size=8,
)

SAMPLE: Record = {"id": "s", "ts": "2013-01-01T00:00:00Z", "price": 0.5, "pieces": 1, "gift": True, "word": "a,b"}


class Raw(str):
    """A cell that is written as it is, unquoted where it can be."""

    __slots__ = ()


def numbered(drawn: list[Record]) -> list[Record]:
    """Rows with an id and a time written in UTC."""
    found = []
    for number, record in enumerate(drawn):
        second = record["second"]
        moment = moments(second * 1_000_000)[0].as_py().isoformat()
        found.append({"id": f"r{number}", "ts": moment, **{name: record[name] for name in COLUMNS[2:]}})
    return found


def as_csv(rows: list[Record]) -> str:
    """The rows as CSV: NULL is an empty cell, an empty text is quoted."""
    lines = [",".join(_cell(row[name]) for name in COLUMNS) + "\n" for row in rows]
    return ",".join(COLUMNS) + "\n" + "".join(lines)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Raw) and "," not in value:
        return str(value)
    return '"' + value.replace('"', '""') + '"' if isinstance(value, str) else json.dumps(value)


def as_json(rows: list[Record]) -> str:
    """The rows as JSON lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def typed(rows: list[Record]) -> pa.Table:
    """The rows with Arrow types."""
    types = {"price": pa.float64(), "pieces": pa.int64(), "gift": pa.bool_(), "word": pa.string(), "id": pa.string()}
    columns = {name: pa.array([row[name] for row in rows], type_) for name, type_ in types.items()}
    return pa.table({**columns, "ts": moments(*[row["ts"] for row in rows])}).select(list(COLUMNS))


def taken(folder: Path, name: str, content: str | pa.Table) -> Ingested:
    """A file's rows under the contract of the sample, never refused whole."""
    if isinstance(content, str):
        (folder / name).write_text(content, encoding="utf-8", newline="")
    elif name.endswith(".arrow"):
        with pa.OSFile(str(folder / name), "wb") as file, pa.ipc.new_file(file, content.schema) as writer:
            writer.write_table(content, max_chunksize=3)
    else:
        pq.write_table(content, folder / name)
    source = sales(name, id="id")
    contract = replace(infer_contract(source, typed([SAMPLE])), refuse_above=1.0)
    return ingest(source, read_source(source, folder), contract)


@settings(max_examples=60)
@given(records)
def test_the_format_of_a_file_does_not_show_in_its_rows(drawn: list[Record]) -> None:
    """Parquet, Arrow, CSV and JSON lines give the same snapshot, to the digest."""
    rows = numbered(drawn)
    with tempfile.TemporaryDirectory() as folder:
        found = [
            taken(Path(folder), name, content)
            for name, content in (
                ("s.parquet", typed(rows)),
                ("s.arrow", typed(rows)),
                ("s.csv", as_csv(rows)),
                ("s.jsonl", as_json(rows)),
            )
        ]
    assert [done.quarantined.to_pylist() for done in found] == [[]] * 4
    assert [done.rows.drop_columns(["price"]).to_pylist() for done in found[1:]] == [
        found[0].rows.drop_columns(["price"]).to_pylist()
    ] * 3
    assert len({take_snapshot({"s": done.rows}, 10**18).digest for done in found}) == 1


BAD_CELLS = {
    "id": [""],
    "ts": ["", "soon", "2013-01-01T00:00:00", "2013-02-30T00:00:00Z", "1356998400"],
    "price": ["dear", "inf", "1,5", "0x1", "true"],
    "pieces": ["many", "1 2", "-inf"],
    "gift": ["perhaps", "2"],
}
bad_cells = st.dictionaries(
    st.integers(0, 7),
    st.sampled_from([(column, text) for column, texts in BAD_CELLS.items() for text in texts]),
    max_size=4,
)


@settings(max_examples=80)
@given(records, bad_cells)
def test_bad_cells_cost_their_rows_and_no_other(drawn: list[Record], bad: dict[int, tuple[str, str]]) -> None:
    """Exactly the rows with a bad cell are set aside, each naming its column; the rest is as without them."""
    rows = numbered(drawn)
    clean = [row for number, row in enumerate(rows) if number not in bad]
    rewritten = [dict(row) for row in rows]
    for number, (column, text) in bad.items():
        if number < len(rows):
            rewritten[number][column] = Raw(text)
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = taken(Path(folder), "s.csv", as_csv(rewritten))
        except SourceEmpty:
            assert clean == []
            return
        alone = taken(Path(folder), "c.csv", as_csv(clean)) if clean else None
    set_aside = {int(name[1:]) for name in done.quarantined["id"].to_pylist() if name}
    nameless = {number for number, (column, _) in bad.items() if column == "id" and number < len(rows)}
    assert set_aside | nameless == {number for number in bad if number < len(rows)}
    assert done.quarantined.num_rows + done.rows.num_rows == len(rows)
    for number, reason in zip(
        done.quarantined["__row"].to_pylist(), done.quarantined["__reason"].to_pylist(), strict=True
    ):
        assert bad[number - 1][0] in reason
    assert alone is not None
    assert done.rows[ID].to_pylist() == alone.rows[ID].to_pylist()
    assert take_snapshot({"s": done.rows}, 10**18).digest == take_snapshot({"s": alone.rows}, 10**18).digest

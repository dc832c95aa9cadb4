"""Files of quarantined rows: what was written to be edited is read back as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from setpoint.core.errors import DataError, RequestInvalid
from setpoint.data.log.entries import Entry
from setpoint.data.log.mend_files import Edited, as_kinds, read_edited, write_entries

HELD = {"id": "ä,\n\"1'", "price": "dear", "sure": True, "box": [1, {"a": None}], "none": None}


def entry(number: int = 1, *, source: str = "sales", held: Any = None) -> Entry:
    """A row of the quarantine."""
    return Entry(f"{number:016x}", source, "range", "row 1: no", json.dumps(HELD if held is None else held), number)


def test_json_lines_are_read_back_with_every_value_of_its_kind(tmp_path: Path) -> None:
    """Nested ones, too; and lines that are left out are not there."""
    write_entries(tmp_path / "bad.jsonl", [entry(1), entry(2)])
    assert read_edited(tmp_path / "bad.jsonl") == [Edited(f"{n:016x}", HELD) for n in (1, 2)]
    lines = (tmp_path / "bad.jsonl").read_text().splitlines()
    (tmp_path / "bad.jsonl").write_text("\n" + lines[1] + "\n")
    assert [each.of for each in read_edited(tmp_path / "bad.jsonl")] == [f"{2:016x}"]


def test_comma_separated_values_are_read_back_as_texts(tmp_path: Path) -> None:
    """Commas, quotes and line ends within a value stay; an empty cell is NULL."""
    write_entries(tmp_path / "bad.csv", [entry(1)])
    row = {**HELD, "sure": "true", "box": '[1, {"a": null}]'}
    assert read_edited(tmp_path / "bad.csv") == [Edited(f"{1:016x}", row, texts=True)]


def test_a_row_that_was_none_is_written_without_values(tmp_path: Path) -> None:
    """Such as a torn line that was told: whoever edits it fills it in."""
    write_entries(tmp_path / "bad.jsonl", [entry(1, held="{broken")])
    assert read_edited(tmp_path / "bad.jsonl") == [Edited(f"{1:016x}", {})]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("bad.csv", "", "line 1 has no column __quarantine"),
        ("bad.csv", "__quarantine,a\nx\n", "line 2 has 1 of 2 cells"),
        ("bad.csv", "__quarantine,a\n\n,1\n", "line 3 does not say which row it is"),
        ("bad.jsonl", "\n{", "line 2 is no JSON"),
        ("bad.jsonl", '{"row": {}}', "line 1 does not say which row it is"),
        ("bad.jsonl", '{"quarantine": "a", "row": 1}', "line 1 has no row"),
        ("bad.jsonl", '{"quarantine": "a", "row": {"x": NaN}}', "line 1 is no JSON .NaN is no JSON value"),
    ],
)
def test_a_file_of_something_else_is_an_error_with_its_line(tmp_path: Path, name: str, text: str, words: str) -> None:
    """Nothing of it is taken in."""
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=words):
        read_edited(tmp_path / name)


def test_a_file_has_a_name_that_says_what_it_is(tmp_path: Path) -> None:
    """And one of comma-separated values has the columns of one source."""
    with pytest.raises(RequestInvalid, match=r"'bad.xlsx' is neither.*\.csv or \.jsonl"):
        write_entries(tmp_path / "bad.xlsx", [entry()])
    with pytest.raises(RequestInvalid, match="are of 2: returns, sales"):
        write_entries(tmp_path / "bad.csv", [entry(), entry(source="returns")])


def test_texts_become_numbers_and_truth_values_where_they_are_some() -> None:
    """What is no number, or no finite one, stays a text, so that the contract names it."""
    rows = [{"n": text, "s": "1"} for text in ("1", "2.5", "inf", "x", "  ")]
    read = as_kinds(rows, {"n": "number", "s": "text"})
    assert [row["n"] for row in read] == [1, 2.5, "inf", "x", None]
    assert {row["s"] for row in read} == {"1"}

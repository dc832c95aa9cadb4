"""Encodings: what a file says of itself, what is declared, and where the bytes lie that are neither."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from setpoint.core.errors import DataError
from setpoint.data.files.encodings import Utf8Stream, bad_bytes
from setpoint.data.files.read import read_parts, read_source
from tests.unit.data.make import sales, write

TEXT = "id,note\n1,café €\n2,naïve\n"


@pytest.mark.parametrize(
    ("written", "declared"),
    [("utf-8-sig", None), ("utf-16", None), ("utf-32", None), ("utf-16-le", "utf-16-le"), ("cp1252", "cp1252")],
)
def test_an_encoding_is_told_by_a_mark_or_declared(tmp_path: Path, written: str, declared: str | None) -> None:
    """The rows are the same, read at once or in parts."""
    write(tmp_path / "s.csv", TEXT.encode(written))
    source = sales("s.csv", encoding=declared)
    assert read_source(source, tmp_path)["note"].to_pylist() == ["café €", "naïve"]
    assert [row for part in read_parts(source, tmp_path, size=9) for row in part["note"].to_pylist()] == [
        "café €",
        "naïve",
    ]


def test_json_lines_may_be_in_another_encoding(tmp_path: Path) -> None:
    """Like CSV."""
    write(tmp_path / "s.jsonl", '{"note": "café"}\n'.encode("utf-16"))
    assert read_source(sales("s.jsonl"), tmp_path)["note"].to_pylist() == ["café"]


def test_what_is_not_in_the_declared_encoding_is_refused_with_its_place(tmp_path: Path) -> None:
    """Byte, value and what to do."""
    write(tmp_path / "s.csv", b"id,note\n1,x\n2,\x81\n")
    with pytest.raises(DataError, match=r"s\.csv is not cp1252: byte 14 is 0x81 .*encoding=\"latin-1\""):
        read_source(sales("s.csv", encoding="cp1252"), tmp_path)


def test_the_place_is_that_in_the_file_however_far_it_is() -> None:
    """Also beyond the first part that is decoded, and with a character cut in two."""
    data = ("é" * 700_000).encode("utf-16-le") + b"\x00\xdc"
    with pytest.raises(DataError, match="byte 1,400,000 is 0x00"):
        Utf8Stream(io.BytesIO(data), "s.csv", encoding="utf-16-le").read()


def test_utf_16_that_does_not_say_so_is_refused_with_the_remedy(tmp_path: Path) -> None:
    """It would be a file of nothing."""
    write(tmp_path / "s.csv", TEXT.replace("€", "e").encode("utf-16-be"))
    with pytest.raises(DataError, match=r'byte 0 is 0\..*Declare encoding="utf-16-be"'):
        read_source(sales("s.csv"), tmp_path)


def test_bytes_that_are_no_text_are_found_across_blocks() -> None:
    """One in each of many blocks, and at their edges."""
    data = bytearray(b"x" * (3 << 20))
    places = [0, (1 << 20) - 1, 1 << 20, (2 << 20) + 5, len(data) - 1]
    for place in places:
        data[place] = 0xE9
    assert bad_bytes(bytes(data)) == places
    assert bad_bytes(("é" * (1 << 20)).encode()) == []


def test_a_line_of_json_that_is_no_text_says_where(tmp_path: Path) -> None:
    """The others are read."""
    write(tmp_path / "s.jsonl", b'{"note": "a"}\n{"note": "caf\xe9"}\n')
    raw = read_source(sales("s.jsonl"), tmp_path)
    assert raw["note"].to_pylist() == ["a", None]
    assert raw["__bad_reason"][1].as_py().startswith("line 2 is not UTF-8 text: 0xe9, byte 27 of the file")

"""CSV as rows of texts: what is malformed stays as a row that says why, and spoils no other."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from setpoint.data.files.encodings import Readable, bad_bytes
from setpoint.data.files.raw import Bad, assemble, shown

LONGEST = 8
"""A record may be so many times as long as a part of its file; a longer one has a quote that is never closed."""

_HEAD = 1 << 20
_MALFORMED = "malformed"


def read_csv(data: bytes, delimiter: str, *, names: Sequence[str] | None = None, start: int = 0) -> pa.Table:
    r"""The records of a CSV file, or with `names` of a part of one that comes after `start` records.

    A record of the wrong width, one that is no UTF-8 and one with a quote that is never closed are rows without values.

    >>> read_csv(b"id,note\n1,x\n2\n", ",").select(["id", "__bad_reason"]).to_pylist()[1]
    {'id': None, '__bad_reason': "row 2 has 1 cells, not 2: '2'"}
    """
    if names is None and not data.strip():
        return pa.table({})
    given = header_of(data, delimiter) if names is None else list(names)
    lost: list[tuple[int, str]] = []
    table = _read(data, delimiter, given, headed=names is None, lost=lost)
    numbers = np.delete(np.arange(1, table.num_rows + len(lost) + 1), [number - 1 for number, _ in lost])
    # Where bytes lie is only told where every record before them is there.
    columns, undecoded = _decoded(table, data if start == 0 and not lost else b"")
    bad: Bad = {}
    for place, words in undecoded.items():
        bad[place] = (_MALFORMED, f"row {start + numbers[place]:d} is not UTF-8 text: {words}")
    if lost:
        nothing = pa.nulls(len(lost), pa.string())
        columns = {name: pa.chunked_array([*column.chunks, nothing]) for name, column in columns.items()}
        for place, (number, reason) in enumerate(lost, start=table.num_rows):
            bad[place] = (_MALFORMED, f"row {start + number} {reason}")
        numbers = np.concatenate([numbers, [number for number, _ in lost]])
    return assemble(columns, numbers + start, bad, any_kind=columns)


def csv_parts(stream: Readable, delimiter: str, *, size: int) -> Iterator[pa.Table]:
    r"""The records of a CSV file, so many bytes at a time: parts end where records do, also within quotes.

    >>> [part["id"].to_pylist() for part in csv_parts(io.BytesIO(b"id\n1\n2\n3\n"), ",", size=5)]
    [['1'], ['2', '3']]
    """
    names: list[str] | None = None
    start, held = 0, b""
    for turn in count():
        fresh = stream.read(size)
        data = held + fresh
        if not data.strip():
            if not fresh:
                return
            held = data
            continue
        cut = record_end(data) if fresh else len(data)
        if not cut:
            held = data
            if len(data) < LONGEST * size:
                continue
            cut = data.rfind(b"\n") + 1 or len(data)
        part, held = data[:cut], data[cut:]
        if names is None:
            names = header_of(part, delimiter)
            table = read_csv(part, delimiter)
        else:
            table = read_csv(part, delimiter, names=names, start=start)
        start += table.num_rows
        if table.num_rows or turn == 0:
            yield table
        if not fresh:
            return


def header_of(data: bytes, delimiter: str) -> list[str]:
    """The names of the columns; raises ArrowInvalid for one that is there twice or is no text."""
    head = data[:_HEAD]
    names = next(csv.reader(io.StringIO(head.decode("utf-8", errors="replace"), newline=""), delimiter=delimiter))
    strange = next((name for name in names if "\ufffd" in name), None)
    if strange is not None:
        at = bad_bytes(head, most=1)
        raise pa.ArrowInvalid(f"the header is not UTF-8: byte {at[0] if at else 0:,} of the file, in {strange!r}")
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise pa.ArrowInvalid(f"the header names the column {twice!r} twice")
    return names


def record_end(data: bytes) -> int:
    r"""Where the last whole record of some bytes ends: after a newline that lies in no quotes; 0 where none does.

    >>> record_end(b'1,"a\nb"\n2,"c\n')
    8
    """
    cut = data.rfind(b"\n") + 1
    odd = data.count(b'"', 0, cut) % 2
    while odd and cut:
        before = data.rfind(b"\n", 0, cut - 1) + 1
        odd ^= data.count(b'"', before, cut) % 2
        cut = before
    return cut


def _read(data: bytes, delimiter: str, names: Sequence[str], *, headed: bool, lost: list[tuple[int, str]]) -> pa.Table:
    """The records as Arrow reads them, as texts or else as bytes; those of the wrong width go to `lost`."""
    data, opened = _mended(data, delimiter, columns=len(names))

    def note(row: Any) -> str:
        reason = opened.get(row.text)
        if reason is None:
            reason = f"has {row.actual_columns} cells, not {row.expected_columns}: {shown(row.text)}"
        lost.append((int(row.number) - int(headed), reason))
        return "skip"

    def read(kind: pa.DataType) -> pa.Table:
        lost.clear()
        return pa_csv.read_csv(
            pa.BufferReader(data),
            read_options=pa_csv.ReadOptions(use_threads=False, column_names=None if headed else list(names)),
            parse_options=pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, kind),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                check_utf8=True,
            ),
        )

    if not data.strip():
        return pa.table({name: pa.array([], pa.string()) for name in names})
    try:
        return read(pa.string())
    except pa.ArrowInvalid as error:
        if "UTF8" not in str(error):
            raise
        return read(pa.binary())


def _mended(data: bytes, delimiter: str, *, columns: int) -> tuple[bytes, dict[str, str]]:
    """The records with a mark of the wrong width in the place of each line whose quote is never closed.

    Such a quote would swallow the lines that follow it, up to the next one or to the end of the file. Gives what to say
    of each mark. A text with something behind its closing quote is taken as it is, unless it spans lines.
    """
    sound, quoted = _QUOTES[delimiter]
    opened: dict[str, str] = {}
    parts, begin, place = [], 0, 0
    while b'"' in data and (found := sound.match(data, place)) is not None and found.end() < len(data):
        at = found.end()
        field = quoted.match(data, at)
        assert field is not None
        place = field.end()
        if b"\n" in field.group():
            first = data.rfind(b"\n", 0, at) + 1
            end = data.find(b"\n", at)
            mark = f"setpoint-{first}" + (delimiter if columns == 1 else "")
            opened[mark] = f"has a quote that is never closed: {shown(data[first:end])}"
            parts += [data[begin:first], mark.encode()]
            begin = place = end
    return (b"".join([*parts, data[begin:]]) if opened else data), opened


def _patterns(delimiter: str) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """What matches records as far as their quotes are sound, and a text from its opening quote on."""
    comma = re.escape(delimiter.encode())
    ends = rb"(?=[\r\n" + comma + rb"]|\Z)"
    sound = rb'(?:[^"]++|(?<=[^\n' + comma + rb'])"|"(?:[^"]++|"")*+"' + ends + rb")*+"
    return re.compile(sound), re.compile(rb'"(?:[^"]++|"")*+"?')


_QUOTES = {delimiter: _patterns(delimiter) for delimiter in (",", "\t")}


def _decoded(table: pa.Table, data: bytes) -> tuple[dict[str, pa.ChunkedArray], dict[int, str]]:
    """Columns of bytes as texts, and of the rows whose bytes are not UTF-8 what is wrong with them."""
    columns, wrong = {}, dict[int, list[str]]()
    for name in table.column_names:
        if not pa.types.is_binary(table[name].type):
            columns[name] = table[name]
            continue
        try:
            columns[name] = table[name].cast(pa.string())
        except pa.ArrowInvalid:
            texts = []
            for place, value in enumerate(table[name].to_pylist()):
                at = [] if value is None else bad_bytes(value)
                if at:
                    wrong.setdefault(place, []).extend(f"0x{value[one]:02x} in {name}" for one in at)
                texts.append(None if value is None else value.decode("utf-8", errors="replace"))
            columns[name] = pa.chunked_array([pa.array(texts, pa.string())])
    offsets = iter(bad_bytes(data)) if wrong else iter(())
    found = {}
    for place, bytes_ in sorted(wrong.items()):
        first, *_ = [next(offsets, None) for _ in bytes_]
        found[place] = bytes_[0] + ("" if first is None else f", byte {first:,} of the file")
    return columns, found

"""Files of a source, read as they are: Parquet, CSV and JSON lines, one file or a pattern of them, or one at a URL."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.json as pa_json
import pyarrow.parquet as pq

from setpoint.core.errors import DataError, SourceEmpty, SourceMissing, did_you_mean
from setpoint.core.ports import Fetch, Fetched
from setpoint.declare.source import SourceInfo

ROW = "__row"
"""The number of a row in its file, from 1; of JSON lines the line, of CSV the record after the header."""

FILE = "__file"
"""The file of a row, relative to the declaration's folder."""

BAD_RULE, BAD_REASON = "__bad_rule", "__bad_reason"
"""Why a row could not be read, where one could not: the name of the rule, and words."""

RAW_COLUMNS = (ROW, FILE, BAD_RULE, BAD_REASON)

WRITTEN = b"setpoint.written"
"""The mark of a column of texts that may stand for other kinds: `ANY_KIND` as in CSV, `TIMES` as in JSON lines."""

ANY_KIND, TIMES = b"any", b"times"

_SUFFIXES = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
}
_MEDIA = {
    "application/vnd.apache.parquet": "parquet",
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
    "application/x-ndjson": "json",
    "application/jsonl": "json",
    "application/json": "json",
}
_PACKED = (("gzip", b"\x1f\x8b", 0), ("bz2", b"1AY&SY", 4), ("zstd", b"\x28\xb5\x2f\xfd", 0))
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_ARROW = {"": pa.null(), "a truth value": pa.bool_(), "a text": pa.string()}
_NAMES = {bool: "a truth value", int: "a number", float: "a number", str: "a text", dict: "an object", list: "a list"}
_NESTED = (_NAMES[dict], _NAMES[list])


NOBODY: Mapping[str, Fetch] = {}
"""Nobody fetches from anywhere."""


def read_source(info: SourceInfo, root: Path, *, fetchers: Mapping[str, Fetch] = NOBODY) -> pa.Table:
    """The rows of a source as its files have them, with `__row` and `__file` of each.

    A path that begins like "http:" is fetched by what is given for that in `fetchers`. Raises SourceMissing when no
    file matches, SourceEmpty when no file has a row, DataError for a file that is not what its name says. A CSV record
    with too few or too many cells and a line that is not JSON stay as rows without values that say why in `__bad_rule`
    and `__bad_reason`.
    """
    scheme, elsewhere, _ = info.path.partition("://")
    if elsewhere:
        fetched = _fetcher(info, scheme, fetchers)(info.path, info.columns)
        names, parts = [fetched.name], [_read_fetched(info, fetched)]
    else:
        paths = _matching(info, root)
        names = [_name(path, root) for path in paths]
        parts = [_read_file(info, path, name) for path, name in zip(paths, names, strict=True)]
    try:
        raw = parts[0] if len(parts) == 1 else pa.concat_tables(parts, promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
        raise DataError(
            f"The files of source {info.name!r} ({info.path}) do not fit together: {error}.",
            expected="one type for each column in all of them",
        ) from error
    if raw.num_rows == 0:
        raise SourceEmpty(
            f"Source {info.name!r} has no row in {', '.join(names)}.",
            expected="at least one row",
        )
    return raw


def source_files(info: SourceInfo, root: Path) -> dict[str, Path]:
    """The files of a source by the names that messages call them; none where it is elsewhere, or has none."""
    if "://" in info.path:
        return {}
    try:
        return {_name(path, root): path for path in _matching(info, root)}
    except SourceMissing:
        return {}


def _matching(info: SourceInfo, root: Path) -> list[Path]:
    path = root / info.path
    if path.is_file():
        return [path]
    if any(mark in info.path for mark in "*?["):
        base = Path(path.anchor)
        found = sorted(match for match in base.glob(str(path.relative_to(base))) if match.is_file())
        if found:
            return found
    folder = path.parent
    if path.is_dir():
        hint: str | None = f'Name its files, such as "{info.path}/*.parquet".'
    elif folder.is_dir():
        there = sorted(entry.name for entry in folder.iterdir() if entry.is_file())
        hint = did_you_mean(path.name, there) or (
            f"That folder has {', '.join(there[:8])}." if there else "That folder has no files."
        )
    else:
        hint = f"The folder {folder} does not exist."
    raise SourceMissing(
        f"Source {info.name!r} has no file at {info.path!r} (in {root}).",
        expected="a Parquet, CSV or JSON lines file, or a pattern of them",
        hint=hint,
    )


def _name(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _fetcher(info: SourceInfo, scheme: str, fetchers: Mapping[str, Fetch]) -> Fetch:
    if scheme not in fetchers:
        known = ", ".join(f'"{name}://"' for name in fetchers)
        raise SourceMissing(
            f"Source {info.name!r} is at {scheme}://, where nothing fetches from.",
            expected=f"a file, or a URL that begins with {known}" if known else "a file",
            hint=did_you_mean(scheme, fetchers),
        )
    return fetchers[scheme]


def _read_file(info: SourceInfo, path: Path, name: str) -> pa.Table:
    kind = kind_of_file(path.name)
    if kind is None:
        raise DataError(
            f"Source {info.name!r} has the file {name}, whose format its name does not tell.",
            expected=f"a name that ends in {', '.join(_SUFFIXES)}",
        )
    return _parse(info, kind, name, path)


def _read_fetched(info: SourceInfo, fetched: Fetched) -> pa.Table:
    if isinstance(fetched.content, pa.Table):
        return _named(info, fetched.content, fetched.name, added=())
    kind = kind_of_file(fetched.name.partition("?")[0]) or _MEDIA.get(fetched.media)
    if kind is None:
        raise DataError(
            f"Source {info.name!r}: neither the name of {fetched.name} nor its type, {fetched.media or 'none'!r}, "
            "tells the format.",
            expected=f"a name that ends in {', '.join(_SUFFIXES)}, or one of the types {', '.join(_MEDIA)}",
        )
    return _parse(info, kind, fetched.name, fetched.content)


def kind_of_file(name: str) -> str | None:
    """The format that a name ends in, compressed or not; None for no known one.

    >>> kind_of_file("sales.JSONL.gz"), kind_of_file("sales.txt")
    ('json', None)
    """
    suffixes = [suffix for suffix in Path(name).suffixes if suffix not in (".gz", ".bz2", ".zst")]
    return _SUFFIXES.get(suffixes[-1].lower() if suffixes else "")


def _parse(info: SourceInfo, kind: str, name: str, content: Path | bytes) -> pa.Table:
    try:
        if kind == "parquet":
            file = content if isinstance(content, Path) else pa.BufferReader(content)
            return _named(info, _read_parquet(file, info.columns), name, added=())
        data = _unpacked(content.read_bytes() if isinstance(content, Path) else content)
        table = _read_json(data) if kind == "json" else _read_csv(data, "\t" if kind == "tsv" else ",")
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(
            f"Source {info.name!r}: {name} cannot be read as {kind}: {str(error).splitlines()[0].rstrip('.')}.",
            expected=f"a whole {kind} file",
        ) from error
    return _named(info, table, name, added=(ROW, BAD_RULE, BAD_REASON))


def _named(info: SourceInfo, table: pa.Table, name: str, *, added: Sequence[str]) -> pa.Table:
    """The rows with their numbers and the name of what they were read from; `added` are columns of ours."""
    names = table.column_names
    taken = [n for n in names if names.count(n) > 1 or (n.startswith("__") and n not in added)]
    if taken:
        raise DataError(
            f"Source {info.name!r}: {name} has the column {taken[0]!r} twice, or under a reserved name.",
            expected="columns with names of their own that do not begin with two underscores",
        )
    if ROW not in names:
        table = table.append_column(ROW, pa.array(np.arange(1, table.num_rows + 1)))
    files = pa.DictionaryArray.from_arrays(np.zeros(table.num_rows, dtype=np.int32), pa.array([name]))
    return table.append_column(FILE, files)


def _read_parquet(file: Path | pa.BufferReader, columns: Sequence[str] | None) -> pa.Table:
    with pq.ParquetFile(file) as opened:
        wanted = None if columns is None else [name for name in opened.schema_arrow.names if name in columns]
        return opened.read(columns=wanted)


def _unpacked(data: bytes) -> bytes:
    """What was compressed, as its first bytes tell."""
    for packed, mark, place in _PACKED:
        if data[place : place + len(mark)] == mark:
            with pa.input_stream(pa.BufferReader(data), compression=packed) as stream:
                return bytes(stream.read())
    return data


def _assemble(
    columns: Mapping[str, pa.Array | pa.ChunkedArray],
    numbers: Sequence[int] | np.ndarray[Any, Any],
    bad: Mapping[int, tuple[str, str]],
    *,
    any_kind: Collection[str],
) -> pa.Table:
    """A table with its row numbers, and the rules and reasons of bad rows (by their place) when there are any.

    Texts of the columns `any_kind` may stand for any kind, those of the others for times.
    """
    fields = []
    for name, column in columns.items():
        mark = ANY_KIND if name in any_kind else TIMES
        fields.append(
            pa.field(name, column.type, metadata={WRITTEN: mark} if pa.types.is_string(column.type) else None)
        )
    table = pa.table(list(columns.values()), schema=pa.schema(fields))
    table = table.append_column(ROW, pa.array(numbers, pa.int64()))
    if bad:
        for position, name in enumerate((BAD_RULE, BAD_REASON)):
            words = [bad[place][position] if place in bad else None for place in range(table.num_rows)]
            table = table.append_column(name, pa.array(words, pa.string()))
    return table


def _read_csv(data: bytes, delimiter: str) -> pa.Table:
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data.strip():
        return pa.table({})
    head = io.StringIO(data[: 1 << 20].decode("utf-8", errors="replace"), newline="")
    names = next(csv.reader(head, delimiter=delimiter))
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise pa.ArrowInvalid(f"the header names the column {twice!r} twice")
    skipped: list[tuple[int, str]] = []

    def note(row: Any) -> str:
        reason = f"has {row.actual_columns} cells, not {row.expected_columns}: {str(row.text)[:80]!r}"
        skipped.append((int(row.number) - 1, reason))
        return "skip"

    def read(kind: pa.DataType) -> pa.Table:
        skipped.clear()
        return pa_csv.read_csv(
            io.BytesIO(data),
            read_options=pa_csv.ReadOptions(use_threads=False),
            parse_options=pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, kind),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                check_utf8=True,
            ),
        )

    try:
        table, undecoded = read(pa.string()), set[int]()
    except pa.ArrowInvalid as error:
        if "UTF8" not in str(error):
            raise
        table, undecoded = _decode(read(pa.binary()))
    lost = {number for number, _ in skipped}
    numbers = np.delete(np.arange(1, table.num_rows + len(lost) + 1), [number - 1 for number in lost])
    bad = {place: ("malformed", f"row {numbers[place]} is not UTF-8 text") for place in undecoded}
    columns = {name: table[name] for name in table.column_names}
    if skipped:
        nothing = pa.nulls(len(skipped), pa.string())
        columns = {name: pa.chunked_array([*column.chunks, nothing]) for name, column in columns.items()}
        for place, (number, reason) in enumerate(skipped, start=table.num_rows):
            bad[place] = ("malformed", f"row {number} {reason}")
        numbers = np.concatenate([numbers, [number for number, _ in skipped]])
    return _assemble(columns, numbers, bad, any_kind=columns)


def _decode(table: pa.Table) -> tuple[pa.Table, set[int]]:
    """Columns of bytes as texts, and the places of the rows whose bytes are not UTF-8."""
    columns, bad = {}, set()
    for name in table.column_names:
        try:
            columns[name] = table[name].cast(pa.string())
        except pa.ArrowInvalid:
            texts = []
            for place, value in enumerate(table[name].to_pylist()):
                text = None if value is None else value.decode("utf-8", errors="replace")
                if text is not None and text.encode() != value:
                    bad.add(place)
                texts.append(text)
            columns[name] = pa.chunked_array([pa.array(texts, pa.string())])
    return pa.table(columns), bad


def _read_json(data: bytes) -> pa.Table:
    if not data.strip():
        return pa.table({})
    data = _as_lines(data.removeprefix(b"\xef\xbb\xbf"))
    try:
        table = _read_json_at_once(data)
    except pa.ArrowInvalid:
        return _read_json_line_by_line(data)
    lines = [number for number, line in enumerate(data.split(b"\n"), start=1) if line.strip()]
    numbers = lines if len(lines) == table.num_rows else np.arange(1, table.num_rows + 1)
    return _assemble({name: table[name] for name in table.column_names}, numbers, {}, any_kind=())


def _as_lines(data: bytes) -> bytes:
    """JSON lines as they are, and the objects of one JSON list as lines."""
    if data.lstrip()[:1] != b"[":
        return data
    try:
        return b"\n".join(bytes(part).replace(b"\n", b" ") for part in _LIST.decode(data))
    except msgspec.DecodeError:
        return data


def _read_json_at_once(data: bytes) -> pa.Table:
    """All lines by Arrow; texts that look like times are read again as texts, since Arrow would drop their zone."""
    options = pa_json.ReadOptions(use_threads=False)
    table = pa_json.read_json(io.BytesIO(data), read_options=options)
    schema = pa.schema([pa.field(field.name, _as_written(field.type)) for field in table.schema])
    schema = pa.schema([field for field, read in zip(schema, table.schema, strict=True) if field.type != read.type])
    if not schema.names:
        return table
    parsing = pa_json.ParseOptions(explicit_schema=schema)
    return pa_json.read_json(io.BytesIO(data), read_options=options, parse_options=parsing).select(table.column_names)


def _as_written(arrow: pa.DataType) -> pa.DataType:
    """The type with a text in the place of each time, also within objects and lists."""
    if pa.types.is_timestamp(arrow):
        return pa.string()
    if pa.types.is_struct(arrow):
        return pa.struct([pa.field(field.name, _as_written(field.type)) for field in arrow])
    return pa.list_(_as_written(arrow.value_type)) if pa.types.is_list(arrow) else arrow


def _read_json_line_by_line(data: bytes) -> pa.Table:
    """What is left when one line is not JSON, or a column holds values of different types: each line on its own."""
    records: list[dict[str, Any]] = []
    numbers: list[int] = []
    bad: dict[int, tuple[str, str]] = {}
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            reason = None if isinstance(record, dict) else f"line {number} is not a JSON object: {_show(line)}"
        except (ValueError, RecursionError):
            record, reason = {}, f"line {number} is not JSON: {_show(line)}"
        if reason is not None:
            bad[len(records)] = ("malformed", reason)
        records.append(record if reason is None else {})
        numbers.append(number)
    names = list(dict.fromkeys(name for record in records for name in record))
    columns, mixed = {}, []
    for name in names:
        values = [record.get(name) for record in records]
        types = Counter(_NAMES[type(value)] for value in values if value is not None)
        if len(types) <= 1:
            columns[name] = _array(values, next(iter(types), ""))
            continue
        usual = types.most_common(1)[0][0]
        for place, value in enumerate(values):
            if value is not None and _NAMES[type(value)] != usual:
                reason = f"{name} is {_dumped(value)[:80]}, {_NAMES[type(value)]}; expected {usual}"
                bad.setdefault(place, ("wrong-kind", reason))
        texts = [value if value is None or isinstance(value, str) else _dumped(value) for value in values]
        columns[name] = pa.array(texts).cast(pa.binary()) if usual in _NESTED else pa.array(texts)
        if usual not in (_NAMES[str], *_NESTED):
            mixed.append(name)
    return _assemble(columns, numbers, bad, any_kind=mixed)


def _array(values: list[Any], called: str) -> pa.Array:
    """Values of one type as JSON has it; a number that no int64 holds makes the column one of fractions."""
    if called == _NAMES[int]:
        if all(value is None or (type(value) is int and -(2**63) <= value < 2**63) for value in values):
            return pa.array(values, pa.int64())
        return pa.array([None if value is None else _float(value) for value in values], pa.float64())
    if called in _NESTED:  # as JSON: what lies within may be of different types
        return pa.array([None if value is None else _dumped(value) for value in values]).cast(pa.binary())
    return pa.array(values, _ARROW[called]) if called in _ARROW else pa.array(values)


def _dumped(value: Any) -> str:
    """A value as JSON; one that is nested too deeply as a text that is none."""
    try:
        return json.dumps(value)
    except RecursionError:
        return "nested too deeply"


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _show(line: bytes) -> str:
    return repr(line.decode("utf-8", errors="replace").strip()[:80])

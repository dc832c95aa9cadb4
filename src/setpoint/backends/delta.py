"""Tables in Delta Lake (https://delta.io): a Delta table for each set, a partition for each part.

Any engine that reads Delta reads the rows under their columns' names, with three more: `_part`, the row's number in it
`_row`, and `_columns`, which in the first row of a part says how its columns were called and typed before Delta, whose
types are fewer. A part without rows has one row whose number is -1.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from setpoint.backends.parquet import checked_name, digest_rows
from setpoint.core.digest import digest
from setpoint.core.errors import DataError, MissingExtra, NameUnknown, NothingYet, SettingInvalid, StorageUnavailable

if TYPE_CHECKING:
    from deltalake import DeltaTable

PART, ROW, COLUMNS = "_part", "_row", "_columns"
"""The columns that every table has."""

TRIES = 30
"""How often a write is tried that another writer comes before: of any number at once one gets through each time."""

Given = TypeVar("Given")

_VIEWED: tuple[tuple[Callable[[pa.DataType], bool], pa.DataType], ...] = (
    (pa.types.is_uint64, pa.int64()),
    (pa.types.is_timestamp, pa.int64()),
    (pa.types.is_time32, pa.int32()),
    (pa.types.is_time64, pa.int64()),
    (pa.types.is_duration, pa.int64()),
    (pa.types.is_date64, pa.int64()),
)
"""Types that Delta does not have, and those with the same bits."""

_CAST: tuple[tuple[Callable[[pa.DataType], bool], pa.DataType], ...] = (
    (pa.types.is_uint8, pa.int16()),
    (pa.types.is_uint16, pa.int32()),
    (pa.types.is_uint32, pa.int64()),
    (pa.types.is_float16, pa.float32()),
    (pa.types.is_large_string, pa.string()),
    (pa.types.is_string_view, pa.string()),
    (pa.types.is_large_binary, pa.binary()),
    (pa.types.is_binary_view, pa.binary()),
)
"""Types that Delta does not have, and those that hold all their values."""

_SAME = (
    *(pa.types.is_int8, pa.types.is_int16, pa.types.is_int32, pa.types.is_int64, pa.types.is_float32),
    *(pa.types.is_float64, pa.types.is_boolean, pa.types.is_string, pa.types.is_binary, pa.types.is_date32),
    pa.types.is_decimal128,
)
"""Types that Delta has."""

_UTC = pa.timestamp("us", tz="UTC")


class DeltaTables:
    """The Tables port on Delta Lake: `delta:///folder`, or `delta:` and a path.

    A write is one commit: whole or not at all, also after kill -9, and readers go on with what they opened. What was
    replaced or deleted stays on disk until Delta's own `vacuum`, which keeps a week of it.

    >>> import tempfile
    >>> tables = DeltaTables("delta://" + tempfile.mkdtemp())
    >>> _ = tables.write("sales", "2013-01", pa.table({"price": [5, 6]}))
    >>> tables.parts("sales"), tables.read("sales")["price"].to_pylist()
    (['2013-01'], [5, 6])
    """

    def __init__(self, url: str) -> None:
        scheme, _, path = url.partition(":")
        path = path.removeprefix("//")
        if scheme != "delta" or not path.strip("/"):
            raise SettingInvalid(f"The tables are at {url!r}.", expected='"delta:///folder" with a path')
        self._root = path.rstrip("/")

    def write(self, name: str, part: str, rows: pa.Table) -> str:
        """Store one part of a set; gives the digest of its content. Raises StorageUnavailable on a full disk.

        Raises DataError for a column of a type that is neither Delta's nor another spelling of one.
        """
        place, checked = self._place(name), checked_name(part)

        def write() -> None:
            deltalake, table = _library(), self._open(name)
            taken = {} if table is None else _types(table)
            partition = None if table is None else f"{PART} = '{checked}'"
            deltalake.write_deltalake(
                place if table is None else table,
                _packed(name, checked, rows, taken),
                mode="error" if table is None else "overwrite",
                partition_by=[PART],
                predicate=partition,
                schema_mode=None if table is None else "merge",
                writer_properties=deltalake.WriterProperties(compression="ZSTD"),
            )

        _tried(write, what=f"Part {part!r} of the set {name!r}")
        return digest_rows(rows)

    def read(self, name: str, *, columns: Sequence[str] | None = None, parts: Sequence[str] | None = None) -> pa.Table:
        """The rows of a set, of all its parts or of these.

        Raises NothingYet for a set without a part, NameUnknown for a part or column that is not there.
        """
        table = self._open(name)
        files = {} if table is None else _files(table)
        if not files:
            raise NothingYet(f"The set {name!r} has no part yet.", expected="one that was written")
        for part in parts or ():
            if part not in files:
                raise NameUnknown("part", part, files, where=f"The set {name!r}")
        wanted = sorted(files) if parts is None else sorted(set(parts))
        if not wanted:
            first = min(files)
            return _unpacked(name, first, files[first], columns).slice(0, 0)
        read = [_unpacked(name, part, files[part], columns) for part in wanted]
        return read[0] if len(read) == 1 else pa.concat_tables(read, promote_options="default")

    def parts(self, name: str) -> list[str]:
        """The names of a set's parts, sorted."""
        table = self._open(name)
        return [] if table is None else sorted(_sizes(table))

    def delete(self, name: str, part: str) -> None:
        """Remove one part; nothing happens when there is none."""

        def delete() -> None:
            table = self._open(name)
            if table is not None and part in _sizes(table):
                table.delete(f"{PART} = '{checked_name(part)}'")

        _tried(delete, what=f"Part {part!r} of the set {name!r}")

    def size(self, name: str, part: str) -> int:
        """How many bytes the files of a part take, not counting what it replaced."""
        table = self._open(name)
        return 0 if table is None else _sizes(table).get(part, 0)

    def _place(self, name: str) -> str:
        """Where the table of a set is: beside those of others, never inside one, whatever the sets are called."""
        return f"{self._root}/{'+'.join(checked_name(step) for step in name.split('/'))}"

    def _open(self, name: str) -> DeltaTable | None:
        """The newest version of a set's table; None where there is none."""
        found, place = _library().DeltaTable, self._place(name)
        return found(place) if found.is_deltatable(place) else None


def _library() -> Any:
    """The Delta Lake library; raises MissingExtra where it is not installed."""
    try:
        import deltalake
    except ImportError:
        raise MissingExtra("deltalake", "delta") from None
    return deltalake


def _tried(write: Callable[[], Given], *, what: str) -> Given:
    """Write, and again where another writer's commit came before it."""
    errors = _library().exceptions
    for left in reversed(range(TRIES)):
        try:
            return write()
        except (errors.CommitFailedError, errors.SchemaMismatchError) as error:
            if not left:
                raise StorageUnavailable(what, str(error)) from error
        except errors.DeltaError as error:
            if "already exists" not in str(error) or not left:
                raise StorageUnavailable(what, str(error)) from error
        except OSError as error:
            raise StorageUnavailable(what, str(error)) from error
    raise AssertionError("the last try gives or raises")


def _types(table: DeltaTable) -> dict[str, str]:
    """The type of each column of a table by its name in small letters: Delta knows no two that differ only in these."""
    schema = pa.schema(table.schema().to_arrow())
    return {field.name.lower(): f"{field.name} {field.type}" for field in schema}


def _sizes(table: DeltaTable) -> dict[str, int]:
    """The parts of a table, with the bytes that their files take."""
    found: dict[str, int] = {}
    actions = pa.table(table.get_add_actions(flatten=True))
    for part, size in zip(actions[f"partition.{PART}"].to_pylist(), actions["size_bytes"].to_pylist(), strict=True):
        found[part] = found.get(part, 0) + size
    return found


def _files(table: DeltaTable) -> dict[str, list[Any]]:
    """The files of each part."""
    from pyarrow.dataset import get_partition_keys

    found: dict[str, list[Any]] = {}
    for fragment in table.to_pyarrow_dataset().get_fragments():
        found.setdefault(get_partition_keys(fragment.partition_expression)[PART], []).append(fragment)
    return found


def _packed(name: str, part: str, rows: pa.Table, taken: Mapping[str, str]) -> pa.Table:
    """A part as the set's table has it, under names whose types agree with the columns that are there."""
    used = {PART: "", ROW: "", COLUMNS: ""}
    names, columns = [], {}
    for field in rows.schema:
        column = _as_delta(rows[field.name], where=f"The column {field.name!r} of part {part!r} of the set {name!r}")
        free = _free_name(field.name, column.type, taken, used)
        used[free.lower()] = ""
        names.append(free)
        columns[free] = column
    told = {"names": names, "schema": base64.b64encode(rows.schema.serialize().to_pybytes()).decode()}
    size = rows.num_rows
    if size == 0:
        columns = {free: pa.nulls(1, column.type) for free, column in columns.items()}
    number = pa.array(range(size)) if size else pa.array([-1])
    first = pa.array([json.dumps(told), *[None] * (len(number) - 1)], pa.string())
    return pa.table({PART: pa.array([part] * len(number), pa.string()), ROW: number, COLUMNS: first, **columns})


def _free_name(name: str, type_: pa.DataType, taken: Mapping[str, str], used: Mapping[str, str]) -> str:
    """What a column is called in the table: its name in letters that Delta allows, told apart where that is another."""
    safe = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
    if safe.lower() not in used and taken.get(safe.lower(), f"{safe} {type_}") == f"{safe} {type_}":
        return safe
    return f"{safe}__{digest([name, str(type_)])[:8]}"


def _as_delta(column: pa.ChunkedArray, *, where: str) -> pa.Array:
    """A column in a type that Delta has."""
    array, arrow = _one(column), column.type
    if pa.types.is_null(arrow):
        return pa.nulls(len(array), pa.bool_())
    if pa.types.is_dictionary(arrow):
        return _as_delta(pa.chunked_array([array.dictionary_decode()]), where=where)
    if arrow == _UTC or any(is_it(arrow) for is_it in _SAME):
        return array
    if pa.types.is_list(arrow) and any(is_it(arrow.value_type) for is_it in _SAME):
        return array
    for is_it, other in _VIEWED:
        if is_it(arrow):
            return array.view(other)
    for is_it, other in _CAST:
        if is_it(arrow):
            return array.cast(other)
    raise DataError(f"{where} holds {arrow}.", expected="numbers, texts, bytes, truth values, times, or lists of these")


def _as_before(array: pa.Array, arrow: pa.DataType) -> pa.Array:
    """A column in the type that it had before `_as_delta`."""
    if array.type == arrow:
        return array
    if pa.types.is_null(arrow):
        return pa.nulls(len(array))
    if pa.types.is_dictionary(arrow):
        return _as_before(array, arrow.value_type).dictionary_encode().cast(arrow)
    if any(is_it(arrow) for is_it, _ in _VIEWED):
        return array.view(arrow)
    return array.cast(arrow)


def _unpacked(name: str, part: str, files: Sequence[Any], columns: Sequence[str] | None) -> pa.Table:
    """A part as it was written, or these columns of it."""
    try:
        order = pa.concat_tables([file.to_table(columns=[ROW, COLUMNS]) for file in files])
        told = json.loads(order[COLUMNS].drop_null()[0].as_py())
        schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(told["schema"])))
        there = dict(zip(schema.names, told["names"], strict=True))
        for column in columns or ():
            if column not in there:
                raise NameUnknown("column", column, schema.names, where=f"Part {part!r} of the set {name!r}")
        wanted = schema.names if columns is None else list(columns)
        rows = pa.concat_tables([file.to_table(columns=[there[column] for column in wanted]) for file in files])
    except (pa.ArrowInvalid, OSError, IndexError) as error:
        raise DataError(
            f"Part {part!r} of the set {name!r} cannot be read: {str(error).splitlines()[0]}.",
            expected="the files as they were written",
            hint="Restore them from a copy, or delete the part and make it again.",
        ) from error
    number = order[ROW].combine_chunks()
    if pc.any(pc.less(number, 0)).as_py():
        rows = rows.slice(0, 0)
    elif not number.equals(pa.array(range(len(number)))):
        rows = rows.take(pc.sort_indices(number))
    kept = pa.schema([schema.field(column) for column in wanted], schema.metadata)
    arrays = [_as_before(_one(rows[there[field.name]]), field.type) for field in kept]
    return pa.table(arrays, schema=kept)


def _one(column: pa.ChunkedArray) -> pa.Array:
    """A column as one array."""
    joined = column.combine_chunks()
    return joined if isinstance(joined, pa.Array) else pa.concat_arrays(joined.chunks)

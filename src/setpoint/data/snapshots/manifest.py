"""Manifests: a snapshot stored by its content, each block of rows once, and read back by its digest.

A source's rows only grow, so the blocks of a later snapshot are those of the one before and some more: only these are
written. The manifest, a document of the metadata database, says which blocks there are, and where the rows came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.digest import digest, digest_bytes
from setpoint.core.errors import DataError, NameUnknown, NothingYet
from setpoint.core.ports import Metadata, Tables
from setpoint.data.arrays import EXACT, UTC_MICROSECONDS
from setpoint.data.rows import ENDS, NEVER, POSITION, SIGN, kind_of_type, times_of
from setpoint.data.snapshots.snapshot import BLOCK, ContentDigests, Snapshot, digest_values, kinds_of, take_snapshot
from setpoint.declare.kinds import BOOL, NUMBER, TEXT, TIME

PIECE = 1 << 12
"""Rows of a block that is not full which are stored together: the next snapshot finds most of them there."""

SNAPSHOTS = "snapshots"
"""The set of tables that holds the blocks of all sources, each under its digest."""

NOUN = "manifest"
"""Under which noun a manifest is written down, by the digest of its snapshot."""

TURN = "manifest_turn"
"""Under which noun it is counted how often a snapshot was stored, or asked to be."""

DRAFT, STORED, GONE = "draft", "stored", "gone"
"""A manifest whose blocks are being written, one whose blocks are all there, and one that was collected."""

TAKES = "__takes"
"""Of a stored row that takes another back, that one's position: what never changes, while `__ends` does."""

_TYPES = {
    str(each): each
    for each in (
        *(pa.int64(), pa.int32(), pa.int16(), pa.int8(), pa.uint64(), pa.uint32(), pa.uint16(), pa.uint8()),
        *(pa.float64(), pa.float32(), pa.bool_(), pa.string(), pa.large_string(), pa.binary(), pa.large_binary()),
        *(pa.null(), UTC_MICROSECONDS, pa.dictionary(pa.int32(), pa.string())),
    )
}


@dataclass(frozen=True)
class Block:
    """Rows that are stored together: the name of their part (the digest of what they hold), how many, how large."""

    part: str
    rows: int
    bytes: int = 0


@dataclass(frozen=True)
class Provenance:
    """Where the rows of a source came from.

    `contract` is the digest of the contract that they kept, `files` the digest of each file or address that they were
    read from, `batches` how many rows were taken in and when ("part", "rows", "taken_at"; None: at first).
    """

    contract: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    batches: tuple[Mapping[str, Any], ...] = ()

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Provenance:
        """The provenance that a manifest's document holds."""
        return Provenance(data["contract"], data["files"], tuple(data["batches"]))


@dataclass(frozen=True)
class StoredSource:
    """The rows of one source in a snapshot: their digest, their columns with their Arrow types, and their blocks."""

    name: str
    digest: str
    rows: int
    columns: Mapping[str, str]
    blocks: tuple[Block, ...]
    provenance: Provenance = field(default_factory=Provenance)


@dataclass(frozen=True)
class Manifest:
    """What a stored snapshot is made of; `used_at` is when it was stored, or last asked to be."""

    snapshot: str
    as_of: int
    sources: tuple[StoredSource, ...]
    state: str
    used_at: int

    @property
    def parts(self) -> set[str]:
        """The parts that it needs."""
        return {block.part for source in self.sources for block in source.blocks}

    @property
    def rows(self) -> int:
        """How many rows it has, of all sources."""
        return sum(source.rows for source in self.sources)

    @property
    def bytes(self) -> int:
        """How large its blocks are, whether or not other snapshots have them too."""
        return sum({block.part: block.bytes for source in self.sources for block in source.blocks}.values())

    def to_dict(self) -> dict[str, Any]:
        """The manifest as JSON-like data."""
        return asdict(self)

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Manifest:
        """The manifest that `to_dict` described."""
        sources = [
            StoredSource(
                **{
                    **source,
                    "blocks": tuple(Block(**block) for block in source["blocks"]),
                    "provenance": Provenance.from_dict(source["provenance"]),
                }
            )
            for source in data["sources"]
        ]
        return Manifest(**{**data, "sources": tuple(sources)})


def store_snapshot(
    snapshot: Snapshot,
    tables: Tables,
    *,
    metadata: Metadata,
    now: int,
    provenance: Mapping[str, Provenance] | None = None,
) -> Manifest:
    """Store a snapshot by its content; gives its manifest. Storing it again changes nothing but when it was used.

    Blocks that are there are not written again. Whenever the process dies, the same call goes on; until it ends, the
    snapshot cannot be read. What is collected meanwhile is none of its blocks.
    """
    sources = _described(snapshot, provenance) if _state(metadata, snapshot.digest) != STORED else ()
    with metadata.transaction():  # a collector sees the blocks as needed before this looks for them
        found = find_manifest(metadata, snapshot.digest)
        if found is None or found.state != STORED:
            found = Manifest(snapshot.digest, snapshot.as_of, sources or _described(snapshot, provenance), DRAFT, now)
        found = _put(metadata, replace(found, used_at=max(now, found.used_at)))
        metadata.put(TURN, TURN, {"turn": turn(metadata) + 1})
    there = set(tables.parts(SNAPSHOTS))
    for source in found.sources:
        rows = snapshot.rows[source.name]
        spans = zip(_layout(rows.num_rows), source.blocks, strict=True)
        missing = [(start, size, block.part) for (start, size), block in spans if block.part not in there]
        takes = _takes(rows) if missing else None
        for start, size, part in missing:
            tables.write(SNAPSHOTS, part, _as_stored(rows, start, size, takes))
    if found.state == STORED:
        return found
    measured = [
        replace(source, blocks=tuple(_measured(tables, block) for block in source.blocks)) for source in found.sources
    ]
    return _put(metadata, replace(found, sources=tuple(measured), state=STORED))


def load_snapshot(tables: Tables, metadata: Metadata, *, snapshot: str) -> Snapshot:
    """The stored snapshot of this digest, checked against it; any earlier time is `take_snapshot` of its rows.

    Raises NameUnknown where it never was stored, NothingYet where its storing has not ended, or it was collected, and
    DataError where a block is not what was stored.
    """
    manifest = manifest_of(metadata, snapshot)
    contents = ContentDigests()
    rows = {source.name: _load(tables, source, contents) for source in manifest.sources}
    found = take_snapshot(rows, manifest.as_of, contents=contents)
    if found.digest != manifest.snapshot:
        raise _damaged(manifest.snapshot, f"its rows have the digest {found.digest}")
    return found


def manifest_of(metadata: Metadata, snapshot: str) -> Manifest:
    """The manifest of a stored snapshot, by its digest; raises NameUnknown or NothingYet where it cannot be read."""
    found = find_manifest(metadata, snapshot)
    if found is None:
        known = [each.snapshot for each in stored_snapshots(metadata)]
        raise NameUnknown("snapshot", snapshot, known, where="What is stored")
    if found.state != STORED:
        why = "was collected" if found.state == GONE else "was not stored to its end"
        raise NothingYet(
            f"The snapshot {snapshot} {why}.",
            expected="one that is stored",
            hint="The same sources at the same time give it again; `setpoint status --snapshots` shows what is stored.",
        )
    return found


def manifests(metadata: Metadata) -> list[Manifest]:
    """Every manifest, in order of first storing: drafts and those that were collected, too."""
    return [Manifest.from_dict(body) for body in metadata.find(NOUN)]


def stored_snapshots(metadata: Metadata) -> list[Manifest]:
    """The manifests of the snapshots that can be read, in order of first storing."""
    return [manifest for manifest in manifests(metadata) if manifest.state == STORED]


def turn(metadata: Metadata) -> int:
    """How often a snapshot was stored, or asked to be: while this stays, no snapshot needs more blocks than before."""
    return int((metadata.get(TURN, TURN) or {"turn": 0})["turn"])


def mark_gone(metadata: Metadata, manifest: Manifest) -> None:
    """Write down that a snapshot may be collected: from here on it cannot be read."""
    _put(metadata, replace(manifest, state=GONE))


def find_manifest(metadata: Metadata, snapshot: str) -> Manifest | None:
    """The manifest of this digest, whatever its state; None where the snapshot never was stored."""
    body = metadata.get(NOUN, snapshot)
    return None if body is None else Manifest.from_dict(body)


def _state(metadata: Metadata, snapshot: str) -> str:
    found = find_manifest(metadata, snapshot)
    return GONE if found is None else found.state


def _put(metadata: Metadata, manifest: Manifest) -> Manifest:
    metadata.put(NOUN, manifest.snapshot, manifest.to_dict())
    return manifest


def _measured(tables: Tables, block: Block) -> Block:
    return replace(block, bytes=tables.size(SNAPSHOTS, block.part))


def _described(snapshot: Snapshot, provenance: Mapping[str, Provenance] | None) -> tuple[StoredSource, ...]:
    return tuple(
        _described_source(snapshot, name, (provenance or {}).get(name, Provenance())) for name in sorted(snapshot.rows)
    )


def _described_source(snapshot: Snapshot, name: str, provenance: Provenance) -> StoredSource:
    rows = snapshot.rows[name]
    columns = {column.name: str(column.type) for column in rows.schema}
    for column, spelled in columns.items():
        if spelled not in _TYPES:
            raise DataError(
                f"The column {column!r} of {name!r} holds {spelled}.", expected=f"one of {', '.join(_TYPES)}"
            )
    parts = _part_names(rows, snapshot.blocks(name), _takes(rows))
    blocks = [Block(part, size) for part, (_, size) in zip(parts, _layout(rows.num_rows), strict=True)]
    return StoredSource(name, snapshot.digests[name], rows.num_rows, columns, tuple(blocks), provenance)


def _layout(count: int) -> list[tuple[int, int]]:
    """Where each block of so many rows begins, and how many it has: full ones, then pieces of the one that is not.

    >>> _layout(BLOCK + PIECE + 5) == [(0, BLOCK), (BLOCK, PIECE), (BLOCK + PIECE, 5)]
    True
    """
    full = count // BLOCK * BLOCK
    pieces = [(start, min(PIECE, count - start)) for start in range(full, count, PIECE)]
    return [*[(start, BLOCK) for start in range(0, full, BLOCK)], *pieces]


def _part_names(rows: pa.Table, blocks: list[str], takes: np.ndarray | None) -> list[str]:
    """What the part of each block is called: the digest of all that it holds, whatever the Arrow types."""
    kinds = {
        name: kind or str(rows.schema.field(name).type) for name, kind in kinds_of(rows.schema).items() if name != ENDS
    }
    found = []
    for start, size in _layout(rows.num_rows):
        content = blocks[start // BLOCK] if size == BLOCK else digest_values(rows.slice(start, size))
        told = {"columns": kinds, "rows": size, "content": content}
        if takes is not None:
            told["takes"] = digest_bytes(takes[start : start + size].tobytes())
        found.append(digest(told))
    return found


def _takes(rows: pa.Table) -> np.ndarray | None:
    """The position of the row that each row takes back, -1 for none; None for a source without corrections."""
    if SIGN not in rows.column_names:
        return None
    ends = times_of(rows, ENDS)
    taken = np.flatnonzero(ends < rows.num_rows)
    found = np.full(rows.num_rows, -1, dtype=np.int64)
    found[ends[taken]] = taken
    return found


def _as_stored(rows: pa.Table, start: int, size: int, takes: np.ndarray | None) -> pa.Table:
    """A block in the one form that its content has on disk, so that equal content is equal bytes."""
    block = rows.slice(start, size)
    columns = {name: _canonical(block[name].combine_chunks()) for name in sorted(block.column_names) if name != ENDS}
    if POSITION in columns and np.array_equal(times_of(block, POSITION), np.arange(start, start + block.num_rows)):
        del columns[POSITION]
    if takes is not None:
        columns[TAKES] = pa.array(takes[start : start + block.num_rows])
    return pa.table(columns)


def _canonical(column: pa.Array) -> pa.Array:
    """Numbers as int64 where all of them are whole, else float64; texts, times and truth values in their one type."""
    kind = kind_of_type(column.type)
    if kind == TEXT:
        return column.cast(pa.string())
    if kind == TIME:
        return column.cast(UTC_MICROSECONDS)
    if kind == NUMBER:
        if pa.types.is_null(column.type) or pa.types.is_integer(column.type):
            return column.cast(pa.int64())
        column = column.cast(pa.float64())
        values = pc.fill_null(column, 0.0).to_numpy(zero_copy_only=False)
        whole = (np.abs(values) <= EXACT) & (values == np.rint(values)) & ~((values == 0) & np.signbit(values))
        return column.cast(pa.int64()) if whole.all() else column
    return column if kind == BOOL else column.cast(pa.binary())


def _load(tables: Tables, source: StoredSource, contents: ContentDigests) -> pa.Table:
    read = [_with_types(_read(tables, block), block, source.columns) for block in source.blocks]
    names = [name for name in (*source.columns, TAKES) if read and name in read[0].column_names]
    empty = pa.schema([(name, _TYPES[spelled]) for name, spelled in source.columns.items()]).empty_table()
    rows = pa.concat_tables([part.select(names) for part in read]).combine_chunks() if read else empty
    if POSITION in source.columns and POSITION not in rows.column_names:
        rows = rows.append_column(POSITION, pa.array(np.arange(rows.num_rows)))
    takes = None
    if ENDS in source.columns and read:
        takes = times_of(rows, TAKES)
        ends = np.full(rows.num_rows, NEVER, dtype=np.int64)
        back = np.flatnonzero(takes >= 0)
        ends[takes[back]] = back
        rows = rows.append_column(ENDS, pa.array(ends))
    rows = rows.select(list(source.columns))
    found = _part_names(rows, contents.blocks(rows, name=source.name), takes)
    for block, part in zip(source.blocks, found, strict=True):
        if block.part != part:
            raise _damaged(block.part, f"its rows have the digest {part}")
    return rows


def _read(tables: Tables, block: Block) -> pa.Table:
    try:
        rows = tables.read(SNAPSHOTS, parts=[block.part])
    except (NameUnknown, NothingYet) as error:
        raise _damaged(block.part, "it is not there") from error
    if rows.num_rows != block.rows:
        raise _damaged(block.part, f"it has {rows.num_rows} rows, not {block.rows}")
    return rows


def _with_types(rows: pa.Table, block: Block, columns: Mapping[str, str]) -> pa.Table:
    """The rows of a block with the types that their source has."""
    types = {
        name: _TYPES[columns[name]] if name in columns else rows.schema.field(name).type for name in rows.schema.names
    }
    try:
        arrays = [
            pa.nulls(rows.num_rows) if pa.types.is_null(type_) else rows[name].cast(type_)
            for name, type_ in types.items()
        ]
    except pa.ArrowInvalid as error:
        raise _damaged(block.part, str(error)) from error
    return pa.table(dict(zip(types, arrays, strict=True)))


def _damaged(name: str, problem: str) -> DataError:
    return DataError(
        f"The stored rows {name} are damaged: {problem}.",
        expected="the rows as they were stored",
        hint=f"Restore this part of the set {SNAPSHOTS!r} from a copy.",
    )

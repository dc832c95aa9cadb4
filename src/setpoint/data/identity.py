"""Identity of rows: which are the same row delivered again, and which contradict another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.data.arrays import EXACT
from setpoint.declare.source import SourceInfo

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

_BLOCK = 1 << 16
_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)


def identified_by(info: SourceInfo) -> tuple[str, ...]:
    """The columns that say which row of a source a row is; none: only its content does."""
    return info.keys if info.id is None else (info.id,)


@dataclass(frozen=True)
class Repeats:
    """What is wrong among rows that share an identity.

    `same` are rows whose identity and content came before, at the rows `before`; `other` rows whose identity came
    before with another content, in the column `column`, at the row `first`.
    """

    same: Ints
    before: Ints
    other: Ints
    first: Ints
    column: Sequence[str]


def find_repeats(rows: Ints, codes: Ints, known_at: Ints, payload: Mapping[str, pa.Array]) -> Repeats:
    """Those of `rows` whose identity (a code for each) came before; the smallest known_at comes first, then the row.

    `known_at` and `payload` are of all rows of the batch.

    >>> batch = {"x": pa.array([1, 1, 0, 2])}
    >>> found = find_repeats(np.array([0, 1, 3]), np.array([7, 7, 7]), np.array([3, 1, 0, 2]), batch)
    >>> found.same.tolist(), found.other.tolist(), found.first.tolist(), found.column
    ([0], [3], [1], ['x'])
    """
    nothing = np.zeros(0, dtype=np.int64)
    shared = np.flatnonzero(np.bincount(codes)[codes] > 1) if codes.size else nothing
    if shared.size == 0:
        return Repeats(nothing, nothing, nothing, nothing, [])
    shared = shared[np.lexsort((rows[shared], known_at[rows[shared]], codes[shared]))]
    rows, codes = rows[shared], codes[shared]
    starts = np.r_[True, codes[1:] != codes[:-1]]
    heads = rows[np.maximum.accumulate(np.where(starts, np.arange(rows.size), 0))]
    differs = np.full(rows.size, -1)
    for number, column in enumerate(payload.values()):
        mine, theirs = column.take(pa.array(rows)), column.take(pa.array(heads))
        equal = pc.fill_null(pc.equal(mine, theirs), False)
        both_null = pc.and_(pc.is_null(mine), pc.is_null(theirs))
        unequal = ~np.asarray(pc.or_(equal, both_null).to_numpy(zero_copy_only=False), dtype=bool)
        differs[unequal & (differs < 0)] = number
    same = ~starts & (differs < 0)
    names = list(payload)
    clash = np.flatnonzero(differs >= 0)
    clash = clash[np.argsort(rows[clash])]
    return Repeats(
        rows[same], heads[same], rows[clash], heads[clash], [names[number] for number in differs[clash].tolist()]
    )


def codes_of(column: pa.Array, *more: Ints) -> Ints:
    """A number per row, equal exactly when the values of all columns are.

    >>> codes_of(pa.array(["a", "b", "a"]), np.array([1, 1, 2])).tolist()
    [0, 2, 1]
    """
    codes = np.asarray(column.dictionary_encode().indices.to_numpy(zero_copy_only=False), dtype=np.int64)
    for values in more:
        distinct, numbers = np.unique(values, return_inverse=True)
        codes = np.unique(codes * distinct.size + numbers, return_inverse=True)[1].astype(np.int64)
    return codes


def spelled_ids(columns: Sequence[pa.Array]) -> pa.Array:
    """The identity of each row as a text, from the columns that identify it: different values, different texts.

    >>> spelled_ids([pa.array(["a|b", "a"]), pa.array([1, 2])]).to_pylist()
    ['a/|b|1', 'a|2']
    """
    texts = [column if pa.types.is_string(column.type) else column.cast(pa.string()) for column in columns]
    if len(texts) == 1:
        return texts[0]
    plain = [pc.replace_substring(pc.replace_substring(text, "/", "//"), "|", "/|") for text in texts]
    return pc.binary_join_element_wise(*plain, "|")


def content_ids(columns: Mapping[str, pa.Array], known_at: Ints) -> pa.Array:
    """An identity from the content of each row: 16 hexadecimal digits, and an occurrence number when it came before.

    The hash is tabulation hashing (Zobrist 1970) by splitmix64. Equal rows are numbered in the order of known_at.

    >>> content_ids({"x": pa.array([5, 5])}, np.array([0, 0])).to_pylist()
    ['b86d298f65db2042', 'b86d298f65db2042-1']
    """
    size = known_at.size
    hashes = content_hashes(columns, size)
    ids = spelled_hashes(hashes)
    order = np.lexsort((np.arange(size), known_at, hashes))
    starts = np.r_[True, hashes[order][1:] != hashes[order][:-1]] if size else np.zeros(0, bool)
    count = np.arange(size) - np.maximum.accumulate(np.where(starts, np.arange(size), 0))
    occurrence = np.zeros(size, dtype=np.int64)
    occurrence[order] = count
    return numbered_ids(ids, occurrence)


def numbered_ids(ids: pa.Array, occurrence: Ints) -> pa.Array:
    """Identities with the number of their occurrence, from 0, where that is not the first.

    >>> numbered_ids(pa.array(["a", "a"]), np.array([0, 1])).to_pylist()
    ['a', 'a-1']
    """
    if not occurrence.any():
        return ids
    numbered = pc.binary_join_element_wise(ids, pc.cast(pa.array(occurrence), pa.string()), "-")
    return pc.if_else(pa.array(occurrence > 0), numbered, ids)


def content_hashes(columns: Mapping[str, pa.Array], size: int) -> Hashes:
    """64 bits for what each of so many rows says, the same whatever rows it is among.

    >>> content_hashes({"x": pa.array([5, 6]), "y": pa.array(["a", None])}, 2).tolist()[0]
    15598847317888377175
    """
    hashes = np.zeros(size, dtype=np.uint64)
    for name in sorted(columns):
        seed = int(_hash_texts(pa.array([name]), 0)[0])
        hashes = mix(hashes + _hash_column(columns[name], seed))
    return hashes


def text_hashes(column: pa.Array) -> Hashes:
    """64 bits for each text of a string column, from its UTF-8 alone; a null is hashed as the empty text.

    Tabulation hashing (Zobrist 1970) of the bytes and their places, the same in every process and version.

    >>> [f"{one:016x}" for one in text_hashes(pa.array(["a", "b"])).tolist()]
    ['d442dd5b42960211', '40dea5025532f137']
    """
    parts = [_hash_texts(column.slice(start, _BLOCK), 0) for start in range(0, len(column), _BLOCK)]
    return np.concatenate([np.zeros(0, np.uint64), *parts])


def mix(values: Hashes) -> Hashes:
    """The finaliser of splitmix64 (Steele, Lea and Flood 2014): every bit depends on every bit.

    >>> mix(np.array([0], dtype=np.uint64))
    array([16294208416658607535], dtype=uint64)
    """
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _hash_column(column: pa.Array, seed: int) -> Hashes:
    if pa.types.is_string(column.type):
        hashes = np.concatenate(
            [_hash_texts(column.slice(start, _BLOCK), seed) for start in range(0, len(column), _BLOCK)]
            or [np.zeros(0, np.uint64)]
        )
    else:
        numbers = column.cast(pa.int8()) if pa.types.is_boolean(column.type) else column
        if pa.types.is_floating(numbers.type):
            bits = pc.fill_null(numbers, 0.0).to_numpy(zero_copy_only=False).view(np.uint64)
        else:
            whole = np.asarray(pc.fill_null(numbers.cast(pa.int64()), 0).to_numpy(zero_copy_only=False), dtype=np.int64)
            bits = whole.astype(np.float64).view(np.uint64)
            beyond = (whole > EXACT) | (whole < -EXACT)
            bits[beyond] ^= mix(whole[beyond].view(np.uint64))
        hashes = mix(mix(bits) + np.uint64(seed))
    if column.null_count:
        null = np.asarray(pc.is_null(column).to_numpy(zero_copy_only=False), dtype=bool)
        hashes[null] = mix(np.array([seed], dtype=np.uint64))[0] ^ np.uint64(1)
    return hashes


def _hash_texts(column: pa.Array, seed: int) -> Hashes:
    """The sum over the bytes of a text of one random number per (position, byte)."""
    column = pc.fill_null(column, "") if column.null_count else column
    offsets = np.frombuffer(column.buffers()[1], dtype=np.int32)[column.offset : column.offset + len(column) + 1]
    data = column.buffers()[2]
    lengths = np.diff(offsets).astype(np.int64)
    hashes = lengths.astype(np.uint64)
    if data is not None and lengths.any():
        text = np.frombuffer(data, dtype=np.uint8)[offsets[0] : offsets[-1]].astype(np.uint64)
        starts = (offsets[:-1] - offsets[0]).astype(np.int64)
        position = np.arange(text.size) - np.repeat(starts, lengths)
        cells = mix(position.astype(np.uint64) * np.uint64(256) + text)
        filled = lengths > 0
        hashes[filled] += np.add.reduceat(cells, starts[filled])
    return mix(hashes + np.uint64(seed))


def spelled_hashes(hashes: Hashes) -> pa.Array:
    """Each hash as 16 hexadecimal digits."""
    pairs = hashes.astype(">u8").view(np.uint8).reshape(-1, 8)
    digits = np.empty((hashes.size, 16), dtype=np.uint8)
    digits[:, 0::2], digits[:, 1::2] = _HEX[pairs >> 4], _HEX[pairs & 15]
    offsets = np.arange(hashes.size + 1, dtype=np.int32) * 16
    return pa.StringArray.from_buffers(hashes.size, pa.py_buffer(offsets.tobytes()), pa.py_buffer(digits.tobytes()))

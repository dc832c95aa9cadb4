"""Columns as delivered, cast to their kind: what cannot be cast is marked, row by row, and never stops the column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core import times
from setpoint.core.errors import SetpointError
from setpoint.data.arrays import UTC_MICROSECONDS, Mask
from setpoint.data.dictionary_columns import plain, texts_by_value
from setpoint.data.rows import canonical_type, kind_of_type
from setpoint.declare.kinds import BOOL, NUMBER, TEXT, TIME

ENOUGH = 0.8
"""A column of texts is of a kind when at least this share of its values can be read as that kind."""

SAMPLE = 1000
"""So many values answer for most columns that are of another kind."""

_NOTHING = pa.array(["", "na", "n/a", "nan", "null", "none"])
_NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$|^[+-]?(?i:inf(inity)?)$"
_DATE = r"^\d{4}-\d{2}-\d{2}$"
_CLOCK = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}(:?\d{2}(:?\d{2}([.,]\d+)?)?)?"
_NUMBERS, _FRACTIONS = (pa.int64(), pa.float64()), (pa.float64(),)
_FIRST, _LAST = times.time("0001-01-01"), times.time("9999-12-31")


@dataclass(frozen=True)
class Cast:
    """A column in its canonical type, with a null where `wrong` or `naive` (a time without a zone) marks the row."""

    values: pa.Array
    wrong: Mask | None = None
    naive: Mask | None = None


def cast(column: pa.ChunkedArray | pa.Array, kind: str, *, fractions: bool = False, encoded: bool = False) -> Cast:
    """A column of any type as values of a kind: texts are read, a date is its midnight UTC, NaN is NULL.

    Numbers that are all whole become int64, unless they may be `fractions` elsewhere. With `encoded` texts of few
    values that come dictionary-encoded stay so.

    >>> done = cast(pa.array(["1.5", "abc", ""]), "number")
    >>> done.values.to_pylist(), done.wrong.tolist()
    ([1.5, None, None], [False, True, False])
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    texts = texts_by_value(column) if encoded and kind == TEXT else None
    if texts is not None:
        return Cast(texts)
    column = plain(column)
    given = kind_of_type(column.type)
    if pa.types.is_null(column.type):
        return Cast(pa.nulls(len(column), canonical_type(kind)))
    if given == TEXT and kind != TEXT:
        texts = column if pa.types.is_string(column.type) else pc.cast(column, pa.string())
        if kind == NUMBER:
            return _read_numbers(texts, _FRACTIONS if fractions else _NUMBERS)
        return _read_bools(texts) if kind == BOOL else _read_times(texts)
    if given != kind:
        return Cast(pa.nulls(len(column), canonical_type(kind)), wrong=_valid(column))
    if kind == TIME:
        return _times(column)
    if kind == NUMBER:
        return Cast(_without_nan(pc.cast(column, pa.float64(), safe=False)) if fractions else _numbers(column))
    return Cast(column if column.type == canonical_type(kind) else pc.cast(column, canonical_type(kind)))


def guess_kind(texts: pa.ChunkedArray | pa.Array, *, time_only: bool = False) -> str:
    """The kind that a column of texts holds; `time_only` for a format in which numbers are not written as texts.

    A column with codes such as "007" is text: as a number it would lose its zeros.

    >>> guess_kind(pa.array(["1", "2.5"])), guess_kind(pa.array(["2013-01-01T05:00:00Z"])), guess_kind(pa.array(["01"]))
    ('number', 'time', 'text')
    """
    chunks = texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]
    sample = _first(_filled(chunks))
    if len(sample) and len(pc.drop_null(_blank_to_null(sample))):
        return _kind_like(sample, chunks, time_only=time_only)
    sample = _first(_written(chunks))
    if not len(sample):
        return NUMBER if not time_only and len(texts) else TEXT
    return _kind_like(sample, _Written(chunks), time_only=time_only)


def _kind_like(sample: pa.Array, chunks: Iterable[pa.Array], *, time_only: bool) -> str:
    """The kind of texts that come in chunks and whose first are a sample."""
    for kind in (TIME,) if time_only else (NUMBER, BOOL, TIME):
        if _share([sample], kind) >= ENOUGH / 2 and _share(chunks, kind) >= ENOUGH:
            return kind if kind != NUMBER or not any(_has_codes(chunk) for chunk in chunks) else TEXT
    return TEXT


@dataclass(frozen=True)
class _Written:
    """Those of the texts of some chunks that are not as good as nothing, as often as they are asked for."""

    chunks: Sequence[pa.Array]

    def __iter__(self) -> Iterator[pa.Array]:
        return _written(self.chunks)


def _filled(chunks: Iterable[pa.Array]) -> Iterator[pa.Array]:
    return (pc.drop_null(chunk) for chunk in chunks)


def _written(chunks: Iterable[pa.Array]) -> Iterator[pa.Array]:
    return (pc.drop_null(_blank_to_null(chunk)) for chunk in chunks)


def _first(chunks: Iterable[pa.Array]) -> pa.Array:
    """The first thousand texts."""
    found, size = [pa.array([], pa.string())], 0
    for chunk in chunks:
        found.append(chunk.slice(0, SAMPLE - size))
        size += len(found[-1])
        if size == SAMPLE:
            break
    return pa.concat_arrays(found)


def _share(chunks: Iterable[pa.Array], kind: str) -> float:
    """The share of the texts that can be read as a kind, or could with a zone."""
    filled = wrong = 0
    for chunk in chunks:
        done = cast(chunk, kind)
        filled += len(chunk) - done.values.null_count + _count(done.wrong) + _count(done.naive)
        wrong += _count(done.wrong)
    return (filled - wrong) / filled if filled else 0.0


def _has_codes(texts: pa.ChunkedArray | pa.Array) -> bool:
    suspects = texts.filter(pc.match_substring_regex(texts, r"^\s*[+-]?0"))
    return bool(pc.any(pc.match_substring_regex(suspects, r"^\s*[+-]?0\d")).as_py())


def _count(mask: Mask | None) -> int:
    return 0 if mask is None else int(mask.sum())


def _valid(column: pa.Array) -> Mask:
    return np.asarray(pc.is_valid(column).to_numpy(zero_copy_only=False), dtype=np.bool_)


def _mask(truth: pa.Array) -> Mask:
    return np.asarray(pc.fill_null(truth, False).to_numpy(zero_copy_only=False), dtype=np.bool_)


def _blank_to_null(texts: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    trimmed = pc.utf8_trim_whitespace(texts)
    empty = pc.is_in(pc.utf8_lower(trimmed), value_set=_NOTHING)
    return pc.if_else(empty, pa.scalar(None, pa.string()), trimmed)


def _numbers(column: pa.Array) -> pa.Array:
    if pa.types.is_integer(column.type):
        try:
            return pc.cast(column, pa.int64())
        except pa.ArrowInvalid:
            return pc.cast(column, pa.float64(), safe=False)
    return _without_nan(pc.cast(column, pa.float64(), safe=False))


def _without_nan(column: pa.Array) -> pa.Array:
    if _is_finite(column):
        return column
    strange = pc.is_nan(column)
    if pc.any(strange).as_py():
        return pc.if_else(strange, pa.scalar(None, pa.float64()), column)
    return column


def _read_numbers(texts: pa.Array, types: Sequence[pa.DataType]) -> Cast:
    for arrow in types:
        try:
            values = pc.cast(texts, arrow)
        except pa.ArrowInvalid:
            continue
        if pa.types.is_floating(arrow):
            return Cast(_without_nan(values))
        if not pc.any(pc.match_substring(texts, "x", ignore_case=True)).as_py():
            return Cast(values)
    blank = _blank_to_null(texts)
    fits = _mask(pc.match_substring_regex(blank, _NUMBER))
    wrong = _valid(blank) & ~fits
    legible = pc.if_else(pa.array(fits), blank, pa.scalar(None, pa.string()))
    for arrow in types:
        try:
            return Cast(pc.cast(legible, arrow), wrong=wrong)
        except pa.ArrowInvalid:
            continue
    return Cast(pa.array([None if text is None else float(text) for text in legible.to_pylist()]), wrong=wrong)


def _read_bools(texts: pa.Array) -> Cast:
    lower = pc.utf8_lower(_blank_to_null(texts))
    true = _mask(pc.is_in(lower, value_set=pa.array(["true", "1"])))
    false = _mask(pc.is_in(lower, value_set=pa.array(["false", "0"])))
    return Cast(pa.array(true, mask=~(true | false)), wrong=_valid(lower) & ~(true | false))


def _read_times(texts: pa.Array) -> Cast:
    try:
        return _bounded(pc.cast(texts, UTC_MICROSECONDS))
    except pa.ArrowInvalid:
        pass
    blank = pc.utf8_upper(_blank_to_null(texts))
    dates = pc.match_substring_regex(blank, _DATE)
    zoned = _mask(pc.or_(dates, pc.match_substring_regex(blank, _CLOCK + r"(Z|[+-]\d{2}(:?\d{2})?)$")))
    naive = _mask(pc.match_substring_regex(blank, _CLOCK + "$"))
    whole = pc.if_else(dates, pc.binary_join_element_wise(blank, "T00:00:00Z", ""), blank)
    legible = pc.if_else(pa.array(zoned), whole, pa.scalar(None, pa.string()))
    wrong = _valid(blank) & ~zoned & ~naive
    try:
        done = _bounded(pc.cast(legible, UTC_MICROSECONDS))
    except pa.ArrowInvalid:
        moments = [None if text is None else _moment(text) for text in legible.to_pylist()]
        values = pa.array(moments, pa.int64()).cast(UTC_MICROSECONDS)
        return Cast(values, wrong=wrong | (_valid(legible) & ~_valid(values)), naive=naive)
    return Cast(done.values, wrong=wrong if done.wrong is None else wrong | done.wrong, naive=naive)


def _moment(text: str) -> int | None:
    try:
        return times.time(text)
    except (SetpointError, OverflowError):
        return None


def _times(column: pa.Array) -> Cast:
    if pa.types.is_timestamp(column.type) and column.type.tz is None:
        return Cast(pa.nulls(len(column), UTC_MICROSECONDS), naive=_valid(column))
    if pa.types.is_date(column.type):
        column = pc.cast(pc.cast(column, pa.timestamp("s")), pa.timestamp("s", tz="UTC"))
    try:
        return _bounded(pc.cast(column, UTC_MICROSECONDS, safe=column.type.unit != "ns"))
    except pa.ArrowInvalid:
        factor = {"s": times.SECOND, "ms": 1000}[column.type.unit]
        count = pc.fill_null(pc.cast(column, pa.int64()), 0).to_numpy(zero_copy_only=False)
        wrong = (count < _FIRST // factor) | (count > _LAST // factor)
        kept = pc.if_else(pa.array(wrong), pa.scalar(None, column.type), column)
        return Cast(pc.cast(kept, UTC_MICROSECONDS), wrong=wrong)


def _bounded(column: pa.Array) -> Cast:
    """Times outside the years 1 to 9999 are wrong: no calendar here can show them."""
    moments = pc.cast(column, pa.int64())
    ends = pc.min_max(moments).as_py()
    if ends["min"] is None or (ends["min"] >= _FIRST and ends["max"] <= _LAST):
        return Cast(column)
    wrong = _mask(pc.or_(pc.less(moments, _FIRST), pc.greater(moments, _LAST)))
    return Cast(pc.if_else(pa.array(wrong), pa.scalar(None, UTC_MICROSECONDS), column), wrong=wrong)


def infinite(column: pa.Array) -> npt.NDArray[np.bool_] | None:
    """True where a number is infinite, or None when none is."""
    if not pa.types.is_floating(column.type) or _is_finite(column):
        return None
    found = pc.is_inf(column)
    return _mask(found) if pc.any(found).as_py() else None


def _is_finite(column: pa.Array) -> bool:
    """Whether all float64 numbers are finite, as is their sum, in one pass; False tells nothing: it may be too big."""
    data = column.buffers()[1]
    if data is None or not pa.types.is_float64(column.type) or not len(column):
        return False
    numbers = np.frombuffer(data, np.float64, count=len(column), offset=column.offset * 8)
    with np.errstate(all="ignore"):
        return bool(np.isfinite(np.add.reduce(numbers)))

"""Keys of the online state: one spelling for equal values, of single requests and of whole columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from json.encoder import encode_basestring_ascii
from typing import Any, Final, NamedTuple, cast

import numpy as np
import pyarrow as pa

from setpoint.data.arrays import Array

MOST: Final = 1 << 20
"""How many spellings are kept before all are let go."""

_SHORT: Final = 256
_TABLE: Final = 16


def spelled(*parts: Any) -> str | None:
    """A key as text, the same for equal keys; None when a part is NULL, or a number that no row can have.

    >>> spelled("UA", 1.0), spelled("UA", 1), spelled(None)
    ('["UA",1]', '["UA",1]', None)
    """
    return _whole([_part(part) for part in parts])


def _whole(parts: Sequence[str | None]) -> str | None:
    """A key from its parts; None when one of them is."""
    return None if None in parts else f"[{','.join(cast(Sequence[str], parts))}]"


def _part(part: Any) -> str | None:
    """One part as JSON; a whole number without a fraction, whatever its type."""
    if isinstance(part, str):
        return encode_basestring_ascii(part)
    if part is None or not math.isfinite(part):
        return None
    return repr(int(part) if part == int(part) else part)


class Spelling(dict[Any, str | None]):
    """The spelling of each key, worked out once: of a single part by itself, of several by their tuple.

    >>> Spelling(2)["UA", 1.0]
    '["UA",1]'
    """

    def __init__(self, parts: int) -> None:
        super().__init__()
        self._single = parts == 1

    def __missing__(self, key: Any) -> str | None:
        found = spelled(key) if self._single else spelled(*key)
        if found is not None:
            if len(self) >= MOST:
                self.clear()
            self[key] = found
        return found


class Encoded(NamedTuple):
    """A column as parts of keys, and for each row the place of its own among them; -1 for NULL."""

    parts: list[str | None]
    codes: Array


class Columns:
    """Key columns of a batch of rows, each encoded once."""

    def __init__(self, rows: pa.Table) -> None:
        self._rows = rows
        self._encoded: dict[str, Encoded] = {}

    def keys(self, names: Sequence[str], chosen: Array) -> tuple[Array, list[str]]:
        """The number of the key of each chosen row, -1 where it has none, and what the numbered keys are.

        >>> table = pa.table({"a": ["x", None, "x"], "b": [1.0, 2.0, 1.0]})
        >>> Columns(table).keys(["a", "b"], np.arange(3))
        (array([ 0, -1,  0]), ['["x",1]'])
        """
        if not names:
            return np.zeros(chosen.size, dtype=np.int64), ["[]"]
        first, *others = [self._column(name) for name in names]
        used, numbers = _used(first.codes[chosen], len(first.parts))
        parts = [used]
        for column in others:
            size, more = len(column.parts), column.codes[chosen]
            pairs = np.where((numbers < 0) | (more < 0), -1, numbers * size + more)
            used, numbers = _used(pairs, used.size * size)
            parts = [*[part[used // size] for part in parts], used % size]
        spelt = [
            [column.parts[place] for place in part.tolist()]
            for column, part in zip((first, *others), parts, strict=True)
        ]
        if others or None in spelt[0]:
            return _told_apart(numbers, list(map(_whole, zip(*spelt, strict=True))))
        return _told_apart(numbers, [f"[{part}]" for part in spelt[0]])

    def _column(self, name: str) -> Encoded:
        if name not in self._encoded:
            self._encoded[name] = _encoded(self._rows.column(name))
        return self._encoded[name]


def _encoded(column: pa.ChunkedArray) -> Encoded:
    """A long column names each value once, in a short one that is not worth the trouble."""
    if len(column) <= _SHORT:
        values = column.to_pylist()
        codes = [-1 if value is None else place for place, value in enumerate(values)]
        return Encoded([_part(value) for value in values], np.array(codes, dtype=np.int64))
    coded = column.combine_chunks().dictionary_encode()
    codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    values, arrow = coded.dictionary.to_pylist(), coded.dictionary.type
    if pa.types.is_integer(arrow):
        return Encoded(list(map(repr, values)), codes)
    if pa.types.is_string(arrow):
        return Encoded(list(map(encode_basestring_ascii, values)), codes)
    return Encoded(list(map(_part, values)), codes)


def _used(codes: Array, size: int) -> tuple[Array, Array]:
    """Which of so many codes occur, and for each row the place of its own among them; -1 stays what it is."""
    if size > _TABLE * max(codes.size, 1):
        used, places = np.unique(codes, return_inverse=True)
        none = int(used.size > 0 and used[0] < 0)
        return used[none:], places - none
    seen = np.zeros(size + 1, dtype=np.bool_)
    seen[codes] = True
    seen[size] = False
    used = np.flatnonzero(seen)
    if used.size == size and codes.min(initial=0) >= 0:
        return used, codes
    table = np.full(size + 1, -1, dtype=np.int64)
    table[used] = np.arange(used.size)
    return used, table[codes]


def _told_apart(numbers: Array, keys: list[str | None]) -> tuple[Array, list[str]]:
    """The keys without those that are none, each once, and the rows' numbers among them."""
    if None not in (apart := dict.fromkeys(keys)) and len(apart) == len(keys):
        return numbers, cast(list[str], keys)
    places: dict[str, int] = {}
    table = [-1 if key is None else places.setdefault(key, len(places)) for key in keys]
    return np.array([*table, -1], dtype=np.int64)[numbers], list(places)

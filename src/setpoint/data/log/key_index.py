"""An index of a table that grows at its end: which of its rows may have some values in some columns."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from setpoint.data.identity import spelled_ids
from setpoint.data.log.growing import Places
from setpoint.data.rows import standing_rows


class KeyIndex:
    """The rows of a growing table by the values of these columns; each row is indexed once, when it is first needed.

    >>> index, table = KeyIndex(["n"]), pa.table({"n": [1, 2]})
    >>> index.having(table, [pa.array([2, 7])])["n"].to_pylist()
    [2]
    >>> index.having(pa.concat_tables([table, pa.table({"n": [7]})]), [pa.array([7])])["n"].to_pylist()
    [7]
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names, self._places, self._rows = tuple(names), Places(), 0

    def having(self, table: pa.Table, values: Sequence[pa.Array]) -> pa.Table:
        """The rows, in order, that may have one of these values: every one that has, and hardly another.

        `table` is the one that was given before, perhaps with more rows at its end.
        """
        fresh = table.slice(self._rows)
        if fresh.num_rows:
            self._places.add(_spelled([fresh[name].combine_chunks() for name in self._names]), self._rows)
            self._rows = table.num_rows
        found = self._places.find(_spelled(values))
        return table.take(pa.array(found[found < table.num_rows]))

    def standing(self, table: pa.Table, values: Sequence[pa.Array]) -> pa.Table:
        """Those of the rows that no later one takes back."""
        return standing_rows(self.having(table, values))


def _spelled(columns: Sequence[pa.Array]) -> pa.Array:
    return spelled_ids([_text(column) for column in columns])


def _text(column: pa.Array) -> pa.Array:
    """Each value as a text, equal ones as the same, whether a number is whole by its type or only by its value."""
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        column = pc.add(pc.cast(column, pa.float64(), safe=False), 0.0)
    elif pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    return column.cast(pa.string())

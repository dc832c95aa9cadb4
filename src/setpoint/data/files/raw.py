"""Rows as files have them: their own columns, and beside these where each row stands and why one could not be read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

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

SHOWN = 80
"""How many characters of what could not be read a reason shows."""

Bad = dict[int, tuple[str, str]]
"""Rule and reason of bad rows, by their place."""


def assemble(
    columns: Mapping[str, pa.Array | pa.ChunkedArray],
    numbers: Sequence[int] | np.ndarray[Any, Any],
    bad: Bad,
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
    fields.append(pa.field(ROW, pa.int64()))
    return with_bad(pa.table([*columns.values(), pa.array(numbers, pa.int64())], schema=pa.schema(fields)), bad)


def with_bad(table: pa.Table, bad: Bad) -> pa.Table:
    """The table with rule and reason of these rows; those that it has already stay.

    >>> with_bad(pa.table({"n": [1, 2]}), {1: ("malformed", "row 2 is torn")})["__bad_rule"].to_pylist()
    [None, 'malformed']
    """
    if not bad:
        return table
    there = BAD_RULE in table.column_names
    before = table[BAD_RULE].to_pylist() if there else [None] * table.num_rows
    fresh = [place for place in sorted(bad) if before[place] is None]
    for position, name in enumerate((BAD_RULE, BAD_REASON)):
        words = table[name].to_pylist() if there else [None] * table.num_rows
        for place in fresh:
            words[place] = bad[place][position]
        column = pa.array(words, pa.string())
        if name in table.column_names:
            table = table.set_column(table.column_names.index(name), name, column)
        else:
            table = table.append_column(name, column)
    return table


def shown(text: bytes | str) -> str:
    """What could not be read, as a reason shows it: its first characters.

    >>> shown(b"{half")
    "'{half'"
    >>> len(shown("x" * 1000))
    83
    """
    if isinstance(text, bytes):
        text = text[: 4 * SHOWN].decode("utf-8", errors="replace")
    text = text.strip()
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "…")

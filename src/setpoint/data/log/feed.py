"""The event port over ingested rows: what history, or a file, has to say, handed out as it became known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from setpoint.core.errors import NameUnknown
from setpoint.data.rows import ENDS, KNOWN_AT, ends_by, times_of


class RowsFeed:
    """Events from the rows of sources, each in order of `known_at`; a row's position is its place in that order."""

    def __init__(self, rows: Mapping[str, pa.Table]) -> None:
        self._rows = rows
        self._known = {name: table[KNOWN_AT].to_numpy() for name, table in rows.items()}

    def sources(self) -> Sequence[str]:
        """The names of the sources."""
        return tuple(self._rows)

    def read(self, source: str, *, after: int, until: int) -> pa.Table:
        """A source's rows beyond a position that were known by a time; what came after it ends none of them.

        Raises NameUnknown for another source.
        """
        if source not in self._rows:
            raise NameUnknown("source", source, self._rows, where="The feed")
        last = int(np.searchsorted(self._known[source], until, side="right"))
        rows = self._rows[source].slice(after + 1, max(0, last - after - 1))
        if ENDS not in rows.column_names:
            return rows
        return rows.set_column(rows.column_names.index(ENDS), ENDS, ends_by(times_of(rows, ENDS), last))

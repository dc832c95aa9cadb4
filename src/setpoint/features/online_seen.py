"""What decisions saw: features by name, the positions that they rest on, and their time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias, overload

import numpy as np

from setpoint.data.arrays import Array

Value: TypeAlias = float | str | None


class Seen(NamedTuple):
    """The features of a decision, the position of each source that they rest on (-1: none), and their time."""

    values: dict[str, Value]
    positions: dict[str, int]
    at: int


class SeenMany(Sequence[Seen]):
    """What many decisions saw, all of one moment: a list of `Seen`, kept feature by feature.

    `columns` has the values of each feature, in order of `names`: an array with a row for each where all are numbers.
    What one decision saw is put together when it is asked for.

    >>> seen = SeenMany(["n", "last"], [[1.0, 2.0], ["a", None]], 2, {"buys": 3}, 9)
    >>> seen[1]
    Seen(values={'n': 2.0, 'last': None}, positions={'buys': 3}, at=9)
    """

    __slots__ = ("_count", "at", "columns", "names", "positions")

    def __init__(
        self,
        names: Sequence[str],
        columns: Array | Sequence[Sequence[Value]],
        count: int,
        positions: dict[str, int],
        at: int,
    ) -> None:
        self.names, self.columns, self._count = names, columns, count
        self.positions, self.at = positions, at

    def to_dict(self) -> dict[str, Sequence[Value]]:
        """The values of each feature by its name.

        >>> SeenMany(["n", "last"], [[1.0, 2.0], ["a", None]], 2, {}, 9).to_dict()
        {'n': [1.0, 2.0], 'last': ['a', None]}
        """
        columns = self.columns
        return dict(zip(self.names, columns.tolist() if isinstance(columns, np.ndarray) else columns, strict=True))

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> Seen: ...

    @overload
    def __getitem__(self, place: slice) -> list[Seen]: ...

    def __getitem__(self, place: int | slice) -> Seen | list[Seen]:
        if isinstance(place, slice):
            return list(self)[place]
        if not -self._count <= place < self._count:
            raise IndexError(place)
        columns = self.columns
        row: list[Value] = (
            columns[:, place].tolist() if isinstance(columns, np.ndarray) else [column[place] for column in columns]
        )
        return Seen(dict(zip(self.names, row, strict=True)), self.positions, self.at)

    def __iter__(self) -> Iterator[Seen]:
        return (self[place] for place in range(self._count))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (SeenMany, list)) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # like a list

    def __repr__(self) -> str:
        return repr(list(self))

"""Decisions whose features are numbers, each folded from what request fields name: from fields to numbers in one go.

Most plans are such. Nothing is put together for a request besides its keys and its numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from setpoint.core.ports import Mark, OnlineState
from setpoint.data.arrays import Array
from setpoint.declare.kinds import BOOL, NUMBER, TEXT, TIME
from setpoint.features.online_stage import Keys, Stage

USUAL: Mapping[str, frozenset[type]] = {
    NUMBER: frozenset({int, float}),
    TEXT: frozenset({str}),
    BOOL: frozenset({bool}),
    TIME: frozenset(),
}
"""The types of the values of a kind that a key can be made of as they are."""

Moment = tuple[dict[str, int], int]
Request = Mapping[str, Any]


class Straight:
    """The folds of one stage whose keys are request fields.

    `fields` gives the fields of a request that are not of the usual types, or complains; `moment` what marks say.
    """

    def __init__(
        self,
        stage: Stage,
        state: OnlineState,
        names: Sequence[str],
        *,
        kinds: Mapping[str, str],
        fields: Callable[[Request], dict[str, Any]],
        moment: Callable[[list[Mark | None]], Moment],
    ) -> None:
        self._stage, self._state, self._names = stage, state, names
        self._fields, self._moment = fields, moment
        self._usual = [(name, USUAL[kind]) for name, kind in kinds.items()]
        self._columns = [(name, itemgetter(name), USUAL[kind]) for name, kind in kinds.items()]

    def fold(self, requests: Sequence[Request], at: int) -> tuple[Array, dict[str, int], int]:
        """A row for each fold and a column for each request, the positions of sources, and the decisions' time."""
        count = len(requests)
        keys, numbers = self._keys_of_one(requests[0]) if count == 1 else self._keys(requests)
        marks, blobs = self._state.read(self._names, keys)
        positions, known_at = self._moment(marks)
        at = max(at, known_at)
        return self._stage.values(blobs, numbers, at, count), positions.copy(), at

    def _keys_of_one(self, request: Request) -> Keys:
        for name, usual in self._usual:
            if type(request.get(name)) not in usual:
                return self._stage.keys_of_fields(self._fields(request))
        return self._stage.keys_of_fields(request)

    def _keys(self, requests: Sequence[Request]) -> Keys:
        columns = {}
        for name, get, usual in self._columns:
            try:
                columns[name] = [*map(get, requests)]
            except KeyError:
                break
            if not usual.issuperset(map(type, columns[name])):
                break
        else:
            return self._stage.keys_of_columns(columns, len(requests))
        rows = [self._fields(one) for one in requests]
        return self._stage.keys_of_columns({name: [row[name] for row in rows] for name, _ in self._usual}, len(rows))

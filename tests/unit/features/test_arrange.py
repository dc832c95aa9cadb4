"""Rows in order of key and time: chains and late rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.data.rows import NEVER
from setpoint.features.arrange import arrange

row = st.tuples(
    st.integers(-1, 3), st.integers(0, 12), st.sampled_from([1, 1, 1, -1]), st.sampled_from([NEVER, NEVER, 5])
)


def longest(at: list[int]) -> int:
    """The length of a longest part of a list that never falls, by trying each last element."""
    best: list[int] = []
    for place, value in enumerate(at):
        best.append(1 + max((best[one] for one in range(place) if at[one] <= value), default=0))
    return max(best, default=0)


@given(st.lists(row, max_size=60))
def test_rows_stand_in_order_of_key_and_time(drawn: list[tuple[int, int, int, int]]) -> None:
    """Each key has its rows once: a chain as long as can be, then the late and the taken back, both in order."""
    codes, at, sign, ends = (np.array([row[part] for row in drawn], dtype=np.int64) for part in range(4))
    arranged = arrange(codes.astype(np.int32), 4, at, sign=sign, ends=ends)
    for key in range(4):
        mine = [place for place, row in enumerate(drawn) if row[0] == key and row[2] > 0]
        start, late, stop = arranged.begin[key], arranged.late[key], arranged.begin[key + 1]
        position = arranged.position[start:stop].tolist()
        assert sorted(position) == mine
        assert arranged.at[start:stop].tolist() == at[position].tolist()
        chain, behind = position[: late - start], position[late - start :]
        assert chain == sorted(chain)
        assert at[chain].tolist() == sorted(at[chain].tolist())
        assert behind == sorted(behind, key=lambda place: (at[place], place))
        assert len(chain) == longest([int(at[place]) for place in mine if ends[place] == NEVER])
        assert (ends[chain] == NEVER).all()
        if arranged.ends.size:
            assert arranged.ends[start:stop].tolist() == ends[position].tolist()


def test_rows_in_order_are_one_chain() -> None:
    """Rows that became known as they happened stand as they came."""
    arranged = arrange(np.array([1, 0, 1], dtype=np.int32), 2, np.array([1, 2, 2]))
    assert (arranged.position.tolist(), arranged.late.tolist()) == ([1, 0, 2], [1, 3])
    assert not arranged.any_late


def test_one_row_known_early_makes_no_other_late() -> None:
    """Of a row that was announced long before it happened and all that happened meanwhile, the one is late."""
    at = np.array([900, *range(100)])
    arranged = arrange(np.zeros(101, dtype=np.int32), 1, at)
    assert (int(arranged.late[0]), int(arranged.position[-1])) == (100, 0)


@pytest.mark.parametrize(
    ("at", "chain"),
    [
        ([3, 5, 3, 4], [0, 2, 3]),
        ([5, 3, 5, 3, 3, 4, 4, 4], [1, 3, 4, 5, 6, 7]),
        ([9, 8, 7], [2]),
        ([1, 9, 2, 2, 3], [0, 2, 3, 4]),
    ],
)
def test_rows_of_one_moment_belong_together(at: list[int], chain: list[int]) -> None:
    """A chain may hold any number of rows that happened at once."""
    arranged = arrange(np.zeros(len(at), dtype=np.int32), 1, np.array(at))
    assert arranged.position[: arranged.late[0]].tolist() == chain

"""Splits: which decisions train, which validate and which are held out, by time and with an embargo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.core.rng import seed_for
from setpoint.core.times import iso, spell
from setpoint.data.arrays import NULL_TIME

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """The decisions of each side, as rising indices; those that fall into an embargo are on none.

    `validation_start` and `held_out_start` are the times at which those sides begin, NULL_TIME in a random split.
    """

    train: Ints
    validation: Ints
    held_out: Ints
    validation_start: int
    held_out_start: int
    embargoed: int


def split_by_time(
    at: Ints,
    embargo: int,
    *,
    held_out_share: float = 0.25,
    validation_share: float = 0.15,
    start: int | None = None,
) -> Split:
    """The newest decisions are held out, the newest of the others validate, the rest trains.

    What is held out begins at `start`, or at the time from which on `held_out_share` of the decisions lie; decisions
    of one time are never parted. A decision stays on an earlier side only when its label has settled, `embargo` after
    it, before the later side begins: no outcome that one side learns from happens during another.

    >>> split = split_by_time(np.arange(10), 2, held_out_share=0.3, validation_share=0.2)
    >>> split.train.tolist(), split.validation.tolist(), split.held_out.tolist()
    ([0, 1], [4], [7, 8, 9])
    """
    _check_shares(held_out_share, validation_share)
    begins = _newest(at, held_out_share) if start is None else start
    held_out = np.flatnonzero(at >= begins)
    before = np.flatnonzero(at + embargo < begins)
    _need("held out", held_out, f"at or after {iso(begins)}")
    _need("left to train on", before, f"settled ({spell(embargo)} after the decision) before {iso(begins)}")
    turns = begins
    validation = before[:0]
    train = before
    if validation_share > 0:
        turns = _newest(at[before], validation_share)
        validation = before[at[before] >= turns]
        train = before[at[before] + embargo < turns]
        _need("left to train on", train, f"settled ({spell(embargo)} after the decision) before {iso(turns)}")
    used = held_out.size + validation.size + train.size
    return Split(train, validation, held_out, int(turns), int(begins), int(at.size - used))


def split_at_random(size: int, *, held_out_share: float = 0.25, validation_share: float = 0.15, seed: int) -> Split:
    """A split that ignores time: only good for showing how much it flatters a model that lives in time.

    >>> split = split_at_random(100, held_out_share=0.3, validation_share=0.2, seed=1)
    >>> split.train.size, split.validation.size, split.held_out.size
    (56, 14, 30)
    """
    _check_shares(held_out_share, validation_share)
    order = np.random.default_rng(seed_for(seed, "split at random")).permutation(size)
    held_out = round(size * held_out_share)
    validation = round((size - held_out) * validation_share)
    parts = np.split(order, [held_out, held_out + validation])
    for name, part in (("held out", parts[0]), ("left to train on", parts[2])):
        _need(name, part, f"out of {size}")
    return Split(np.sort(parts[2]), np.sort(parts[1]), np.sort(parts[0]), NULL_TIME, NULL_TIME, 0)


def _newest(at: Ints, share: float) -> int:
    """The time from which on a share of the decisions lie, rounded down to whole decisions but at least one."""
    if at.size == 0:
        raise DataError("There is no decision to split.", expected="at least two, at different times")
    place = at.size - max(1, int(at.size * share))
    return int(np.partition(at, place)[place])


def _check_shares(held_out: float, validation: float) -> None:
    if not 0 < held_out < 1:
        raise DataError(f"held_out_share is {held_out}.", expected="more than 0 and less than 1")
    if not 0 <= validation < 1:
        raise DataError(f"validation_share is {validation}.", expected="0 or more and less than 1")


def _need(what: str, side: Ints, where: str) -> None:
    if side.size == 0:
        raise DataError(
            f"No decision is {what}: none is {where}.",
            expected="at least one",
            hint="Take a longer history, a shorter label or another share.",
        )

"""Blobs: what compiled code writes is what the definition says, and what is broken is told."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

import setpoint as sp
from setpoint.core.errors import DataError
from setpoint.core.times import DAY, HOUR, MINUTE
from setpoint.declare.expr import Aggregate, Expr
from setpoint.features.needs import Fold
from setpoint.features.online_batch import Added
from setpoint.features.online_feed import merged
from setpoint.features.online_groups import Group
from setpoint.features.online_keys import Spelling
from setpoint.features.shape import Shape
from setpoint.features.state import OVERFLOW
from setpoint.features.state_fold import FoldPlan, fold
from tests.unit.features.plain_blobs import blob_of, rows_of
from tests.unit.features.small import buys

WINDOWS = ("1h", "1d", "7d", None)
KINDS = {
    "count": lambda last: sp.count(buys, by="user", last=last),
    "var": lambda last: sp.var(buys.price, by="user", last=last, decimals=2),
    "min": lambda last: sp.min(buys.price, by="user", last=last),
    "max": lambda last: sp.max(buys.due, by="user", last=last, where=buys.paid),
    "first": lambda last: sp.first(buys.shop, by="user", last=last),
    "last": lambda last: sp.last(buys.price, by="user", last=last),
    "latest": lambda last: sp.latest(buys.shop, by="user", ttl=last),
    "distinct": lambda last: sp.distinct(buys.shop, by="user", last=last, cap=4),
    "top": lambda last: sp.top(buys.shop, by="user", last=last, cap=5),
    "quantile": lambda last: sp.quantile(buys.price, by="user", last=last, q=0.5),
}


def group_of(*exprs: Expr) -> Group:
    """The group of these aggregates."""
    kinds = {"price": "number", "due": "time", "shop": "text"}
    folds = []
    for expr in exprs:
        assert isinstance(expr, Aggregate)
        kind = "number" if expr.column is None else kinds[str(expr.column).split(".")[1]]
        folds.append(Fold(expr, kind, expr.decimals or 0))
    return Group("test", Shape(("user",), folds), Spelling(1))


def some(group: Group, *, rows: int, seed: int, days: float = 12.0) -> Added:
    """Rows over some days: most known at once, others later, some before they happen; few different values."""
    rng = np.random.default_rng(seed)
    steps = rng.choice([1, MINUTE, 6 * HOUR], rows)
    at = rng.integers(0, int(days * DAY), rows) // steps * steps
    late = rng.choice([0, 0, 0, -HOUR, HOUR, 2 * DAY], rows)
    truths = (rng.random((len(group.shape.truths), rows)) < 0.8).astype(np.uint8)
    truths |= truths.any(axis=0)  # what any of them makes true, the last one is
    values = rng.integers(-5, 9, (len(group.shape.values), rows)) * rng.choice([1, 2**40], rows)
    return Added(at, at + late, np.arange(rows), truths, values)


def part(added: Added, rows: np.ndarray) -> Added:
    """Some of the rows."""
    return Added(
        added.at[rows], added.known_at[rows], added.position[rows], added.truths[:, rows], added.values[:, rows]
    )


def blob(group: Group, batches: Sequence[Added]) -> bytes:
    """The blob of one key after these batches."""
    found: bytes | None = None
    for added in batches:
        ((_, _, found),) = merged(added, group, np.zeros(added.at.size, dtype=np.int64), ["k"], [found])
    assert found is not None
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_a_blob_is_what_the_definition_says(kind: str, seed: int) -> None:
    """Whatever the order and the batches, each word of the blob is that of the plain definition."""
    group = group_of(*[KINDS[kind](last) for last in WINDOWS])
    added, rng = some(group, rows=200, seed=seed), np.random.default_rng(seed)
    wanted = blob_of(group.shape, rows_of(added))
    assert blob(group, [added]) == wanted
    batches = [part(added, np.sort(rows)) for rows in np.array_split(rng.permutation(200), 17)]
    assert blob(group, batches) == wanted


@pytest.mark.parametrize("seed", range(3))
def test_kinds_of_other_windows_share_a_blob(seed: int) -> None:
    """Folds of several kinds, each over windows of its own, exact and by the calendar too."""
    day = sp.calendar("day", zone="Europe/Berlin", count=3)
    group = group_of(
        sp.count(buys, by="user", last="90m", hop="exact"),
        sp.sum(buys.price, by="user", last=day, decimals=2),
        sp.mean(buys.price, by="user", last="50h", hop="7h", decimals=0),
        sp.min(buys.due, by="user", last="9d", hop="1d"),
        sp.last(buys.shop, by="user", last="1d"),
        sp.latest(buys.price, by="user"),
        sp.distinct(buys.price, by="user", last=day, cap=3),
        sp.top(buys.price, by="user", rank=2, last="3d"),
    )
    added = some(group, rows=300, seed=seed)
    batches = [part(added, rows) for rows in np.array_split(np.arange(300), 30)]
    assert blob(group, batches) == blob_of(group.shape, rows_of(added))


@pytest.mark.parametrize("seed", range(3))
def test_a_shorter_window_may_reach_further(seed: int) -> None:
    """With a wide hop the far edge of a window can lie before that of a longer one."""
    group = group_of(
        sp.count(buys, by="user", last="10h", hop="10h"),
        sp.sum(buys.price, by="user", last="11h", hop="exact", decimals=0),
        sp.distinct(buys.shop, by="user", last="10h", hop="10h", cap=4),
        sp.distinct(buys.shop, by="user", last="19h", hop="2h", cap=4),
    )
    added = some(group, rows=300, seed=seed, days=3)
    batches = [part(added, rows) for rows in np.array_split(np.arange(300), 100)]
    assert blob(group, batches) == blob_of(group.shape, rows_of(added))


def test_tiles_get_wider_with_age() -> None:
    """A row stands by itself until a later one is known, then in ever wider tiles, until no window has it."""
    group = group_of(*[sp.count(buys, by="user", last=last) for last in ("1h", "1d", "30d")])
    found = []
    for later in (0, 1, HOUR, DAY, 31 * DAY):
        at = np.array([100 * DAY + 7 * HOUR + 11 * MINUTE + 13_000_001, 0])
        at[1] = at[0] + later
        ones = np.ones((1, 2), dtype=np.uint8)
        words = np.frombuffer(blob(group, [Added(at, at, np.arange(2), ones, np.empty((0, 2), np.int64))]), np.int64)
        found.append([(begin - int(at[0])) / 1e6 for begin in words[3::2].tolist()])
    assert found == [
        [0.0],
        [-13.000001, 1e-06],
        [-13.000001, 3600.0],
        [-73.000001, 86400.0],
        [2678400.0],
    ]


def test_a_blob_that_is_none_is_told() -> None:
    """A blob of another version, cut off or mixed up raises DataError instead of giving wrong values."""
    group = group_of(sp.count(buys, by="user", last="1h"))
    added = some(group, rows=5, seed=0)
    good = blob(group, [added])
    bad = [b"\0" * len(good), good[:-8], good + bytes(8), good[:16] + b"\xff" * 8 + good[24:]]
    for broken in bad:
        with pytest.raises(DataError, match="not what was written"):
            merged(added, group, np.zeros(5, dtype=np.int64), ["k"], [broken])


def test_squares_beyond_127_bits_name_their_column() -> None:
    """A sum of squares that no longer fits is an error, and not another number."""
    group = group_of(sp.std(buys.price, by="user", decimals=0))
    added = Added(*[np.arange(3)] * 3, np.ones((1, 3), np.uint8), np.full((1, 3), 2**53 - 1))
    words = np.frombuffer(blob(group, [added]), np.int64).copy()
    words[7:9] = 2**62 - 1, -1  # as much as fits, in the oldest entry
    with pytest.raises(DataError, match=r"squares of buys\.price leaves 127 bits"):
        merged(added, group, np.zeros(3, dtype=np.int64), ["k"], [words.tobytes()])
    plan, out = FoldPlan([(group.shape, list(group.shape.places))]), np.empty((1, 1))
    assert fold(plan.numbers, plan.starts(9), words, np.zeros(1, np.int64), 9, out, np.empty(0, np.int64)) == OVERFLOW

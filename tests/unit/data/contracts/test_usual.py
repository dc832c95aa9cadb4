"""What is usual of a source: bounds that its future keeps, and that an outage or a flood does not."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.core.times import DAY, HOUR
from setpoint.data.contracts.contract import infer_contract
from setpoint.data.contracts.source_rules import MONDAY, source_breaches
from setpoint.data.contracts.suggest import suggest_contract
from setpoint.data.contracts.usual import usual_age, usual_volume
from setpoint.data.rows import AT, KNOWN_AT
from setpoint.declare.contract import Fresh, Volume
from setpoint.declare.source import info

SALES = sp.events("sales", "sales.parquet", at="ts", delay="0s")
START = MONDAY + 1000 * 7 * DAY
PAST, FUTURE = 100, 200
"""Days of history, and days in which false alarms are counted."""

Ints = npt.NDArray[np.int64]
Rate = Callable[[Ints], npt.NDArray[np.float64]]


def steady(at: Ints) -> npt.NDArray[np.float64]:
    """The same at all times."""
    return np.full(at.size, 0.5)


def office(at: Ints) -> npt.NDArray[np.float64]:
    """From nine to five on working days, and never else."""
    day, hour = (at - MONDAY) // DAY % 7, at % DAY // HOUR
    return np.where((day < 5) & (hour >= 9) & (hour < 17), 0.5, 0.0)


def uneven(at: Ints) -> npt.NDArray[np.float64]:
    """Days that differ by more than chance: a gamma factor of variance 0.05 (negative binomial counts)."""
    factor = np.random.default_rng(1).gamma(20, 1 / 20, PAST + FUTURE)
    return np.minimum(0.5 * factor[(at - START) // DAY], 1.0)


def happened(rate: Rate, *, per_day: int, seed: int) -> Ints:
    """When rows happen: a Poisson process, thinned to a rate that changes with time."""
    rng, days = np.random.default_rng(seed), PAST + FUTURE
    at = np.sort(START + rng.integers(0, days * DAY, rng.poisson(2 * per_day * days)))
    return at[rng.random(at.size) < rate(at)]


def known(at: Ints) -> pa.Table:
    """Rows that are known at once."""
    return pa.table({AT: at, KNOWN_AT: at})


def upto(at: Ints, now: int) -> pa.Table:
    """The rows known by a time."""
    return known(at[at <= now])


def now_of(at: Ints) -> int:
    """The end of the past: just after its last row."""
    return int(at[at <= START + PAST * DAY][-1]) + 1


@pytest.mark.parametrize("rate", [steady, office, uneven])
@pytest.mark.parametrize("per_day", [40, 1000])
def test_the_future_seldom_breaks_what_was_usual(rate: Rate, per_day: int) -> None:
    """By simulation over five histories: less than one false alarm in five months of either rule."""
    alarms = months = 0.0
    for seed in range(5):
        at = happened(rate, per_day=per_day, seed=seed)
        volume, fresh = (find(info(SALES), known(at), now_of(at)) for find in (usual_volume, usual_age))
        assert isinstance(volume, Volume)
        assert isinstance(fresh, Fresh)
        later = at[at > now_of(at)]
        stretch = (later - MONDAY) // volume.every
        counts = np.bincount(stretch - stretch[0])[1:-1]
        alarms += int(((counts < (volume.at_least or 0)) | (counts > (volume.at_most or 0))).sum())
        alarms += int((np.diff(later) > fresh.limit).sum())
        months += 2 * FUTURE / 30
    assert alarms / months < 0.2


def test_the_bounds_are_tukeys_outer_fences_on_anscombes_scale() -> None:
    """Worked out again by the book from the counts of whole days, with the quartiles of the standard library."""
    counts = np.random.default_rng(4).poisson(30, 61)
    at = START + np.repeat(np.arange(61), counts) * DAY  # all of a day in its first hour
    found = usual_volume(info(SALES), known(at), START + 61 * DAY)
    scaled = [2 * (int(count) + 3 / 8) ** 0.5 for count in counts]
    lower, _, upper = statistics.quantiles(scaled, n=4, method="inclusive")
    room = 3 * max(upper - lower, 1.349)
    least, most = (((each / 2) ** 2 - 3 / 8) for each in (max(lower - room, 0), upper + room))
    assert found == Volume(DAY, int(least), int(most) + 1)


def test_a_rhythm_is_judged_over_stretches_that_hold_it() -> None:
    """What comes all day is judged by the hour, what comes in the hours of an office by the week."""
    for rate, every in ((steady, HOUR), (office, 7 * DAY)):
        at = happened(rate, per_day=1000, seed=2)
        found = usual_volume(info(SALES), known(at), now_of(at))
        assert found is not None
        assert found.every == every


def test_an_outage_in_the_past_moves_no_bound() -> None:
    """Quartiles do not see a day without rows; the bounds then find the next one."""
    at = happened(steady, per_day=1000, seed=3)
    now = now_of(at)
    whole = at[at <= now]
    holed = whole[(whole < START + 50 * DAY) | (whole >= START + 50 * DAY + 6 * HOUR)]
    for history in (whole, holed):
        volume, fresh = usual_volume(info(SALES), known(history), now), usual_age(info(SALES), known(history), now)
        assert volume is not None
        assert fresh is not None
        assert abs((volume.at_least or 0) - 15) < 5
        later = now + DAY
        assert {
            each.kind for each in source_breaches(info(SALES), [volume, fresh], known(history), later, after=now)
        } == {
            "not fresh",
            "amount of rows",
        }


def test_nothing_is_said_of_a_source_that_is_no_longer_fed() -> None:
    """A file of years ago breaks any rule of freshness or volume now, so none is proposed."""
    at = happened(steady, per_day=1000, seed=5)
    later = now_of(at) + 365 * DAY
    assert usual_volume(info(SALES), upto(at, now_of(at)), later) is None
    assert usual_age(info(SALES), upto(at, now_of(at)), later) is None


def test_little_history_and_tables_say_nothing() -> None:
    """Four weeks are the least; rows of a table have no pace, and neither have none."""
    at = happened(steady, per_day=1000, seed=6)
    few = upto(at, START + 20 * DAY)
    users = sp.table("users", "users.parquet", key="id", valid_from="since")
    for find in (usual_volume, usual_age):
        assert find(info(SALES), known(at[:0]), START) is None
        assert find(info(users), known(at), now_of(at)) is None
    assert usual_age(info(SALES), few, int(few[AT][-1].as_py())) is None


def test_what_is_usual_is_proposed_beside_what_is_stated() -> None:
    """As lines to paste, each unless a rule of its kind is there."""
    at = happened(steady, per_day=1000, seed=2)
    now = now_of(at)
    raw = pa.table({"ts": pa.array(at[at <= now], pa.timestamp("us", tz="UTC"))})
    rows = {
        "sales": pa.concat_tables([raw]).append_column(AT, [at[at <= now]]).append_column(KNOWN_AT, [at[at <= now]])
    }
    contract = infer_contract(info(SALES), raw)

    def lines(*stated: Fresh | Volume, now: int | None = now) -> list[str]:
        given = sp.contract(SALES, *stated)
        return suggest_contract(contract, given, rows, {"sales": SALES}, now=now).splitlines()[2:-2]

    found = lines()
    assert [line.strip().split("(")[0] for line in found] == ["sp.fresh", "sp.volume"]
    assert lines(now=None) == []
    assert lines(sp.fresh("9d"))[1:] == found[1:]
    assert lines(sp.fresh("9d"), sp.volume(every="1d", at_least=1))[2:] == []

"""A declared sample, drawn from a table."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from setpoint.core.errors import DeclarationError, NaiveTime, NameUnknown, WrongType
from setpoint.core.times import DAY
from setpoint.data.samples.draw import draw
from setpoint.data.samples.groups import by_group
from setpoint.data.samples.sample import Sample, simple
from setpoint.data.samples.strata import by_time, newest, stratified
from setpoint.data.samples.weighted import pps, weighted
from setpoint.declare import sample as declared
from setpoint.declare.sample import Sampling

RNG = np.random.default_rng(1)
AT = np.sort(RNG.integers(0, 9 * DAY, 500))
COUNTRY = RNG.choice(["at", "ch", "de"], 500)
TOTAL = RNG.random(500) + 0.1
ROWS = pa.table({"__at": AT, "country": COUNTRY, "total": TOTAL, "user": np.arange(500) // 5})
SAME: list[tuple[Sampling, Sample]] = [
    (declared.simple(20), simple(500, 20, seed=7)),
    (declared.stratified(20, by="country"), stratified(COUNTRY, 20, seed=7)),
    (
        declared.stratified(20, by="country", allocation="neyman", spread="total"),
        stratified(COUNTRY, 20, allocation="neyman", spread=TOTAL, seed=7),
    ),
    (declared.weighted(20, by="total"), weighted(TOTAL, 20, seed=7)),
    (declared.pps(20, by="total"), pps(TOTAL, 20, seed=7)),
    (declared.by_time(20), by_time(AT, 20, seed=7)),
    (declared.newest(20), newest(AT, 20, seed=7)),
    (declared.newest(20, half_life="3d"), newest(AT, 20, half_life="3d", seed=7)),
    (declared.by_group(20, by="user", rows_each=2), by_group(np.arange(500) // 5, 20, rows_each=2, seed=7)),
]


@pytest.mark.parametrize(("sampling", "expected"), SAME, ids=lambda value: getattr(value, "kind", ""))
def test_what_is_declared_is_drawn(sampling: Sampling, expected: Sample) -> None:
    """A declaration draws what the function of its kind draws with the same seed."""
    assert draw(sampling, ROWS, seed=7).digest == expected.digest


def test_several_columns_make_the_strata_together() -> None:
    """Each level of one column with each of the other is a stratum, NULL among them."""
    rows = pa.table({"a": ["x", "x", None, None] * 5, "b": [1, 2] * 10})
    strata = draw(declared.stratified(8, by=["a", "b"], allocation="equal"), rows, seed=1).frame.details["strata"]
    assert strata == {"a='x', b=1": [5, 2], "a='x', b=2": [5, 2], "a=None, b=1": [5, 2], "a=None, b=2": [5, 2]}


def test_times_may_be_timestamps_with_a_zone() -> None:
    """A timestamp column is read as the microseconds that it is; one without a zone names no instant."""
    rows = pa.table(
        {"ts": pa.array(AT, pa.timestamp("us", tz="Europe/Vienna")), "naive": pa.array(AT, pa.timestamp("us"))}
    )
    assert draw(declared.by_time(20), rows, at="ts", seed=7).digest == by_time(AT, 20, seed=7).digest
    with pytest.raises(NaiveTime, match="'naive'"):
        draw(declared.by_time(20), rows, at="naive", seed=7)


def test_a_column_that_is_not_there_is_named() -> None:
    """The closest column is suggested, and a column of the wrong kind refused."""
    with pytest.raises(NameUnknown, match="Did you mean 'country'"):
        draw(declared.stratified(20, by="county"), ROWS, seed=1)
    with pytest.raises(WrongType, match="'country' holds string"):
        draw(declared.weighted(20, by="country"), ROWS, seed=1)
    with pytest.raises(WrongType, match="'total' holds double"):
        draw(declared.newest(20), ROWS, at="total", seed=1)


def test_a_declaration_is_data() -> None:
    """It says only what belongs to its kind."""
    told = declared.stratified(9, by="country", allocation="neyman", spread="total").to_dict()
    assert told == {"kind": "stratified", "n": 9, "by": ["country"], "allocation": "neyman", "spread": "total"}
    assert declared.by_time(9, every="2h").to_dict() == {"kind": "time", "n": 9, "every": 7_200_000_000}


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: declared.simple(0),
        lambda: declared.simple(True),
        lambda: declared.simple(2.5),  # type: ignore[arg-type]
        lambda: declared.stratified(5, by=""),
        lambda: declared.stratified(5, by=["a", "a"]),
        lambda: declared.stratified(5, by="a", allocation="neyman"),
        lambda: declared.stratified(5, by="a", spread="total"),
        lambda: declared.stratified(5, by="a", allocation="best"),  # type: ignore[arg-type]
        lambda: declared.newest(5, half_life="0d"),
        lambda: declared.by_time(5, every="soon"),
        lambda: declared.by_group(5, by="a", rows_each=0),
    ],
)
def test_a_sample_that_means_nothing_is_refused_when_it_is_declared(wrong: object) -> None:
    """Counts below one, no columns, a spread without Neyman: errors before anything runs."""
    with pytest.raises(DeclarationError):
        wrong()  # type: ignore[operator]

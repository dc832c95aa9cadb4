"""The tables of the flights example hold what happened, told in instants."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from setpoint.core.errors import NameUnknown
from setpoint.examples import example_folder

MINUTE = timedelta(minutes=1)


def read(name: str) -> pa.Table:
    """A table of the example."""
    return pq.read_table(example_folder("flights") / "data" / f"{name}.parquet")


@pytest.fixture(scope="module")
def flights() -> pa.Table:
    """The flights of the year."""
    return read("flights")


def row(flights: pa.Table, flight_id: str) -> dict[str, Any]:
    """The row of one flight."""
    (found,) = flights.filter(pc.field("flight_id") == flight_id).to_pylist()
    assert isinstance(found, dict)
    return found


def local(moment: datetime, zone: str) -> str:
    """A moment as the clock of a zone shows it."""
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def minutes_between(earlier: pa.ChunkedArray, later: pa.ChunkedArray) -> np.ndarray[Any, Any]:
    """How many minutes lie between the times of two columns."""
    return np.asarray(pc.minutes_between(earlier, later).to_numpy())


def test_the_first_flight_of_the_year_is_told_in_utc(flights: pa.Table) -> None:
    """UA 1545 left Newark at 5:17 and landed in Houston at 8:30, each by the clock of its place."""
    assert flights.slice(0, 1).to_pylist() == [
        {
            "flight_id": "UA1545-EWR-20130101T1015Z",
            "sched_dep": datetime(2013, 1, 1, 10, 15, tzinfo=UTC),
            "sched_arr": datetime(2013, 1, 1, 14, 19, tzinfo=UTC),
            "carrier": "UA",
            "flight": 1545,
            "tailnum": "N14228",
            "origin": "EWR",
            "dest": "IAH",
            "distance": 1400,
            "departed_at": datetime(2013, 1, 1, 10, 17, tzinfo=UTC),
            "dep_delay": 2,
            "landed_at": datetime(2013, 1, 1, 14, 30, tzinfo=UTC),
            "arr_delay": 11,
            "air_time": 227,
        }
    ]


# Departure by the clock of New York and arrival by the clock of the destination, as the CSV file tells them.
KNOWN = {
    "second of the year": ("UA1714-LGA-20130101T1029Z", "America/Chicago", "01-01 05:33", "01-01 08:50"),
    "over midnight": ("DL412-JFK-20140101T0459Z", "America/Puerto_Rico", "01-01 00:18", "01-01 04:49"),
    "before the change in March": (
        "AA185-JFK-20130310T0235Z",
        "America/Los_Angeles",
        "03-09 21:34",
        "03-10 00:51",
    ),
    "after the change in March": (
        "UA258-EWR-20130310T0915Z",
        "America/Chicago",
        "03-10 05:12",
        "03-10 07:42",
    ),
    "before the change in November": (
        "B665-JFK-20131103T0000Z",
        "America/Denver",
        "11-02 19:53",
        "11-02 22:36",
    ),
    "after the change in November": (
        "UA322-EWR-20131103T1020Z",
        "America/Chicago",
        "11-03 05:19",
        "11-03 07:51",
    ),
    "San Juan": ("B6709-JFK-20130101T1115Z", "America/Puerto_Rico", "01-01 06:15", "01-01 10:39"),
    "Aguadilla": ("B6725-JFK-20130101T1045Z", "America/Puerto_Rico", "01-01 05:44", "01-01 10:04"),
    "St Thomas": ("AA655-JFK-20130101T1310Z", "America/St_Thomas", "01-01 09:09", "01-01 13:31"),
    "Honolulu": ("HA51-JFK-20130101T1400Z", "Pacific/Honolulu", "01-01 08:57", "01-01 15:16"),
}


@pytest.mark.parametrize("case", KNOWN)
def test_both_airports_clocks_show_the_reported_times(flights: pa.Table, case: str) -> None:
    """Departure and landing are instants that the clocks of the two places show as reported."""
    flight_id, zone, departed, landed = KNOWN[case]
    flight = row(flights, flight_id)
    assert local(flight["departed_at"], "America/New_York")[5:] == departed
    assert local(flight["landed_at"], zone)[5:] == landed


def test_a_flight_over_the_change_in_march_lands_at_an_hour_that_exists(flights: pa.Table) -> None:
    """B6 35 landed at 3:03 daylight time; the reported 2:03 is in the hour that the clocks left out."""
    flight = row(flights, "B635-JFK-20130310T0245Z")
    assert local(flight["landed_at"], "America/New_York") == "2013-03-10 03:03"
    assert flight["landed_at"] - flight["departed_at"] == timedelta(minutes=177)


def test_a_cancelled_flight_never_departed_and_never_landed(flights: pa.Table) -> None:
    """What never happened is null; the schedule stays."""
    flight = row(flights, "B6125-JFK-20130101T1100Z")
    assert flight["tailnum"] == "N618JB"
    assert later_facts(flight) == dict.fromkeys(LATER)


def test_a_diverted_flight_departed_and_has_no_landing(flights: pa.Table) -> None:
    """MQ 4525 left five minutes early and never reached its destination."""
    flight = row(flights, "MQ4525-LGA-20130101T2030Z")
    assert later_facts(flight) == {
        **dict.fromkeys(LATER),
        "departed_at": flight["sched_dep"] - 5 * MINUTE,
        "dep_delay": -5,
    }


LATER = ("departed_at", "dep_delay", "landed_at", "arr_delay", "air_time")


def later_facts(flight: Mapping[str, Any]) -> dict[str, Any]:
    """What became known of a flight after its departure was scheduled."""
    return {name: flight[name] for name in LATER}


def test_nothing_is_lost(flights: pa.Table) -> None:
    """Every scheduled flight of the year is there once, and so is every fact about it."""
    counts = {name: flights.num_rows - flights[name].null_count for name in (*LATER, "tailnum")}
    assert flights.num_rows == 336_776
    assert pc.count_distinct(flights["flight_id"]).as_py() == 336_776
    assert counts == {
        "departed_at": 328_521,
        "dep_delay": 328_521,
        "landed_at": 327_346,
        "arr_delay": 327_346,
        "air_time": 327_346,
        "tailnum": 334_264,
    }


def test_tables_are_in_the_order_of_their_time(flights: pa.Table) -> None:
    """Flights come in the order of their schedule and weather in the order of its observation."""
    for times in (flights["sched_dep"], read("weather")["observed_at"]):
        assert times.type == pa.timestamp("us", tz="UTC")
        assert (np.diff(times.cast(pa.int64()).to_numpy()) >= 0).all()


def test_delays_are_the_difference_between_schedule_and_fact(flights: pa.Table) -> None:
    """departed_at and landed_at lie their delay after the schedule, without exception."""
    for schedule, fact, delay in (
        ("sched_dep", "departed_at", "dep_delay"),
        ("sched_arr", "landed_at", "arr_delay"),
    ):
        known = flights.filter(pc.is_valid(flights[fact]))
        assert (minutes_between(known[schedule], known[fact]) == known[delay].to_numpy()).all()


def test_every_flight_takes_a_plausible_time(flights: pa.Table) -> None:
    """A wrong zone or day would show as an hour, or a day, too much or too little on the ground."""
    scheduled = minutes_between(flights["sched_dep"], flights["sched_arr"])
    landed = flights.filter(pc.is_valid(flights["landed_at"]))
    ground = minutes_between(landed["departed_at"], landed["landed_at"]) - landed["air_time"].to_numpy()
    medians = {
        dest: float(np.median(ground[np.asarray(pc.equal(landed["dest"], dest))]))
        for dest in pc.unique(landed["dest"]).to_pylist()
    }
    assert (scheduled.min(), scheduled.max()) == (50, 700)
    assert (ground.min(), ground.max()) == (5, 235)
    assert 20 <= min(medians.values()) <= max(medians.values()) <= 37


def test_honolulu_is_ten_and_a_half_hours_away_or_more(flights: pa.Table) -> None:
    """The longest route crosses up to six hours of clocks and still has one plausible duration."""
    honolulu = flights.filter(pc.field("dest") == "HNL")
    took = minutes_between(honolulu["sched_dep"], honolulu["sched_arr"])
    assert honolulu.num_rows == 707
    assert (took.min(), took.max()) == (630, 700)


def test_weather_tells_the_repeated_hour_of_november_apart() -> None:
    """The two hours that New York called 1 o'clock on 3 November are two rows, an hour apart."""
    weather = read("weather")
    night = weather.filter(
        (pc.field("origin") == "JFK")
        & (pc.field("observed_at") >= datetime(2013, 11, 3, 5, tzinfo=UTC))
        & (pc.field("observed_at") <= datetime(2013, 11, 3, 7, tzinfo=UTC))
    )
    clocks = [local(moment, "America/New_York")[11:] for moment in night["observed_at"].to_pylist()]
    keys = weather.select(["origin", "observed_at"]).group_by(["origin", "observed_at"]).aggregate([])
    assert clocks == ["01:00", "01:00", "02:00"]
    assert night["temp"].to_pylist() == [53.96, 51.98, 51.08]
    assert weather.num_rows == keys.num_rows == 26_115


def test_every_airport_carrier_and_origin_is_known(flights: pa.Table) -> None:
    """Each flight finds its airports, with a zone, and its airline; 85 % of the tails find their plane."""
    airports, planes = read("airports"), read("planes")
    zones = dict(zip(airports["faa"].to_pylist(), airports["zone"].to_pylist(), strict=True))
    tails = flights["tailnum"].drop_null()
    registered = pc.mean(pc.is_in(tails, value_set=planes["tailnum"].combine_chunks())).as_py()
    assert len(zones) == airports.num_rows == 1_462
    assert all(ZoneInfo(zone) for zone in zones.values())
    assert set(pc.unique(flights["dest"]).to_pylist()) <= set(zones)
    assert set(pc.unique(flights["origin"]).to_pylist()) == {"EWR", "JFK", "LGA"}
    assert set(pc.unique(flights["carrier"]).to_pylist()) == set(read("airlines")["carrier"].to_pylist())
    assert registered == pytest.approx(0.850, abs=0.001)


def test_an_unknown_example_is_answered_with_the_known_ones() -> None:
    """The error for a name that no example has suggests a close one."""
    with pytest.raises(NameUnknown, match="Did you mean 'flights'"):
        example_folder("flight")

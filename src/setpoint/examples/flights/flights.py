"""Which flights out of New York will arrive late? Decided two hours before departure, in time to warn passengers."""

import setpoint as sp

FILE, ZONE = "data/flights.parquet", "America/New_York"
flights = sp.events("flights", FILE, key="flight_id", at="sched_dep")
schedule = sp.events("schedule", FILE, id="flight_id", at="sched_dep", delay="0s", columns=["carrier", "origin"])
departures = sp.events(
    "departures", FILE, id="flight_id", at="departed_at", delay="0s", null_at="skip",
    columns=["carrier", "origin", "tailnum", "sched_dep", "sched_arr", "dep_delay"],  # all that is known at take-off
)  # fmt: skip
arrivals = sp.events("arrivals", FILE, id="flight_id", at="landed_at", delay="0s", null_at="skip")
weather = sp.events("weather", "data/weather.parquet", at="observed_at", delay="1h", expect={"wind_speed": (0, 120)})
planes = sp.table("planes", "data/planes.parquet", key="tailnum", valid_from=sp.always)

leaves, late, left_late = sp.field("sched_dep"), arrivals.arr_delay > 15, departures.dep_delay > 15
minutes = (sp.field("sched_arr") - leaves) / 60
made_up = arrivals.arr_delay - arrivals.dep_delay
plane_left = sp.last(departures.departed_at, by="tailnum", last="1d")
plane_flies = sp.last(departures.sched_arr - departures.sched_dep, by="tailnum", last="1d") / 60


def overdue(by: str | list[str], last: str) -> sp.Expr:
    """How many flights should have left by now and have not."""
    return sp.count(schedule, by=by, last=last) - sp.count(departures, by=by, last=last)


system = sp.System(
    "flights",
    decide=sp.decide(
        flights,
        fields=["carrier", "flight", "tailnum", "origin", "dest", "sched_dep", "sched_arr"],
        at=flights.sched_dep - "2h",
    ),
    features=dict(
        carrier=sp.field("carrier"),
        origin=sp.field("origin"),
        dest=sp.field("dest"),
        hour=leaves.hour(zone=ZONE),
        weekday=leaves.weekday(zone=ZONE),
        minutes=minutes,
        spare_route_1d=minutes - sp.mean(arrivals.air_time, by=["origin", "dest"], last="1d"),
        spare_dest_6h=minutes - sp.mean(arrivals.air_time, by="dest", last="6h"),
        built=planes.year,
        seats=planes.seats,
        temp=sp.last(weather.temp, by="origin", last="1d"),
        dewp=sp.last(weather.dewp, by="origin", last="1d"),
        wind_dir=sp.last(weather.wind_dir, by="origin", last="1d"),
        wind_speed=sp.last(weather.wind_speed, by="origin", last="1d"),
        visib=sp.last(weather.visib, by="origin", last="1d"),
        precip=sp.last(weather.precip, by="origin", last="1d"),
        pressure=sp.last(weather.pressure, by="origin", last="1d"),
        pressure_change=sp.feature("pressure") - sp.mean(weather.pressure, by="origin", last="12h"),
        left_late_2h=sp.mean(left_late, by=[], last="2h"),
        left_late_origin_2h=sp.mean(left_late, by="origin", last="2h"),
        dep_delay_hub_2h=sp.mean(departures.dep_delay, by=["carrier", "origin"], last="2h"),
        overdue_6h=overdue([], "6h"),
        overdue_origin_6h=overdue("origin", "6h"),
        overdue_carrier_12h=overdue("carrier", "12h"),
        arr_delay_lane_1d=sp.mean(arrivals.arr_delay, by=["carrier", "dest"], last="1d"),
        arr_delay_hub_1d=sp.mean(arrivals.arr_delay, by=["carrier", "origin"], last="1d"),
        arr_delay_flight_30d=sp.mean(arrivals.arr_delay, by=["carrier", "flight"], last="30d"),
        arr_delay_1d=sp.mean(arrivals.arr_delay, by=[], last="1d"),
        made_up_dest_6h=sp.mean(made_up, by="dest", last="6h"),
        made_up_1d=sp.mean(made_up, by=[], last="1d"),
        made_up_origin_3h=sp.mean(made_up, by="origin", last="3h"),
        arr_delay_plane=sp.last(arrivals.arr_delay, by="tailnum", last="12h"),
        since_plane_left=(sp.now - plane_left) / 60,
        turnaround=(leaves - plane_left) / 60 - 2 * plane_flies,
    ),
    label=sp.label(late, on="flight_id", within="2d", absent="void"),  # a cancelled or diverted flight never arrives
    goal=sp.goal(
        sp.auc(),
        business="minutes of delay warned of, net of false warnings",
        act=sp.act("warn", by="cost"),
        cost=sp.cost(false_positive=20, false_negative=arrivals.arr_delay),
        slices=["origin", "carrier"],
        must=[sp.auc() >= 0.6, sp.ece() <= 0.15, sp.latency(p=99) <= "50ms", sp.size() <= 5],
    ),
    release=sp.release(sp.shadow("7d"), fallback=sp.rule(sp.feature("left_late_2h") > 0.3), refresh="30d", margin=0.02),
)

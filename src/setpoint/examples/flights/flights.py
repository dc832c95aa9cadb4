"""Which flights out of New York will arrive late? Decided two hours before departure, in time to warn passengers."""

import setpoint as sp

FILE, ZONE = "data/flights.parquet", "America/New_York"
flights = sp.events("flights", FILE, key="flight_id", at="sched_dep")
schedule = sp.events("schedule", FILE, id="flight_id", at="sched_dep", delay="0s", columns=["carrier", "origin"])
departures = sp.events(
    "departures",
    FILE,
    id="flight_id",
    at="departed_at",
    delay="0s",
    null_at="skip",
    columns=["carrier", "origin", "tailnum", "dep_delay"],
)
arrivals = sp.events("arrivals", FILE, id="flight_id", at="landed_at", delay="0s", null_at="skip")
weather = sp.events("weather", "data/weather.parquet", at="observed_at", delay="1h", expect={"wind_speed": (0, 120)})
planes = sp.table("planes", "data/planes.parquet", key="tailnum", valid_from=sp.always)

leaves, late, left_late = sp.field("sched_dep"), arrivals.arr_delay > 15, departures.dep_delay > 15
made_up = arrivals.arr_delay - arrivals.dep_delay
minutes = (sp.field("sched_arr") - leaves) / 60

system = sp.System(
    "flights",
    decide=sp.decide(
        flights,
        fields=["carrier", "flight", "tailnum", "origin", "dest", "distance", "sched_dep", "sched_arr"],
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
        seats=planes.seats,
        **{
            name: sp.last(weather[name], by="origin", last="1d")
            for name in ("temp", "dewp", "wind_dir", "wind_speed", "visib", "precip", "pressure")
        },
        pressure_change=sp.feature("pressure") - sp.mean(weather.pressure, by="origin", last="13h"),
        left_late_origin_2h=sp.mean(left_late, by="origin", last="2h"),
        left_late_carrier_2h=sp.mean(left_late, by="carrier", last="2h"),
        left_late_hub_4h=sp.mean(left_late, by=["carrier", "origin"], last="4h"),
        left_late_2h=sp.mean(left_late, by=[], last="2h"),
        dep_delay_hub_2h=sp.mean(departures.dep_delay, by=["carrier", "origin"], last="2h"),
        overdue_6h=sp.count(schedule, by=[], last="6h") - sp.count(departures, by=[], last="6h"),
        overdue_origin_6h=sp.count(schedule, by="origin", last="6h") - sp.count(departures, by="origin", last="6h"),
        left_3h=sp.count(departures, by=[], last="3h") / sp.count(schedule, by=[], last="3h"),
        left_carrier_12h=sp.count(departures, by="carrier", last="12h") / sp.count(schedule, by="carrier", last="12h"),
        arr_delay_lane_1d=sp.mean(arrivals.arr_delay, by=["carrier", "dest"], last="1d"),
        arr_delay_hub_1d=sp.mean(arrivals.arr_delay, by=["carrier", "origin"], last="1d"),
        arr_delay_flight_30d=sp.mean(arrivals.arr_delay, by=["carrier", "flight"], last="30d"),
        late_flight_30d=sp.mean(late, by=["carrier", "flight"], last="30d"),
        arr_delay_1d=sp.mean(arrivals.arr_delay, by=[], last="1d"),
        arr_delay_origin_7d=sp.mean(arrivals.arr_delay, by="origin", last="7d"),
        made_up_dest_6h=sp.mean(made_up, by="dest", last="6h"),
        made_up_lane_1d=sp.mean(made_up, by=["carrier", "dest"], last="1d"),
        made_up_6h=sp.mean(made_up, by=[], last="6h"),
        made_up_1d=sp.mean(made_up, by=[], last="1d"),
        made_up_origin_3h=sp.mean(made_up, by="origin", last="3h"),
        arr_delay_plane=sp.last(arrivals.arr_delay, by="tailnum", last="12h"),
        since_plane_left=sp.now - sp.last(departures.departed_at, by="tailnum", last="3d"),
    ),
    label=sp.label(late, on="flight_id", within="2d", absent="void"),  # a cancelled or diverted flight never arrives
    goal=sp.goal(
        sp.auc(),
        business="minutes of delay warned of, net of false warnings",
        act=sp.act("warn", by="cost"),
        cost=sp.cost(false_positive=20, false_negative=arrivals.arr_delay),
        slices=["origin", "carrier"],
        must=[sp.auc() >= 0.6, sp.ece() <= 0.1, sp.latency(p=99) <= "50ms", sp.size() <= 5],
    ),
    release=sp.release(
        sp.shadow("7d"), fallback=sp.rule(sp.feature("left_late_2h") > 0.3), refresh="30d", margin=0.02
    ),
)

"""Which flights out of New York will arrive late? Decided two hours before departure, in time to warn passengers."""

import setpoint as sp

NEW_YORK = "America/New_York"

flights = sp.events("flights", "data/flights.parquet", key="flight_id", at="sched_dep")
departures = sp.events("departures", "data/flights.parquet", id="flight_id", at="departed_at", delay="0s", null_at="skip")
arrivals = sp.events("arrivals", "data/flights.parquet", id="flight_id", at="landed_at", delay="0s", null_at="skip")
weather = sp.events("weather", "data/weather.parquet", at="observed_at", delay="1h")
planes = sp.table("planes", "data/planes.parquet", key="tailnum", valid_from=sp.always)

scheduled = sp.field("sched_dep")
late = arrivals.arr_delay > 15

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
        distance=sp.field("distance"),
        hour=scheduled.hour(zone=NEW_YORK),
        weekday=scheduled.weekday(zone=NEW_YORK),
        speed=sp.field("distance") / (sp.field("sched_arr") - scheduled),
        temp=sp.last(weather.temp, by="origin", last="6h"),
        wind=sp.last(weather.wind_speed, by="origin", last="6h"),
        visibility=sp.last(weather.visib, by="origin", last="6h"),
        pressure=sp.last(weather.pressure, by="origin", last="6h"),
        rain_6h=sp.sum(weather.precip, by="origin", last="6h"),
        seats=planes.seats,
        plane_year=planes.year,
        late_carrier_30d=sp.mean(late, by="carrier", last="30d"),
        late_route_30d=sp.mean(late, by=["origin", "dest"], last="30d"),
        late_dest_7d=sp.mean(late, by="dest", last="7d"),
        delay_tail_last=sp.last(arrivals.arr_delay, by="tailnum", last="12h"),
        dep_delay_origin_1h=sp.mean(departures.dep_delay, by="origin", last="1h"),
        dep_delay_origin_3h=sp.mean(departures.dep_delay, by="origin", last="3h"),
        departures_origin_1h=sp.count(departures, by="origin", last="1h"),
        worse_now=sp.feature("dep_delay_origin_1h") / sp.feature("dep_delay_origin_3h"),
    ),
    label=sp.label(late, on="flight_id", within="2d", absent="void"),  # cancelled and diverted flights never arrive
    goal=sp.goal(
        sp.auc(),
        business="minutes of delay warned of, net of false warnings",
        act=sp.act("warn", by="cost"),
        cost=sp.cost(false_positive=20, false_negative=arrivals.arr_delay),
        slices=["origin", "carrier"],
        must=[sp.auc() >= 0.6, sp.ece() <= 0.08, sp.latency(p=99) <= "50ms", sp.size() <= 5],
    ),
    release=sp.release(
        sp.shadow("7d"),
        fallback=sp.rule(sp.feature("dep_delay_origin_1h") > 30),
        refresh="30d",
        rollback="14d",
    ),
)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import setpoint as sp
from setpoint.core.errors import DeclarationError, LeakRefused, NameUnknown
from tests.unit.declare.conftest import arrivals

Declare = Callable[..., sp.System]

FILE = "flights.parquet"
same = sp.events("landings", FILE, id="flight_id", at="landed_at", delay="0s", null_at="skip")
early = sp.events("schedule", FILE, id="flight_id", at="sched_dep", delay="0s")
dotted = sp.events("dotted", f"./{FILE}", id="flight_id", at="landed_at", delay="0s", null_at="skip")
pattern = sp.events("pattern", "fl*.parquet", id="flight_id", at="sched_dep", delay="0s")
register = sp.table("register", FILE, key="flight_id", valid_from=sp.always)
routes = sp.table("routes", FILE, key="carrier", valid_from=sp.always)
legs = sp.table("legs", "legs.parquet", key="flight_id", valid_from=sp.always)
links = sp.events("links", "links.parquet", at="since", delay="0s")
unknown = sp.events("unknown", "unknown.parquet", at="since")
delay = arrivals.arr_delay


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        (sp.latest(delay, by="flight_id"), "that is the label"),
        (sp.count(arrivals, by=["carrier", "flight_id"]), "that is the label"),
        (sp.last(delay, by={sp.field("flight_id").lower(): "flight_id"}), "that is the label"),
        (sp.last(delay, by={legs.flight_id: "flight_id"}), "that is the label"),
        (sp.last(same.arr_delay, by="flight_id"), "that is the label"),
        (sp.last(dotted.arr_delay, by="flight_id"), "that is the label"),
        (sp.mean(pattern.arr_delay, by="carrier", last="7d"), "through 'pattern': that is the label"),
        (sp.feature("other") + sp.since(arrivals, by="flight_id"), "that is the label"),
        (sp.neighbours(arrivals.carrier, by="flight_id", of=sp.count(links, by="carrier")), "that is the label"),
        (sp.neighbours(links.other, by="carrier", of=sp.max(delay, by="flight_id")), "the decision may be one of them"),
        (sp.neighbours(links.other, by="carrier", of=sp.latest(register.distance)), "the decision may be one of them"),
        (register.carrier, "the row of the decision's own key"),
        (sp.latest(register.carrier), "the row of the decision's own key"),
        (sp.mean(early.arr_delay, by="carrier", last="7d"), "through 'schedule': that is the label"),
        (sp.count(early, by="carrier", last="7d", where=early.arr_delay > 15), "through 'schedule': that is the label"),
        (routes.arr_delay, "through 'routes': that is the label"),
        (sp.count(links, by={routes.arr_delay: "carrier"}), "through 'routes': that is the label"),
        (sp.neighbours(links.other, by="carrier", of=sp.mean(early.arr_delay, by="carrier")), "that is the label"),
        (sp.neighbours(unknown.other, by="carrier", of=sp.count(links, by="carrier")), "when its rows can be known"),
        (sp.neighbours(links.other, by="carrier", of=sp.count(unknown, by="carrier")), "when its rows can be known"),
        (sp.latest(unknown.other, by="carrier"), "when its rows can be known"),
        (sp.since(unknown, by="carrier"), "when its rows can be known"),
    ],
)
def test_no_way_round_leads_to_the_label(declare: Declare, feature: Any, words: str) -> None:
    """The decision's own outcome is refused through keys, joins, neighbours, tables and other names of its file."""
    with pytest.raises(LeakRefused, match=words) as caught:
        declare(features={"other": sp.field("distance"), "leak": feature})
    assert caught.value.expected


@pytest.mark.parametrize(
    "feature",
    [
        sp.last(delay, by="tailnum", last="12h"),
        sp.count(early, by="flight_id"),
        sp.mean(early.distance, by="carrier", last="7d"),
        sp.mean(same.arr_delay, by="carrier", last="7d"),
        sp.last(delay, by={legs.previous: "flight_id"}),
        sp.last(delay, by={"tailnum": "flight_id"}),
        sp.neighbours(links.other, by="carrier", of=sp.mean(delay, by="carrier", last="7d")),
        routes.distance,
        legs.previous,
    ],
)
def test_what_others_are_known_to_have_come_to_may_be_read(declare: Declare, feature: Any) -> None:
    """Outcomes of other decisions, and other columns of the label's file, are ordinary features."""
    assert declare(features={"f": feature}).features[0].name == "f"


def test_a_request_that_holds_the_label_is_refused(declare: Declare) -> None:
    """Fields come from the spine's file, which may hold the outcome too."""
    flights = sp.events("flights", FILE, key="flight_id", at="sched_dep")
    with pytest.raises(LeakRefused, match="The request would bring arr_delay"):
        declare(decide=sp.decide(flights, fields=["carrier", "distance", "arr_delay"]))


@pytest.mark.parametrize(
    "feature",
    [
        sp.count(arrivals, by={sp.field("cariER"): "carrier"}),
        sp.count(arrivals, by={sp.table("t", "t.parquet", key="gate", valid_from=sp.always).owner: "carrier"}),
        sp.neighbours(links.other, by="gate", of=sp.count(arrivals, by="carrier")),
        sp.latest(sp.table("t", "t.parquet", key=["carrier", "gate"], valid_from=sp.always).owner),
    ],
)
def test_every_part_of_every_key_is_in_the_request(declare: Declare, feature: Any) -> None:
    """A key is found by what the caller sends, also the key of a table that another key is read from."""
    with pytest.raises(NameUnknown, match="the request has no request field"):
        declare(features={"f": feature})


def test_a_key_is_no_column_of_many_rows(declare: Declare) -> None:
    """Events are folded, not joined as they are."""
    with pytest.raises(DeclarationError, match=r"a key that reads links\.other"):
        declare(features={"f": sp.count(arrivals, by={links.other: "carrier"})})

from __future__ import annotations

from collections.abc import Callable

import pytest

import setpoint as sp
from setpoint.core.digest import digest
from setpoint.core.errors import DeclarationError, NameUnknown, WrongType
from setpoint.declare.expr import Aggregate, Expr, to_dict, walk
from setpoint.declare.plan import Profile, make_plan
from tests.unit.declare.conftest import SCHEMAS, arrivals, flights, planes

Declare = Callable[..., sp.System]
PROFILE = Profile({"flights": 1000}, 900.0)

pilots = sp.table("pilots", "pilots.parquet", key="pilot_id", valid_from="since", ttl="365d")
lanes = sp.table("lanes", "lanes.parquet", key=["carrier", "origin"], valid_from=sp.always)
twins = sp.events("twins", "twins.parquet", at="since", delay="1d")
WIDE = {
    **SCHEMAS,
    "planes": {**SCHEMAS["planes"], "owner": "text", "built": "time"},
    "pilots": {"pilot_id": "text", "since": "time", "hours": "number"},
    "lanes": {"carrier": "text", "origin": "text", "miles": "number"},
    "twins": {"carrier": "text", "twin": "text", "weight": "number", "since": "time"},
}


def _kind_of_feature(declare: Declare, expr: Expr) -> str:
    return make_plan(declare(features={"f": expr}), WIDE, PROFILE).features["f"]


@pytest.mark.parametrize(
    ("expr", "kind"),
    [
        (sp.count(arrivals.arr_delay, by="carrier"), "number"),
        (sp.var(arrivals.arr_delay, by="carrier", last="7d"), "number"),
        (sp.std(arrivals.arr_delay > 15, by="carrier", last="7d"), "number"),
        (sp.first(arrivals.flight_id, by="carrier", last="7d"), "text"),
        (sp.last(arrivals.arr_delay > 15, by="carrier"), "number"),
        (sp.latest(arrivals.arr_delay > 15, by="carrier"), "bool"),
        (sp.latest(planes.model, by={sp.field("tailnum"): "tailnum"}), "text"),
        (sp.latest(pilots.hours, by={planes.owner: "pilot_id"}), "number"),
        (sp.top(arrivals.flight_id, by="carrier", rank=3), "text"),
        (sp.top(arrivals.arr_delay, by="carrier"), "number"),
        (sp.distinct(arrivals.flight_id, by="carrier", cap=100), "number"),
        (sp.quantile(arrivals.arr_delay, q=0.9, by="carrier", last=sp.calendar("week", zone="UTC")), "number"),
        (sp.rate(arrivals, by="carrier", last="1d"), "number"),
        (sp.since(arrivals, by="carrier"), "number"),
        (lanes.miles, "number"),
        (sp.count(arrivals, by={planes.owner: "carrier"}, last="1d"), "number"),
        (
            sp.neighbours(
                twins.twin, by="carrier", of=sp.mean(arrivals.arr_delay, by="carrier", last="1d"), fold="max"
            ),
            "number",
        ),
    ],
)
def test_each_fold_has_the_kind_of_its_value(declare: Declare, expr: Expr, kind: str) -> None:
    """A first, last, latest or top value is of its column's kind; the others are numbers."""
    assert _kind_of_feature(declare, expr) == kind


@pytest.mark.parametrize(
    ("expr", "error", "words"),
    [
        (sp.var(arrivals.carrier, by="carrier"), WrongType, "folds a text"),
        (sp.quantile(arrivals.landed_at, q=0.5, by="carrier"), WrongType, "folds a time"),
        (sp.first(arrivals.landed_at, by="carrier"), WrongType, "which no model can read"),
        (sp.count(arrivals, by="origin"), NameUnknown, "has no column 'origin'"),
        (sp.count(arrivals, by={"sched_dep": "landed_at"}), WrongType, "groups by a time"),
        (sp.count(arrivals, by={planes.seats: "carrier"}), WrongType, "the key planes.seats .number. with the column"),
        (sp.count(arrivals, by={planes.ownr: "carrier"}), NameUnknown, "Did you mean 'owner'"),
        (
            sp.neighbours(twins.weight, by="carrier", of=sp.count(arrivals, by="carrier")),
            WrongType,
            "request field 'carrier' .number. with the column 'carrier' .text.",
        ),
        (
            sp.neighbours(twins.twin, by="carrier", of=sp.last(arrivals.flight_id, by="carrier")),
            WrongType,
            "folds a text of each neighbour",
        ),
    ],
)
def test_kinds_that_do_not_go_together_are_refused(
    declare: Declare, expr: Expr, error: type[Exception], words: str
) -> None:
    """What a fold and its key are made of is checked against the columns that there are."""
    with pytest.raises(error, match=words):
        _kind_of_feature(declare, expr)


def test_a_tables_key_and_the_field_that_names_it_are_of_one_kind(declare: Declare) -> None:
    """A number never finds the row of a text."""
    schemas = {**WIDE, "planes": {**WIDE["planes"], "tailnum": "number"}}
    with pytest.raises(WrongType, match="a number column of the table and a text field of the request"):
        make_plan(declare(features={"f": planes.seats}), schemas, PROFILE)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: sp.quantile(arrivals.arr_delay, q=0, by="carrier"), "more than 0 and at most 1"),
        (lambda: sp.quantile(arrivals.arr_delay, q=95, by="carrier"), "more than 0 and at most 1"),
        (lambda: sp.top(arrivals.carrier, by="origin", rank=0), "from 1, the most frequent"),
        (lambda: sp.top(arrivals.carrier, by="origin", rank=11, cap=10), "to cap=10"),
        (lambda: sp.distinct(arrivals.carrier, by="origin", cap=1), "from 2 to 65536"),
        (lambda: sp.distinct(arrivals.carrier, by="origin", cap=10**6), "from 2 to 65536"),
        (lambda: sp.latest(arrivals.carrier), "the key whose newest row is meant"),
        (lambda: sp.latest(arrivals.carrier, by="origin", ttl="0s"), "a positive duration"),
        (lambda: sp.latest(planes.seats, by="model"), "its key, tailnum"),
        (lambda: sp.sum(planes.seats, by="tailnum"), "an event source"),
        (lambda: sp.since(planes, by="tailnum"), "an event source"),
        (lambda: sp.mean(7, by="carrier"), "a column of an event source"),  # type: ignore[arg-type]
        (lambda: sp.mean(arrivals.arr_delay - sp.field("distance"), by="carrier"), "which no row of a source has"),
        (lambda: sp.max(sp.now - arrivals.landed_at, by="carrier"), "which no row of a source has"),
        (lambda: sp.count(arrivals, by=["carrier", "carrier"]), "names a column twice"),
        (lambda: sp.count(arrivals, by={"carrier": 7}), "does not name request fields"),  # type: ignore[dict-item]
        (lambda: sp.count(arrivals, by={flights.carrier: "carrier"}), "a key that reads flights.carrier"),
        (lambda: sp.count(arrivals, by={sp.feature("f"): "carrier"}), "a key that reads feature"),
        (lambda: sp.count(arrivals, by={sp.count(arrivals, by=[]): "carrier"}), "not by another aggregate"),
        (lambda: sp.neighbours(twins.twin, by="carrier", of=sp.field("distance")), "an aggregate by one key"),
        (lambda: sp.neighbours(twins.twin, by="carrier", of=sp.count(arrivals, by=[])), "an aggregate by one key"),
        (
            lambda: sp.neighbours(twins.twin, by="carrier", of=sp.count(arrivals, by="carrier"), fold="median"),
            "one of count, sum, mean, min, max",
        ),
        (
            lambda: sp.neighbours(twins.twin, by="carrier", of=sp.count(arrivals, by="carrier"), decimals=10),
            "0 to 9",
        ),
        (
            lambda: sp.neighbours(twins.twin, by="carrier", of=sp.count(arrivals, by="carrier"), cap=0),
            "from 2 to 65536",
        ),
    ],
)
def test_a_fold_that_means_nothing_is_refused(build: Callable[[], object], words: str) -> None:
    """The message says what was expected."""
    with pytest.raises(DeclarationError, match=words) as caught:
        build()
    assert caught.value.expected


def test_a_fold_is_spelled_as_it_was_declared() -> None:
    """What is not declared is not spelled."""
    day = sp.calendar("day", zone="America/New_York")
    delay = arrivals.arr_delay
    assert [
        str(sp.quantile(delay, q=0.9, by="carrier", last="7d", hop="1d", where=delay > 0)),
        str(sp.top(arrivals.carrier, by={"origin": "carrier"}, rank=2, last=day)),
        str(sp.distinct(delay, by=[], cap=64)),
        str(sp.latest(delay, by="carrier", ttl="2h")),
        str(sp.neighbours(twins.twin, by="carrier", of=sp.count(arrivals, by="carrier"), last="30d", cap=50)),
    ] == [
        "quantile(arrivals.arr_delay, q=0.9, by=[carrier], last='7d', hop='1d', where=(arrivals.arr_delay > 0))",
        "top(arrivals.carrier, rank=2, by=[origin=carrier], last=calendar('day', zone='America/New_York'))",
        "distinct(arrivals.arr_delay, by=[], cap=64)",
        "latest(arrivals.arr_delay, by=[carrier], ttl='2h')",
        "neighbours(twins.twin, by=[carrier], last='30d', cap=50, fold='mean', of=count(arrivals, by=[carrier]))",
    ]


def test_every_part_of_a_definition_is_part_of_its_digest() -> None:
    """Two definitions that differ anywhere are two versions."""
    delay, by = arrivals.arr_delay, "carrier"
    day = sp.calendar("day", zone="UTC")
    definitions = [
        sp.mean(delay, by=by),
        sp.mean(delay, by=by, decimals=2),
        sp.mean(delay, by={"origin": by}),
        sp.mean(delay, by={planes.owner: by}),
        sp.mean(delay, by=by, last="1d"),
        sp.mean(delay, by=by, last="1d", hop="1h"),
        sp.mean(delay, by=by, last=day),
        sp.mean(delay, by=by, last=sp.calendar("day", zone="Asia/Kolkata")),
        sp.mean(delay, by=by, where=delay > 0),
        sp.quantile(delay, q=0.5, by=by),
        sp.quantile(delay, q=0.25, by=by),
        sp.distinct(delay, by=by),
        sp.distinct(delay, by=by, cap=10),
        sp.neighbours(twins.twin, by=by, of=sp.mean(delay, by=by)),
        sp.neighbours(twins.twin, by=by, of=sp.mean(delay, by=by), fold="sum"),
        sp.neighbours(twins.twin, by=by, of=sp.mean(delay, by=by), decimals=2),
    ]
    assert len({digest(to_dict(one)) for one in definitions}) == len(definitions)


def test_a_joined_key_names_its_expression_and_reads_its_table() -> None:
    """An expression over a table's columns takes the place of a request field."""
    joined = sp.count(arrivals, by={planes.owner: "carrier", "origin": "flight_id"}, last="1d")
    assert isinstance(joined, Aggregate)
    assert joined.by == (("planes.owner", "carrier"), ("origin", "flight_id"))
    assert [str(part) for part in joined.parts] == ["planes.owner", "field('origin')"]
    assert "planes.owner" in [str(node) for node in walk(joined)]
    plain = sp.count(arrivals, by={sp.field("origin"): "flight_id"})
    assert isinstance(plain, Aggregate)
    assert (plain.by, plain.keys) == ((("origin", "flight_id"),), ())


def test_a_latest_of_a_table_has_the_tables_ttl_unless_it_says_otherwise() -> None:
    """It is what the column itself would give, by another key."""
    assert str(sp.latest(pilots.hours)) == "latest(pilots.hours, by=[pilot_id], ttl='365d')"
    assert str(sp.latest(pilots.hours, ttl="1d")) == "latest(pilots.hours, by=[pilot_id], ttl='1d')"

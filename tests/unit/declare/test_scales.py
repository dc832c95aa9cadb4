from __future__ import annotations

from collections.abc import Callable

import setpoint as sp
from setpoint.declare.expr import Aggregate, Neighbours
from setpoint.declare.plan import Profile, make_plan
from setpoint.declare.scales import Scale, scale_key
from tests.unit.declare.conftest import SCHEMAS, arrivals

Declare = Callable[..., sp.System]
DELAY = arrivals.arr_delay


def _decimals(declare: Declare, feature: sp.Expr, **found: Scale) -> int | None:
    scales = {scale_key(DELAY): scale for scale in found.values()}
    plan = make_plan(declare(features={"f": feature}), SCHEMAS, Profile({}, 1.0, scales))
    node = plan.inputs[0].expr
    assert isinstance(node, Aggregate)
    return node.decimals


def test_the_plan_fixes_the_decimals_that_the_data_have(declare: Declare) -> None:
    """Declared decimals stand; a condition has none; what nobody has seen has six."""
    mean = sp.mean(DELAY, by="carrier", last="1d")
    found = Scale(2, exact=True)
    assert _decimals(declare, mean, found=found) == 2
    assert _decimals(declare, mean) == 6
    assert _decimals(declare, sp.mean(DELAY, by="carrier", last="1d", decimals=4), found=found) == 4
    assert _decimals(declare, sp.mean(DELAY > 15, by="carrier", last="1d"), found=found) == 0
    assert _decimals(declare, sp.count(arrivals, by="carrier", last="1d"), found=found) == 0


def test_the_scale_is_part_of_the_version(declare: Declare) -> None:
    """Two plans with other decimals give the feature two versions, of one declaration."""
    system = declare(features={"f": sp.std(DELAY, by="carrier", last="1d")})
    plans = [
        make_plan(system, SCHEMAS, Profile({}, 1.0, {scale_key(DELAY): Scale(places, exact=True)})) for places in (0, 2)
    ]
    assert len({plan.versions["f"] for plan in plans}) == 2
    assert len({plan.digest for plan in plans}) == 2
    declared = declare(features={"f": sp.std(DELAY, by="carrier", last="1d", decimals=2)})
    assert make_plan(declared, SCHEMAS, Profile({}, 1.0)).versions["f"] == plans[1].versions["f"]


def test_a_scale_is_fixed_within_expressions_and_neighbours(declare: Declare) -> None:
    """Wherever a sum stands, it has its decimals."""
    mean = sp.mean(DELAY, by="carrier", last="1d")
    links = sp.events("links", "links.parquet", at="since", delay="0s")
    schemas = {**SCHEMAS, "links": {"carrier": "text", "other": "text", "since": "time"}}
    system = declare(features={"a": (mean - 3) / 2, "b": sp.neighbours(links.other, by="carrier", of=mean)})
    plan = make_plan(system, schemas, Profile({}, 1.0, {scale_key(DELAY): Scale(1, exact=True)}))
    assert [node.decimals for node in plan.aggregates] == [1]
    around = plan.inputs[1].expr
    assert isinstance(around, Neighbours)
    assert around.of.decimals == 1
    assert plan.neighbours == (around,)


def test_the_plan_says_why_it_took_a_scale(declare: Declare) -> None:
    """Values that are rounded are told, and those that came later are warned about."""
    system = declare(features={"f": sp.mean(DELAY, by="carrier", last="1d")})

    def told(**profile: Scale) -> tuple[str, str, tuple[str, ...]]:
        plan = make_plan(system, SCHEMAS, Profile({}, 1.0, {scale_key(DELAY): one for one in profile.values()}))
        choice = next(choice for choice in plan.choices if choice.name == "decimals of arrivals.arr_delay")
        return choice.value, choice.reason, tuple(one for one in plan.warnings if "arr_delay" in one)

    assert told(a=Scale(2, exact=True)) == ("2", "the fewest with which every value seen is exact", ())
    assert told(a=Scale(6, exact=False))[1].endswith("values are rounded")
    value, reason, (warning,) = told(a=Scale(2, exact=True, outgrown=True))
    assert (value, reason) == ("2", "fixed when it was first seen; newer values are rounded")
    assert "more than 2 decimals" in warning

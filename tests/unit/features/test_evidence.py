from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.core.errors import NameUnknown
from setpoint.data.log.decisions import positions_known
from setpoint.data.rows import ENDS, NEVER, SIGN
from setpoint.declare.plan import Plan
from setpoint.features.evidence import Seen, shown_value
from tests.properties import worlds
from tests.properties.worlds import rows_table
from tests.unit.features.small import SCHEMAS, buy, buys, plan_of, users

ROWS = [
    buy(10, 1.0),
    buy(20, None),
    buy(30, 5.0, known_at=90),
    buy(40, 7.0, user="v"),
    buy(50, 2.0),
    buy(100, 9.0),
]


def seen(plan: Plan, at: int = 60, **arrived: int) -> Seen:
    """A decision on user u who bought these things, at a time; by default it had seen what was known by then."""
    rows = {"buys": rows_table(SCHEMAS["buys"], ROWS)}
    rows["users"] = rows_table(
        SCHEMAS["users"],
        [
            {"user": "u", "tier": tier, "limit": 1.0, "at": at, "known_at": at, "id": tier}
            for tier, at in (("a", 5), ("b", 25))
        ],
    )
    known = positions_known(rows, rows, np.array([at]))
    counts = {name: int(position[0]) + 1 for name, position in known.items()} | arrived
    return Seen(plan, rows, pa.table({"ask": ["q"], "user": ["u"]}), at, counts)


def verdicts(plan: Plan, feature: str, **more: Any) -> list[tuple[int, Any, str]]:
    """When, with what value and with what verdict the events behind a feature are listed."""
    part = seen(plan, **more).evidence(feature).folds[0]
    return [(event.at, event.value, event.verdict) for event in part.events]


def test_every_event_of_the_key_says_whether_it_counts() -> None:
    """Newest first: what counts, what was not known yet, what has no value; another user's and the future's are not."""
    plan = plan_of(total=sp.sum(buys.price, by="user", last="1s", hop="exact"))
    assert verdicts(plan, "total") == [
        (50, 2.0, "counts"),
        (30, 5.0, "not known yet"),
        (20, None, "NULL"),
        (10, 1.0, "counts"),
    ]
    evidence = seen(plan).evidence("total")
    assert (evidence.value, evidence.folds[0].counted, evidence.folds[0].key) == (3.0, 2, ("u",))


def test_events_before_the_window_show_where_it_begins() -> None:
    """The window of 45 microseconds begins at 15."""
    plan = plan_of(n=sp.count(buys, by="user", last=sp_micro(45), hop="exact"))
    assert verdicts(plan, "n") == [
        (50, None, "counts"),
        (30, None, "not known yet"),
        (20, None, "counts"),
        (10, None, "before the window"),
    ]
    assert seen(plan).evidence("n").folds[0].since == 15


def test_a_condition_that_is_not_true_is_told() -> None:
    """Neither false nor NULL counts."""
    plan = plan_of(n=sp.count(buys, by="user", where=buys.price > 1.5))
    assert verdicts(plan, "n") == [
        (50, None, "counts"),
        (30, None, "not known yet"),
        (20, None, "where is not true"),
        (10, None, "where is not true"),
    ]


def test_of_the_last_value_one_event_is_taken() -> None:
    """The others were older; a table's newest row is taken likewise."""
    plan = plan_of(price=sp.last(buys.price, by="user"), tier=users.tier)
    assert [verdict for _, _, verdict in verdicts(plan, "price")] == [
        "counts", "not known yet", "NULL", "another one is taken",
    ]  # fmt: skip
    assert verdicts(plan, "tier") == [(25, "b", "counts"), (5, "a", "another one is taken")]


def test_an_event_at_the_decisions_own_moment_is_not_before_it() -> None:
    """The edge is shown, since most mistakes are made there."""
    plan = plan_of(n=sp.count(buys, by="user"))
    assert verdicts(plan, "n", at=50)[0] == (50, None, "not before the decision")


def test_what_had_arrived_decides_and_not_the_clock() -> None:
    """A decision whose stream lagged had not seen what everybody could have known."""
    plan = plan_of(total=sp.sum(buys.price, by="user"))
    assert seen(plan, buys=1).evidence("total").value == 1.0
    assert verdicts(plan, "total", buys=1)[0] == (50, 2.0, "not known yet")


def test_an_event_that_was_taken_back_says_so() -> None:
    """The row that takes it back is none of its own."""
    plan = plan_of(total=sp.sum(buys.price, by="user"))
    decision = seen(plan, at=200)
    table = decision.rows["buys"]
    back = table.slice(0, 1)
    signed = pa.concat_tables([table, back]).append_column(SIGN, pa.array([1] * 6 + [-1], pa.int8()))
    signed = signed.append_column(ENDS, pa.array([6] + [NEVER] * 6, pa.int64()))
    places = signed.schema.get_field_index("__position")
    signed = signed.set_column(places, "__position", pa.array(range(7), pa.int64()))
    for arrived, verdict in ((6, "counts"), (7, "taken back")):
        found = Seen(plan, {"buys": signed}, decision.request, 200, {"buys": arrived}).evidence("total")
        assert [event.verdict for event in found.folds[0].events if event.at == 10] == [verdict]
        assert found.value == 17.0 - (arrived == 7)


def test_an_expression_is_told_with_what_each_part_gives() -> None:
    """Outermost first, each part as deep as it stands."""
    plan = plan_of(ratio=sp.sum(buys.price, by="user") / sp.count(buys, by="user") + 1)
    parts = seen(plan).evidence("ratio").parts
    assert [(part.depth, part.value) for part in parts] == [(0, 2.0), (1, 1.0), (2, 3.0), (2, 3.0)]


def test_a_time_is_shown_as_one() -> None:
    """Of its fold the value is a time; of the feature it is seconds."""
    plan = plan_of(since=sp.now - sp.last(buys.due, by="user"))
    part = seen(plan).evidence("since").folds[0]
    assert shown_value(0, part.kind) == "1970-01-01T00:00:00Z"


def test_a_limit_leaves_a_count_of_the_rest() -> None:
    """Nobody reads a thousand rows."""
    plan = plan_of(n=sp.count(buys, by="user"))
    part = seen(plan, at=200).evidence("n", most=2).folds[0]
    assert (len(part.events), part.rest, part.counted) == (2, 3, 5)


def test_a_feature_that_is_not_there_is_named() -> None:
    """With the one that was meant."""
    with pytest.raises(NameUnknown, match="Did you mean 'total'"):
        seen(plan_of(total=sp.sum(buys.price, by="user"))).evidence("totl")


def sp_micro(length: int) -> Any:
    """A duration of so many microseconds."""
    return f"{length}us"


@pytest.mark.parametrize("till", [2**53, 2**53 + 1, 2**63 - 1, 0, -(2**63), 2.0**64, 0.5])
def test_great_whole_numbers_are_keys_of_their_own(till: float) -> None:
    """Neighbouring numbers that are one as floats have their own events, as they have when features are read."""
    tills = [2**53, 2**53 + 1, 2**53 + 1, 2**63 - 1, -(2**63)]
    table = rows_table(worlds.BUYS, [{"at": at, "known_at": at, "id": str(at)} for at in range(len(tills))])
    table = table.set_column(table.schema.get_field_index("till"), "till", pa.array(tills))
    request = worlds.World(worlds.plan_of(1), {}, [{}], [9]).requests
    request = request.set_column(request.schema.get_field_index("till"), "till", pa.array([till]))
    decided = Seen(worlds.plan_of(1), {"buys": table}, request, 9, {"buys": len(tills)})
    total = decided.evidence("till_n")
    assert total.value == tills.count(till)
    assert [tills[event.position] for event in total.folds[0].events] == [each for each in tills[::-1] if each == till]

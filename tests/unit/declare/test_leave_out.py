"""Features that models do not read, as they are declared."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

import setpoint as sp
from setpoint.core.errors import SetpointError
from setpoint.declare.plan import Profile, diff_declarations, make_plan

COLUMNS = {
    "orders": {"id": "text", "ts": "time", "total": "number", "noise": "number"},
    "ends": {"id": "text", "ts": "time", "bad": "bool"},
}


def declare(leave_out: Any = (), **goal: Any) -> sp.System:
    """A shop with two features."""
    orders = sp.events("orders", "orders.parquet", key="id", at="ts")
    ends = sp.events("ends", "ends.parquet", at="ts", delay="1h")
    return sp.System(
        "shop",
        decide=sp.decide(orders, fields=["total", "noise"]),
        features={"total": sp.field("total"), "noise": sp.field("noise")},
        label=sp.label(ends.bad, on="id", within="7d"),
        goal=sp.goal(
            sp.auc(),
            business="eur",
            act=sp.act("block"),
            cost=sp.cost(false_positive=1, false_negative=2),
            **goal,
        ),
        release=sp.release(sp.shadow("1d"), fallback=sp.rule(sp.field("total") > 5)),
        leave_out=leave_out,
    )


def test_what_is_left_out_is_told_and_models_read_the_rest() -> None:
    """By name or with a reason; it is a part of the declaration, and survives pickling."""
    plain, system = declare(), declare({"noise": "never chosen"})
    assert plain.digest == declare([]).digest != system.digest != declare(["noise"]).digest
    assert pickle.loads(pickle.dumps(system)).digest == system.digest
    plan = make_plan(system, COLUMNS, Profile(dict.fromkeys(COLUMNS, 10), 1.0))
    assert list(plan.features) == ["total", "noise"]
    assert list(plan.read) == ["total"]
    assert "never chosen" in {choice.reason for choice in plan.choices if choice.name == "left out: noise"}
    (change,) = diff_declarations(plain.to_dict(), system.to_dict())
    assert change.what == "left out noise"
    assert "model" in change.runs_again


@pytest.mark.parametrize(
    ("leave_out", "goal", "words"),
    [
        (["nois"], {}, "nois"),
        ("noise", {}, "leave_out="),
        ({"noise": ""}, {}, "reason"),
        (["noise", "total"], {}, "every feature"),
        (["total"], {"behaves": [sp.never_falls_when_raised("total")]}, "expects a behaviour"),
    ],
)
def test_what_cannot_be_left_out_is_refused(leave_out: Any, goal: dict[str, Any], words: str) -> None:
    """Before anything is planned."""
    with pytest.raises(SetpointError, match=words):
        declare(leave_out, **goal)

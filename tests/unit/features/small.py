"""A small system with one event source and one table, and rows that can be read at a glance."""

from __future__ import annotations

from typing import Any

import setpoint as sp
from setpoint.declare.expr import Expr
from setpoint.declare.plan import Plan, Profile, make_plan

BUYS = {"user": "text", "price": "number", "paid": "bool", "due": "time", "shop": "text", "at": "time", "buy": "text"}
SCHEMAS = {
    "asks": {"ask": "text", "user": "text", "at": "time"},
    "buys": BUYS,
    "users": {"user": "text", "tier": "text", "limit": "number", "from": "time"},
    "ends": {"ask": "text", "bad": "number", "at": "time"},
}
buys = sp.events("buys", "buys.parquet", id="buy", at="at", delay="0s")
users = sp.table("users", "users.parquet", key="user", valid_from="from")


def plan_of(*, limits: dict[str, str] | None = None, fallback: Any = None, **features: Expr) -> Plan:
    """The plan of these features of a decision on a user; `limits` say how fresh they must be."""
    ends = sp.events("ends", "ends.parquet", at="at", delay="0s")
    system = sp.System(
        "small",
        decide=sp.decide(sp.events("asks", "asks.parquet", key="ask", at="at"), fields=["user"]),
        features=features,
        label=sp.label(ends.bad > 0, on="ask", within="1d"),
        goal=sp.goal(sp.auc(), business="eur", act=sp.act("stop"), cost=sp.cost(false_positive=1, false_negative=2)),
        release=sp.release(sp.shadow("1d"), fallback=fallback or sp.rule(sp.field("user") == "u")),
        freshness=limits,
    )
    return make_plan(system, SCHEMAS, Profile({}, 1.0))


def buy(at: int, price: float | None = 1.0, *, known_at: int | None = None, **more: Any) -> dict[str, Any]:
    """A row of the buys of user u."""
    known = at if known_at is None else known_at
    return {"user": "u", "price": price, "at": at, "known_at": known, "id": f"{at}-{known}", **more}

"""The fifteen rules of the contract benchmark, as a declaration states them."""

from __future__ import annotations

import setpoint as sp
from contract_bench.data import CURRENCIES, RULES, STATUSES
from setpoint.declare.contract import Rule, StatedContract
from setpoint.declare.expr import Expr

orders = sp.events("orders", "orders.parquet", id="order", at="ordered_at", known_at="ordered_at")
merchants = sp.table("merchants", "merchants.parquet", key="merchant", valid_from=sp.always)


def stated() -> StatedContract:
    """The contract of the orders, each rule named as the benchmark names it."""
    o = orders
    rules: dict[str, Rule | Expr] = {
        "price": o.price.between(0.01, 10_000),
        "quantity": o.quantity.between(1, 100),
        "currency": o.currency.isin(CURRENCIES),
        "status": o.status.isin(STATUSES),
        "email": o.email.matches(r"[^@ ]+@[^@ ]+\.[a-z]+"),
        "country": o.country.length() == 2,
        "paid": o.paid_at >= o.ordered_at,
        "discount": o.discount <= o.price * o.quantity,
        "total": sp.absolute(o.total - (o.price * o.quantity - o.discount)) <= 0.01,
        "refund": (o.status != "refunded") | ~o.refund.is_null(),
        "place": o.latitude.between(-90, 90) & o.longitude.between(-180, 180),
        "score": o.score.between(0, 1),
    }
    named: dict[str, Rule] = {name: sp.holds(rule, name=name) for name, rule in rules.items() if isinstance(rule, Expr)}
    named["account"] = sp.not_null(o.account, name="account")
    named["number"] = sp.unique(o.account, o.number, name="number")
    named["merchant"] = sp.references(o.merchant, to=merchants.merchant, name="merchant")
    return sp.contract(orders, *[named[name] for name in RULES])

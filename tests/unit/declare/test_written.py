"""Contracts as Python: what is printed states the same."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

import setpoint as sp
from setpoint.core.errors import DeclarationError
from setpoint.declare.contract import Rule
from setpoint.declare.expr import Expr, to_dict
from setpoint.declare.written import written, written_contract, written_rule

s: Any = sp.events("sales", "sales.parquet", at="ts", delay="0s")
t: Any = sp.table("my shops", "shops.parquet", key="shop", valid_from=sp.always)
NAMES = {"sp": sp, "sales": s, "source": t, "datetime": datetime}

EXPRESSIONS: list[Expr] = [
    (s.price + 1 > s["unit price"] * -2.5) & ~s.shop.is_null(),
    s.shop.isin(["a", 'b"', "c'"]) | (s.word.fill("x").lower().strip().length() == 3),
    s.word.matches(r"\d+") & s.word.matches('"') & s.word.matches("a\\\\"),
    sp.absolute(s.a) - sp.log1p(s.b) < sp.power(s.c, 2) / sp.round(s.d, 2),
    sp.if_else(s.a > 1, s.b, None).is_null(),
    s.ts >= datetime(2026, 1, 1, tzinfo=UTC),
    (s.ts - "2h" < s["class"]) & (s.ts.hour(zone="Europe/Rome") < 6) & (s.ts.weekday() == 0),
    sp.joined(s.a, s.b, by="-") == s.c.json("a.b"),
    s.c.json("a[*].n", kind="number", fold="max") > sp.minimum(s.a, s.b),
    sp.bucket(s.a, edges=[0, 1]) + sp.hashed(s.b, buckets=10, seed=3) > 1,
    t.size > 0,
]


@pytest.mark.parametrize("expr", EXPRESSIONS, ids=str)
def test_an_expression_is_written_as_it_was_declared(expr: Expr) -> None:
    """Read as Python it is the same again."""
    assert to_dict(eval(written(expr), NAMES)) == to_dict(expr)


RULES: list[Rule] = [
    sp.holds(s.a > 1, name="big", refuse_above=0.5),
    sp.holds(s.a > 1),
    sp.holds((s.a > 1) & (s.b < 2), refuse_above=0),
    sp.not_null(s.a),
    sp.not_null(s.a, name="there"),
    sp.unique(s.a, s["b c"], refuse_above=0.01),
    sp.references(s.shop, to=t.shop),
    sp.references([s.shop, s.a], to=[t.shop, t.a], name="known"),
    sp.fresh("90m"),
    sp.volume(every="7d", at_most=5, after="1d"),
]


def test_a_contract_is_written_as_it_was_declared() -> None:
    """With every option that is not the usual one."""
    stated = sp.contract(s, *RULES[1:], refuse_above=0.125)
    text = written_contract(stated)
    assert eval(text, NAMES).to_dict() == stated.to_dict()
    assert "    sales.a > 1,\n" in text
    assert written_rule(RULES[0]) == 'sp.holds((sales.a > 1), name="big", refuse_above=0.5)'


def test_what_is_of_no_row_is_not_written() -> None:
    """A rule has none of it."""
    with pytest.raises(DeclarationError, match="is no expression of one row"):
        written(sp.now > s.ts)

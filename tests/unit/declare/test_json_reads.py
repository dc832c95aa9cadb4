"""Which columns and request fields hold JSON."""

from __future__ import annotations

import setpoint as sp
from setpoint.declare.expr import Expr
from setpoint.declare.json_reads import json_reads
from tests.unit.features.small import buys, plan_of, users


def reads(**features: Expr) -> tuple[dict[str, tuple[str, ...]], set[str]]:
    """The columns and fields of a system with these features."""
    found = json_reads(plan_of(**features).system)
    return found.columns, set(found.fields)


def test_a_path_says_that_its_column_holds_json() -> None:
    """Of a table, within a fold, in its condition, and of a request field, which is the spine's column."""
    columns, fields = reads(
        tier=users.tier.json("level"),
        spent=sp.sum(buys.shop.json("price", kind="number"), by="user", where=buys.buy.json("ok", kind="bool")),
        mine=sp.field("user").json("name"),
    )
    assert columns == {"users": ("tier",), "buys": ("buy", "shop"), "asks": ("user",)}
    assert fields == {"user"}


def test_a_value_that_is_handed_on_keeps_what_it_holds() -> None:
    """By folds that give one of their values, by fill and by a choice; not by what makes another text of it."""
    columns, fields = reads(
        newest=sp.last(buys.shop, by="user").json("a"),
        either=users.tier.fill(sp.field("user")).json("a"),
        other=sp.if_else(users.limit > 0, None, users.tier).json("a"),
        made=sp.joined("{", sp.last(buys.buy, by="user"), "}").json("a"),
    )
    assert columns == {"buys": ("shop",), "users": ("tier",), "asks": ("user",)}
    assert fields == {"user"}


def test_without_paths_nothing_is_json() -> None:
    """A text is a text."""
    assert reads(tier=users.tier, user=sp.field("user")) == ({}, set())

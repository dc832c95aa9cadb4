"""Contracts as they are declared: what can be stated, and what means nothing."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

import setpoint as sp
from setpoint.core.errors import DeclarationError, WrongType
from setpoint.core.times import DAY, HOUR
from setpoint.declare.contract import Fresh, Holds, Volume, check_contracts

sales = sp.events("sales", "sales.parquet", id="sale", at="ts", delay="0s", expect={"price": (0, 100), "kind": ["a"]})
shops = sp.table("shops", "shops.parquet", key="shop", valid_from=sp.always)
s: Any = sales


def test_a_condition_is_a_rule_that_is_called_as_it_is_written() -> None:
    """A rule may have a name and a share of its own; columns are those it reads, each once."""
    stated = sp.contract(sales, s.price > 0, sp.holds(s.a + s.b < s.a * 2, name="sum", refuse_above=0.5))
    first, second = stated.rules
    assert isinstance(first, Holds)
    assert isinstance(second, Holds)
    assert (first.name, first.refuse_above) == ("(sales.price > 0)", None)
    assert (second.name, second.refuse_above) == ("sum", 0.5)
    assert [column.name for column in second.columns] == ["a", "b"]
    assert stated.refuse_above == 0.2


def test_rules_of_rows_and_of_the_source_are_told_apart() -> None:
    """And the sources that rows refer to are named."""
    rules = (sp.fresh("2h"), sp.unique(s.a), sp.volume(every="1d", at_least=5), sp.references(s.shop, to=shops.shop))
    stated = sp.contract(sales, *rules)
    assert [rule.name for rule in stated.row_rules] == ["unique(a)", "references(shop, to=shops.shop)"]
    assert stated.source_rules == (Fresh(2 * HOUR), Volume(DAY, 5))
    assert stated.targets == (shops,)


def test_equal_contracts_are_equal_data() -> None:
    """Also after pickling, since an expression has no other equality."""
    rules = (s.price > 0, sp.not_null(s.a), sp.unique(s.a, s.b), sp.references(s.shop, to=shops.shop), sp.fresh("1d"))
    one, other = (sp.contract(sales, *rules, refuse_above=0.1) for _ in range(2))
    assert one.to_dict() == other.to_dict() == pickle.loads(pickle.dumps(one)).to_dict()
    assert one.to_dict() != sp.contract(sales, *rules).to_dict()


WRONG: list[tuple[Callable[[], object], str]] = [
    (lambda: sp.contract(sales, sp.field("x") > 1), r"The rule .* reads field\('x'\)"),
    (lambda: sp.contract(sales, sp.count(sales, by="a", last="1d") > 1), "The rule .* reads count"),
    (lambda: sp.contract(sales, s.price.fill(1) > shops.limit), "reads two sources: sales and shops"),
    (lambda: sp.contract(sales, shops.size > 1), "which reads 'shops'"),
    (lambda: sp.contract(sales, sp.maximum(1, 2) > 1), "reads no column: it is the same for every row"),
    (lambda: sp.contract(sales, s.price == s.price), "compares .* with itself"),
    (lambda: sp.contract(sales, s.other.between(10, 5)), "leave 'other' no value"),
    (lambda: sp.contract(sales, s.other > 5, s.other <= 5), r"<= 5\) and \(sales.other > 5\), which leave 'other' no"),
    (lambda: sp.contract(sales, s.other == 5, s.other > 5), "leave 'other' no value"),
    (lambda: sp.contract(sales, s.price > 200), "and expect=.* which leave 'price' no value"),
    (lambda: sp.contract(sales, s.kind == "b"), "and expect=.* which leave 'kind' no value"),
    (lambda: sp.contract(sales, s.word.isin(["x"]), s.word.isin(["y", "z"])), "leave 'word' no value"),
    (lambda: sp.contract(sales, s.price > 1, s.price > 1), "two rules named"),
    (sp.unique, "names no column"),
    (lambda: sp.unique(s.a, s.a), "names a column twice"),
    (lambda: sp.unique(s.a, shops.b), "reads two sources"),
    (lambda: sp.references([s.a, s.b], to=shops.shop), "pairs 2 columns with 1"),
    (lambda: sp.contract(shops, sp.fresh("1h")), "its rows have no times"),
    (lambda: sp.volume(every="1d"), "states no bound"),
    (lambda: sp.volume(every="5h", at_least=1), "does not divide a day"),
    (lambda: sp.volume(every="1d", at_least=5, at_most=4), "kept by no number of rows"),
    (lambda: sp.volume(every="1d", at_least=5, after=timedelta(hours=-1)), "after=datetime"),
    (lambda: sp.fresh("0s"), "fresh is '0s'"),
]


@pytest.mark.parametrize(("build", "words"), WRONG)
def test_what_means_nothing_is_refused_where_it_is_declared(build: Callable[[], object], words: str) -> None:
    """With what it reads, and which rules leave nothing."""
    with pytest.raises(DeclarationError, match=words):
        build()


MISTYPED: list[tuple[Callable[[], object], str]] = [
    (lambda: sp.contract("sales"), "needs a source first"),  # type: ignore[arg-type]
    (lambda: sp.contract(sales, True), "has the rule True"),  # type: ignore[arg-type]
    (lambda: sp.holds("price > 0"), "is given no condition"),  # type: ignore[arg-type]
    (lambda: sp.not_null("price"), "is given 'price'"),  # type: ignore[arg-type]
    (lambda: sp.holds(s.price > 0, name=""), "is named ''"),
    (lambda: sp.contract(sales, refuse_above=20), "refuse_above=20"),
    (lambda: sp.unique(s.a, refuse_above=-0.1), "refuse_above=-0.1"),
    (lambda: sp.volume(every="1d", at_least=0.5), "at_least=0.5"),  # type: ignore[arg-type]
    (lambda: check_contracts(sp.contract(sales)), "contracts= is"),
    (lambda: check_contracts([s.price > 0]), "contracts= holds"),
]


@pytest.mark.parametrize(("build", "words"), MISTYPED)
def test_what_is_of_another_type_is_refused_with_an_example(build: Callable[[], object], words: str) -> None:
    """A text for a column, a share of 20."""
    with pytest.raises(WrongType, match=words):
        build()


def test_ranges_that_leave_a_value_are_none_of_the_contradictions() -> None:
    """A single value is one; a condition of several columns, or of a NULL, is not looked into."""
    sp.contract(sales, s.a >= 5, s.a <= 5, (s.b > 5) | (s.b < 5), ~(s.c > 5), s.c > 6, s.d > s.e, s.e > s.d)


def test_a_source_has_one_contract() -> None:
    """All its rules are in it."""
    with pytest.raises(DeclarationError, match="holds two of the source 'sales'"):
        check_contracts([sp.contract(sales, s.a > 1), sp.contract(sales, s.b > 1)])


def test_references_in_a_circle_are_refused() -> None:
    """Which rows of one are kept would decide which of the other are; a reference to itself is none of them."""
    t: Any = sp.events("t", "t.parquet", at="ts", delay="0s")
    circle = [sp.contract(sales, sp.references(s.a, to=t.a)), sp.contract(t, sp.references(t.b, to=s.b))]
    with pytest.raises(DeclarationError, match="sales > t > sales refer to each other in a circle"):
        check_contracts(circle)
    assert len(check_contracts([sp.contract(t, sp.references(t.parent, to=t.a))])) == 1

"""Expressions of one decision, compiled once."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import setpoint as sp
from setpoint.core.errors import DeclarationError, NameUnknown, WrongType
from setpoint.data.language.evaluate import Inputs, aggregate_key, evaluate
from setpoint.declare.expr import Aggregate, Call, Expr, Literal, walk
from setpoint.examples.flights.flights import system
from setpoint.features.on_demand import Given, compile_one, plain

SALES = sp.events("sales", "sales.parquet", at="ts", delay="0s")


def test_the_flights_system_is_answered_like_a_batch_of_one() -> None:
    """Every feature of the example, with every part known."""
    fields: dict[str, Any] = {"carrier": "UA", "origin": "EWR", "dest": "IAH", "tailnum": "N14228", "flight": 1545.0}
    fields |= {"sched_dep": 1357034100000000, "sched_arr": 1357046340000000}
    columns: dict[tuple[str, str], Any] = {("planes", "year"): 1999.0, ("planes", "seats"): 149.0}
    exprs = [feature.expr for feature in system.features]
    folds = {node for expr in exprs for node in walk_aggregates(expr)}
    aggregates = {
        aggregate_key(node): 1357020000000000 if "departed_at" in str(node.column) else 12.5 for node in folds
    }
    now = 1357026900000000
    inputs = Inputs(1, arrays(columns), arrays(fields), {}, arrays(aggregates), np.array([now]))
    found = compile_one(exprs)(Given(fields, columns, aggregates, now))
    assert found == [evaluate(expr, inputs).tolist()[0] for expr in exprs]
    assert len(found) > 30


def walk_aggregates(expr: Expr) -> list[Any]:
    """The folds of an expression."""
    return [node for node in walk(expr, into_aggregates=False) if isinstance(node, Aggregate)]


def arrays(values: dict[Any, Any]) -> dict[Any, np.ndarray]:
    """Each value as an array of one."""
    return {key: np.array([one], dtype=object if isinstance(one, str) else None) for key, one in values.items()}


def test_a_value_of_each_kind_becomes_plain() -> None:
    """Whole numbers and truth values are floats, NULL is the NULL of its kind."""
    assert plain(3, "number").hex() == (3.0).hex()  # type: ignore[union-attr]
    assert plain(True, "bool") == 1.0
    assert plain(None, "time") == -(2**63)
    assert plain(None, "text") is None
    assert math.isnan(plain(None, "bool"))  # type: ignore[arg-type]


def test_equal_parts_are_computed_once() -> None:
    """Whichever expression they stand in."""
    calls = []

    class Counting(dict[str, Any]):
        def __getitem__(self, name: str) -> Any:
            calls.append(name)
            return super().__getitem__(name)

    twice = compile_one([sp.log1p(sp.field("a")) * 2, sp.log1p(sp.field("a")) * 2 + sp.field("a")])
    first, second = twice(Given(fields=Counting(a=1.0)))
    assert calls == ["a"]
    assert second == first + 1.0  # type: ignore[operator]


def test_the_result_of_one_request_does_not_show_in_the_next() -> None:
    """A compiled expression keeps nothing between calls."""
    half = compile_one([sp.field("a") / 2])
    assert [half(Given(fields={"a": one})) for one in (1.0, 3.0)] == [[0.5], [1.5]]


def test_constants_keep_their_kind_and_the_sign_of_zero() -> None:
    """Equal constants of different kinds stay apart."""
    found = compile_one([Literal(0.0), Literal(-0.0), Literal(False), Literal("0"), Literal(None)])(Given())
    assert [str(value) for value in found] == ["0.0", "-0.0", "0.0", "0", "nan"]


@pytest.mark.parametrize(
    ("expr", "error", "words"),
    [
        (sp.field("prize"), NameUnknown, "no request field 'prize'.*Did you mean 'price'"),
        (SALES.prize, NameUnknown, "no column 'sales.prize'.*Did you mean 'sales.price'"),
        (sp.feature("x"), NameUnknown, "no feature 'x'"),
        (sp.count(SALES, by="user"), DeclarationError, "was not folded"),
        (sp.now, DeclarationError, "no decision is taken"),
        (sp.action, DeclarationError, "no action is known"),
    ],
)
def test_what_is_not_at_hand_is_named(expr: Expr, error: type[Exception], words: str) -> None:
    """The same errors as from the evaluator of arrays."""
    run = compile_one([expr])
    with pytest.raises(error, match=words):
        run(Given(fields={"price": 1.0}, columns={("sales", "price"): 1.0}))


@pytest.mark.parametrize(
    ("expr", "error", "words"),
    [
        (Expr(), WrongType, "is not an expression"),
        (Call("lgo1p", (sp.field("a"),)), DeclarationError, "no function 'lgo1p'.*Did you mean 'log1p'"),
        (sp.field("t").hour(zone="Mars"), DeclarationError, "no time zone 'Mars'"),
    ],
)
def test_what_cannot_be_computed_is_refused_when_compiling(expr: Expr, error: type[Exception], words: str) -> None:
    """Not at the first request."""
    with pytest.raises(error, match=words):
        compile_one([expr])

"""The evaluator of arrays, and the one of single values, against an interpreter in plain Python."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import setpoint as sp
from setpoint.data.language import scalars
from setpoint.data.language.evaluate import evaluate
from setpoint.declare.expr import Call, Expr, walk
from setpoint.features.on_demand import Given, compile_one, plain
from tests.properties.language import (
    FIELDS,
    Row,
    alone,
    arrays,
    expected,
    kinds_and_expressions,
    meaning,
    rows_of,
    words,
)


@settings(max_examples=400)
@given(kinds_and_expressions, rows_of, st.sampled_from((1, 30)))
def test_an_expression_means_the_same_for_arrays_and_for_one_value(
    built: tuple[str, Expr], rows: list[Row], copies: int
) -> None:
    """Every operation in every combination, with NULL everywhere, to the last bit; short arrays and long ones."""
    kind, expr = built
    repeated = rows * copies
    found = evaluate(expr, arrays(repeated))
    assert words(kind, found.tolist()) == [expected(kind, meaning(expr, row)) for row in rows] * copies


@settings(max_examples=400)
@given(st.lists(kinds_and_expressions, min_size=1, max_size=4), rows_of)
def test_compiled_expressions_give_the_bits_of_the_evaluator(built: list[tuple[str, Expr]], rows: list[Row]) -> None:
    """Several expressions compiled together, on one row after another, are what the evaluator gives for arrays."""
    run = compile_one([expr for _, expr in built])
    whole = [words(kind, evaluate(expr, arrays(rows)).tolist()) for kind, expr in built]
    for number, row in enumerate(rows):
        found = run(given_one(row))
        for (kind, _), value, column in zip(built, found, whole, strict=True):
            assert words(kind, [value]) == column[number : number + 1]


@pytest.mark.parametrize("name", scalars.names())
@settings(max_examples=25)
@given(rows=rows_of)
def test_each_function_means_the_same_for_arrays_and_for_one_value(name: str, rows: list[Row]) -> None:
    """Alone, of values of every sort."""
    kind, expr = alone(name)
    meant = [expected(kind, meaning(expr, row)) for row in rows]
    assert words(kind, evaluate(expr, arrays(rows)).tolist()) == meant
    run = compile_one([expr])
    assert [words(kind, run(given_one(row)))[0] for row in rows] == meant


def given_one(row: Row) -> Given:
    """A row as the compiled expressions take it."""
    kinds = {name: kind for kind, names in FIELDS.items() for name in names}
    return Given(fields={name: plain(value, kinds[name]) for name, value in row.items()})


def test_the_words_of_the_language_are_those_computed() -> None:
    """What a declaration can write is what the evaluators know."""
    n, t, s = sp.field("n"), sp.field("t"), sp.field("s")
    written = [sp.log1p(n), sp.absolute(n), n.fill(0), n.is_null(), n.isin([1]), ~(n > 1), sp.log(n), sp.exp(n)]
    written += [sp.sqrt(n), sp.power(n, 2), sp.floor(n), sp.ceil(n), sp.round(n, 2), sp.minimum(n, 1), sp.sign(n)]
    written += [sp.maximum(n, 1), sp.if_else(n > 1, n, 0), sp.coalesce(n, 0), sp.sin(n), sp.cos(n), s.lower()]
    written += [s.upper(), s.strip(), s.length(), sp.joined(s, s), s.json("a"), t.hour(), t.weekday(), t.minute()]
    written += [s.matches("a"), t.day(), t.month(), t.year(), sp.bucket(n, edges=[1]), sp.hashed(s), sp.cross(s, n)]
    written += [sp.standardised(n), sp.vocabulary(s), sp.category(s, levels=["a"]), sp.positional(n, period=2)["0"]]
    assert {node.function for expr in written for node in walk(expr) if isinstance(node, Call)} == {*scalars.names()}

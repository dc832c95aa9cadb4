"""The SQL of an expression, run by DuckDB, against the evaluator."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import setpoint as sp
from setpoint.core.errors import DeclarationError
from setpoint.data.arrays import to_arrow
from setpoint.data.language import scalars
from setpoint.data.language.evaluate import Inputs, evaluate
from setpoint.declare.expr import Aggregate, Call, Expr
from setpoint.declare.kinds import Scope
from setpoint.declare.sql import MACROS, to_sql
from tests.properties.language import FIELDS, LIBRARY, Row, alone, arrays, expressions, half_or_zero, rows_of, words

KINDS = {name: kind for kind, names in FIELDS.items() for name in names}
SCOPE = Scope({}, KINDS, {})


@pytest.fixture(scope="module")
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the macros."""
    with duckdb.connect(config={"autoinstall_known_extensions": False, "threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(MACROS)
        yield connection


def table(rows: list[Row]) -> pa.Table:
    """The rows as a table of their kinds."""
    inputs = arrays(rows)
    return pa.table({name: to_arrow(inputs.fields[name], kind) for name, kind in KINDS.items()})


def run(duck: duckdb.DuckDBPyConnection, expr: Expr, kind: str, rows: pa.Table) -> list[Any]:
    """What DuckDB gives, in the words of the interpreter."""
    query = f"SELECT {to_sql(expr, SCOPE)} AS found FROM rows"
    found = duck.from_arrow(rows).query("rows", query).to_arrow_table()["found"]
    if kind == "time":
        return found.cast(pa.int64()).to_pylist()
    return [value if value is None or kind == "text" else float(value).hex() for value in found.to_pylist()]


every_kind = st.sampled_from(tuple(FIELDS)).flatmap(
    lambda kind: st.tuples(st.just(kind), expressions(kind, 3, sql=True))
)


@settings(max_examples=300, deadline=None)
@given(every_kind, rows_of)
def test_sql_gives_what_the_evaluator_gives(
    duck: duckdb.DuckDBPyConnection, built: tuple[str, Expr], rows: list[Row]
) -> None:
    """Every function in every combination, with NULL everywhere, a division by zero and a number too great."""
    kind, expr = built
    assert run(duck, expr, kind, table(rows)) == words(kind, evaluate(expr, arrays(rows)).tolist())


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(LIBRARY), st.lists(st.one_of(st.none(), NUMBERS, st.floats(-5, 5)), min_size=1))
def test_a_mathematical_library_differs_in_the_last_bit_at_most(
    duck: duckdb.DuckDBPyConnection, name: str, values: list[float | None]
) -> None:
    """Logarithms, exponentials, sines: the same number or the one beside it, and NULL in the same places."""
    close(duck, Call(name, (sp.field("n"),)), values, values)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.one_of(st.none(), NUMBERS, st.floats(0, 5)), st.floats(-9, 9)), min_size=1))
def test_a_power_differs_in_the_last_bit_at_most(
    duck: duckdb.DuckDBPyConnection, values: list[tuple[float | None, float]]
) -> None:
    """Of any base, with any exponent."""
    close(duck, sp.power(sp.field("n"), sp.field("m")), [base for base, _ in values], [power for _, power in values])


def close(duck: duckdb.DuckDBPyConnection, expr: Expr, n: list[float | None], m: list[float | None]) -> None:
    """Compares DuckDB's values with ours."""
    rows = pa.table({"n": pa.array(n, pa.float64()), "m": pa.array(m, pa.float64())})
    numbers = [np.array([math.nan if value is None else value for value in values]) for values in (n, m)]
    ours = evaluate(expr, Inputs(len(n), fields=dict(zip("nm", numbers, strict=True)))).tolist()
    theirs = [math.nan if found is None else float.fromhex(found) for found in run(duck, expr, "number", rows)]
    for one, other in zip(ours, theirs, strict=True):
        assert math.isnan(one) == math.isnan(other)
        assert math.isnan(one) or abs(one - other) <= math.ulp(one)


def test_every_character_has_the_same_case_in_sql(duck: duckdb.DuckDBPyConnection) -> None:
    """Whichever alphabet it is of."""
    characters = [chr(code) for code in range(1, 0x20000) if not 0xD800 <= code <= 0xDFFF]
    rows = pa.table({"s": characters})
    for expr in (sp.field("s").lower(), sp.field("s").upper(), sp.joined(sp.field("s"), "x", sp.field("s")).strip()):
        ours = evaluate(expr, Inputs(len(characters), fields={"s": np.array(characters, dtype=object)})).tolist()
        assert run(duck, expr, "text", rows) == ours


def test_names_and_texts_are_quoted() -> None:
    """Whatever is in them."""
    expr = sp.field('a "b"') == "it's"
    assert to_sql(expr, Scope({}, {'a "b"': "text"}, {})) == '("a ""b""" = \'it\'\'s\')'


def test_a_name_can_stand_for_an_aggregate() -> None:
    """What folds many rows is a column of the caller's; without one, it is refused."""
    sales = sp.events("sales", "sales.parquet", at="ts", delay="0s")
    expr = sp.field("n") / sp.sum(sales.price, by="n")
    scope = Scope({"sales": {"price": "number", "n": "number"}}, KINDS, {})
    assert to_sql(expr, scope, name=lambda node: "spent" if isinstance(node, Aggregate) else "n") == (
        "sp_finite(sp_finite(n) / sp_finite(spent))"
    )
    with pytest.raises(DeclarationError, match="has no SQL of its own"):
        to_sql(expr, scope)


def test_a_python_feature_has_no_sql() -> None:
    """The error names it."""
    with pytest.raises(DeclarationError, match=r"half_or_zero\(field\('n'\)\) cannot be said in SQL"):
        to_sql(half_or_zero(sp.field("n")), SCOPE)


@pytest.mark.parametrize("name", sorted({*scalars.names()} - {*LIBRARY, "power"}))
@settings(max_examples=10, deadline=None)
@given(rows=rows_of)
def test_each_function_has_sql(duck: duckdb.DuckDBPyConnection, name: str, rows: list[Row]) -> None:
    """What a declaration can write can be said in SQL."""
    kind, expr = alone(name)
    assert run(duck, expr, kind, table(rows)) == words(kind, evaluate(expr, arrays(rows)).tolist())


def test_now_and_the_action_are_columns_too() -> None:
    """Beside fields, features and columns."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    expr = ((sp.now > moment) & (sp.action == "block")) | (sp.feature("f") < -1)
    assert to_sql(expr, Scope({}, {}, {"f": "number"})) == (
        """((("now" > TIMESTAMPTZ '2026-01-01T00:00:00Z') AND ("action" = 'block')) OR (sp_finite("f") < (-1e0)))"""
    )

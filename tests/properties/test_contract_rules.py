"""Rules over whole columns against one row, or one pair of rows, at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

import setpoint as sp
from setpoint.data.arrays import to_arrow
from setpoint.data.contracts.conditions import where_false
from setpoint.data.contracts.duplicates import shared_rows
from setpoint.data.find import find
from setpoint.data.language.evaluate import evaluate
from setpoint.declare.expr import Binary, Call, Column, Expr, Field, PythonCall, rewrite, walk
from setpoint.declare.kinds import Scope
from tests.properties.language import FIELDS, Row, arrays, expressions, rows_of

SOURCE = sp.events("rows", "rows.parquet", at="t", delay="0s")
KINDS = {name: kind for kind, names in FIELDS.items() for name in names}
SCOPE = Scope({"rows": KINDS}, {}, {})


def over_columns(expr: Expr) -> Expr:
    """The same expression, with columns for fields."""
    return rewrite(expr, lambda node: Column(SOURCE, node.name) if isinstance(node, Field) else node)


@settings(max_examples=400, deadline=None)
@given(expressions("bool", 3).filter(lambda expr: any(isinstance(node, Field) for node in walk(expr))), rows_of)
def test_a_condition_is_false_where_the_evaluator_says_so(expr: Expr, rows: list[Row]) -> None:
    """Every function in every combination, with NULL everywhere; NULL is not false."""
    inputs = arrays(rows)
    columns = {name: to_arrow(inputs.fields[name], kind) for name, kind in KINDS.items()}
    expected = np.flatnonzero(evaluate(expr, inputs) == 0.0)
    assert where_false(over_columns(expr), columns, SCOPE).tolist() == expected.tolist()
    assert isinstance(expr, (Binary, Call, Field, PythonCall)), "a condition"


WHOLE = st.one_of(st.none(), st.sampled_from((0, 1, 2, 2**53, 2**53 + 1, -(2**63), 2**63 - 1)))


@settings(max_examples=200, deadline=None)
@given(st.lists(WHOLE, min_size=1), st.sampled_from((0.0, 1.0, 0.5, float(2**53), -3.0)))
def test_whole_numbers_compare_as_the_evaluator_does(values: list[int | None], end: float) -> None:
    """Also those that no float64 holds: they count as the nearest that does."""
    column = pa.array(values, pa.int64())
    for expr in (SOURCE.n < end, SOURCE.n == end, end >= SOURCE.n, SOURCE.n.isin([end])):
        fields = [np.nan if value is None else float(value) for value in values]
        whole = rewrite(expr, lambda node: Field("n") if isinstance(node, Column) else node)
        expected = evaluate(whole, type(arrays([]))(len(values), fields={"n": np.array(fields)})) == 0.0
        assert where_false(expr, {"n": column}, SCOPE).tolist() == np.flatnonzero(expected).tolist()


COLUMNS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "whole": (pa.int64(), st.one_of(st.integers(0, 3), st.integers(-(2**63), 2**63 - 1).filter(lambda n: n % 3 == 0))),
    "text": (pa.string(), st.sampled_from(("", "a", "b", "ab"))),
    "fraction": (pa.float64(), st.sampled_from((0.0, -0.0, 1.0, 0.5))),
    "truth": (pa.bool_(), st.booleans()),
    "time": (pa.timestamp("us", tz="UTC"), st.integers(0, 3)),
}


@st.composite
def two_tables(draw: st.DrawFn) -> tuple[list[pa.Array], list[pa.Array]]:
    """Rows of one to three columns, and other rows of the same."""
    names = draw(st.lists(st.sampled_from(tuple(COLUMNS)), min_size=1, max_size=3))
    sizes = [draw(st.integers(0, 12)) for _ in range(2)]
    tables: list[list[pa.Array]] = []
    for size in sizes:
        parts = [(COLUMNS[name][0], st.one_of(st.none(), COLUMNS[name][1])) for name in names]
        tables.append([pa.array(draw(st.lists(of, min_size=size, max_size=size)), kind) for kind, of in parts])
    return tables[0], tables[1]


def tuples(columns: Sequence[pa.Array]) -> list[tuple[Any, ...]]:
    """The rows of columns."""
    return list(zip(*[column.to_pylist() for column in columns], strict=True))


@settings(max_examples=300, deadline=None)
@given(two_tables())
def test_rows_that_share_values_are_those_that_pairs_show(tables: tuple[list[pa.Array], list[pa.Array]]) -> None:
    """Rows with a NULL share nothing; in this many rows no two hashes are equal by chance."""
    rows = tuples(tables[0])
    expected = [place for place, row in enumerate(rows) if None not in row and rows.count(row) > 1]
    assert shared_rows(tables[0]).tolist() == expected


@settings(max_examples=300, deadline=None)
@given(two_tables())
def test_a_row_is_found_where_the_first_equal_one_is(tables: tuple[list[pa.Array], list[pa.Array]]) -> None:
    """A row with a NULL is found nowhere."""
    mine, known = (tuples(columns) for columns in tables)
    expected = [-1 if None in row or row not in known else known.index(row) for row in mine]
    assert find(*tables).tolist() == expected


def test_numbers_are_found_whether_whole_or_not_however_far_apart() -> None:
    """By a list of places where they are close together, by hashing where they are not."""
    near, far = pa.array([5, 3, 5, None]), pa.array([10**15, -5, 10**15, None])
    for known in (near, far):
        first, second = known[0].as_py(), known[1].as_py()
        wanted = pa.array([second, first, first + 1, None, -(2**63)])
        assert find([wanted], [known]).tolist() == [1, 0, -1, -1, -1]
        assert find([wanted.cast(pa.float64(), safe=False)], [known]).tolist() == [1, 0, -1, -1, -1]
    many = np.random.default_rng(1).permutation(200_000)
    assert np.array_equal(find([pa.array(np.arange(200_000))], [pa.array(many)]), np.argsort(many))
    spread = pa.array(np.r_[many * 10**12, 7 * 10**12])
    assert many[shared_rows([spread])[0]] == 7
    assert shared_rows([spread]).size == 2

"""Where a condition is false, over Arrow columns block by block: the truth of `evaluate`, without leaving Arrow.

What Arrow computes to the same bits it computes: comparisons, & and | (Kleene's), membership, patterns, + - * / of
numbers. The rest is left to `evaluate`, part by part. Blocks are short enough to stay in the processor's cache. What is
said of one dictionary-encoded column is found for each of its values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.data.arrays import UTC_MICROSECONDS, to_array, to_arrow
from setpoint.data.dictionary_columns import codes_and_null, plain, spread, texts_by_value, values_and_null
from setpoint.data.language.evaluate import Inputs, evaluate
from setpoint.data.language.texts import matched
from setpoint.declare.expr import Binary, Call, Column, Expr, Literal, PythonCall, walk
from setpoint.declare.kinds import BOOL, NUMBER, TEXT, TIME, Scope, kind_of
from setpoint.declare.source import info

Ints = npt.NDArray[np.int64]

BLOCK = 1 << 16
"""Rows that are looked at together."""

FEW = 8
"""So many values are looked for one by one."""

WHOLE = 2**53
"""Whole numbers nearer to zero are float64 numbers, each another one."""


def where_false(condition: Expr, columns: Mapping[str, pa.Array], scope: Scope) -> Ints:
    """The rows for which a condition over columns of one source is false: NULL is not.

    >>> from setpoint.declare.source import events
    >>> sales = events("sales", "sales.parquet", at="ts", delay="0s")
    >>> price = {"price": pa.array([5, -1, None, 0])}
    >>> where_false(sales.price > 0, price, Scope({"sales": {"price": "number"}}, {}, {})).tolist()
    [1, 3]
    """
    names = dict.fromkeys(node.name for node in walk(condition) if isinstance(node, Column))
    given = {name: _by_value_or_plain(columns[name]) for name in names}
    of_values = _OfValues(given, scope)
    encoded = of_values.column(condition)
    if encoded is not None:
        return _rows_of(pc.fill_null(pc.invert(of_values.found(condition)), False), given[encoded])
    size = len(given[next(iter(names))])
    found = []
    for start in range(0, size, BLOCK):
        block = _Block({name: column.slice(start, BLOCK) for name, column in given.items()}, scope, of_values)
        truth = block.value(condition)
        if isinstance(truth, pa.Scalar):
            truth = pa.array([truth.as_py()] * block.size, pa.bool_())
        if pc.all(truth, min_count=0).as_py():
            continue
        false = pc.fill_null(pc.invert(truth), False)
        found.append(np.flatnonzero(false.to_numpy(zero_copy_only=False)) + start)
    return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)


def _rows_of(false: pa.Array, column: pa.DictionaryArray) -> Ints:
    """The rows of the values for which something is false, as it is told for each value, and for NULL."""
    wrong = np.flatnonzero(false.to_numpy(zero_copy_only=False))
    if not wrong.size:
        return np.zeros(0, dtype=np.int64)
    if wrong.size > FEW:
        return np.flatnonzero(spread(false, column).to_numpy(zero_copy_only=False))
    codes = codes_and_null(column)
    return np.flatnonzero(np.logical_or.reduce([codes == each for each in wrong.tolist()]))


def _by_value_or_plain(column: pa.Array) -> pa.Array:
    encoded = texts_by_value(column)
    return plain(column) if encoded is None else encoded


class _OfValues:
    """What expressions over one dictionary-encoded column are for each of its values, and for NULL: found once."""

    def __init__(self, columns: Mapping[str, pa.Array], scope: Scope) -> None:
        self._columns, self._scope = columns, scope
        self._encoded = {name for name, column in columns.items() if pa.types.is_dictionary(column.type)}
        self._alone: dict[int, str | None] = {}
        self._found: dict[int, pa.Array] = {}

    def column(self, expr: Expr) -> str | None:
        """The only column that an expression reads, if it is encoded; a Python function may look at whole columns."""
        if not self._encoded or isinstance(expr, Column):
            return None
        if id(expr) not in self._alone:
            nodes = list(walk(expr))
            names = {node.name for node in nodes if isinstance(node, Column)}
            alone = len(names) == 1 and names <= self._encoded and not any(isinstance(n, PythonCall) for n in nodes)
            self._alone[id(expr)] = names.pop() if alone else None
        return self._alone[id(expr)]

    def found(self, expr: Expr) -> pa.Array:
        """The value of such an expression for each value of its column, and for NULL."""
        name = self.column(expr)
        assert name is not None
        if id(expr) not in self._found:
            values = {name: values_and_null(self._columns[name])}
            self._found[id(expr)] = _Block(values, self._scope, _OfValues(values, self._scope)).value(expr)
        return self._found[id(expr)]


class _Block:
    """Some rows of a source, and the values of expressions over them: Arrow arrays, and scalars for constants."""

    def __init__(self, columns: Mapping[str, pa.Array], scope: Scope, of_values: _OfValues) -> None:
        self._columns, self._scope, self._of_values = columns, scope, of_values
        self.size = len(next(iter(columns.values())))

    def value(self, expr: Expr) -> pa.Array | pa.Scalar:
        """The values of an expression: int64 or float64, string, bool or timestamp."""
        if isinstance(expr, Column):
            return plain(self._columns[expr.name])
        if isinstance(expr, Literal):
            return _constant(expr)
        encoded = self._of_values.column(expr)
        if encoded is not None:
            return spread(self._of_values.found(expr), self._columns[encoded])
        found = None
        if isinstance(expr, Binary):
            found = self._binary(expr)
        elif isinstance(expr, Call) and expr.function in _CALLS:
            found = _CALLS[expr.function](self, expr)
        return self._otherwise(expr) if found is None else found

    def kind(self, expr: Expr) -> str:
        """The kind of an expression's values."""
        return kind_of(expr, self._scope, where="A rule")

    def number(self, expr: Expr) -> pa.Array | pa.Scalar:
        """The values of a number or truth value, as float64."""
        values = self.value(expr)
        return values if pa.types.is_float64(values.type) else pc.cast(values, pa.float64(), safe=False)

    def _binary(self, expr: Binary) -> pa.Array | None:
        if expr.op in _LOGIC:
            return _LOGIC[expr.op](self.value(expr.left), self.value(expr.right))
        kinds = {self.kind(expr.left), self.kind(expr.right)}
        if expr.op in _COMPARE:
            if kinds <= {NUMBER, BOOL}:
                return _COMPARE[expr.op](*self._comparable(expr.left, expr.right))
            if kinds in ({TEXT}, {TIME}):
                return _COMPARE[expr.op](self.value(expr.left), self.value(expr.right))
            return None
        if not kinds <= {NUMBER, BOOL}:
            return None
        return _finite(_ARITHMETIC[expr.op](self.number(expr.left), self.number(expr.right)))

    def _comparable(self, left: Expr, right: Expr) -> tuple[pa.Array | pa.Scalar, pa.Array | pa.Scalar]:
        """Two numbers as float64; a column of whole numbers beside a small whole constant stays as it is."""
        for one, other, turned in ((left, right, False), (right, left, True)):
            if isinstance(one, Column) and isinstance(other, Literal) and isinstance(other.value, (int, float)):
                column, end = self._columns[one.name], float(other.value)
                if pa.types.is_int64(column.type) and end.is_integer() and abs(end) < WHOLE:
                    pair = column, pa.scalar(int(end), pa.int64())
                    return (pair[1], pair[0]) if turned else pair
        return self.number(left), self.number(right)

    def _otherwise(self, expr: Expr) -> pa.Array:
        """What the evaluator gives."""
        columns = {}
        for node in walk(expr):
            if isinstance(node, Column):
                kind = self.kind(node)
                columns[info(node.source).name, node.name] = to_array(plain(self._columns[node.name]), kind)
        return to_arrow(evaluate(expr, Inputs(self.size, columns=columns)), self.kind(expr))


def _constant(expr: Literal) -> pa.Scalar:
    if expr.unit == "time":
        return pa.scalar(expr.value, UTC_MICROSECONDS)
    if expr.value is None or (isinstance(expr.value, (int, float)) and not isinstance(expr.value, bool)):
        return pa.scalar(None if expr.value is None else float(expr.value), pa.float64())
    return pa.scalar(expr.value)


def _finite(values: pa.Array | pa.Scalar) -> pa.Array | pa.Scalar:
    """The values with NULL for what is not a finite number."""
    fine = pc.is_finite(values)
    if isinstance(values, pa.Scalar):
        return values if fine.as_py() in (True, None) else pa.scalar(None, pa.float64())
    return values if pc.all(fine, min_count=0).as_py() else pc.if_else(fine, values, pa.scalar(None, pa.float64()))


def _known(block: _Block, expr: Call) -> pa.Array | None:
    """Membership among constants of the value's kind; NULL where there is no value."""
    value, *others = expr.arguments
    known = [other.value for other in others if isinstance(other, Literal) and not other.unit]
    kind = block.kind(value)
    if len(known) < len(others) or None in known or not known or kind not in (TEXT, NUMBER):
        return None
    values = block.value(value) if kind == TEXT else block.number(value)
    if isinstance(values, pa.Scalar):
        return None
    plain = known if kind == TEXT else [float(one or 0.0) for one in known]
    if kind == NUMBER:
        values = pc.add(values, 0.0)  # which makes -0.0 the 0.0 that it equals
    found = pc.is_in(values, value_set=pa.array(plain, values.type))
    return found if not values.null_count else pc.if_else(pc.is_valid(values), found, pa.scalar(None, pa.bool_()))


def _length(block: _Block, expr: Call) -> pa.Array:
    return pc.cast(pc.utf8_length(block.value(expr.arguments[0])), pa.float64())


def _matches(block: _Block, expr: Call) -> pa.Array:
    value, pattern = expr.arguments
    assert isinstance(pattern, Literal)
    return matched(block.value(value), str(pattern.value))


_LOGIC: Mapping[str, Callable[..., pa.Array]] = {"&": pc.and_kleene, "|": pc.or_kleene}
_COMPARE: Mapping[str, Callable[..., pa.Array]] = {
    "==": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
_ARITHMETIC: Mapping[str, Callable[..., pa.Array]] = {
    "+": pc.add,
    "-": pc.subtract,
    "*": pc.multiply,
    "/": pc.divide,
}
_CALLS: Mapping[str, Callable[[_Block, Call], pa.Array | None]] = {
    "abs": lambda block, expr: pc.abs(block.number(expr.arguments[0])),
    "is_null": lambda block, expr: pc.is_null(block.value(expr.arguments[0])),
    "isin": _known,
    "length": _length,
    "matches": _matches,
    "not": lambda block, expr: pc.invert(block.value(expr.arguments[0])),
}

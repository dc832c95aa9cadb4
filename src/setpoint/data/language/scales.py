"""Scales found in data: the fewest decimals with which every value of a column is exact."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa

from setpoint.core.errors import DeclarationError, NameUnknown, WrongType
from setpoint.data.arrays import EXACT, Array, to_array
from setpoint.data.language.evaluate import Inputs, evaluate
from setpoint.data.rows import kinds
from setpoint.declare.expr import Column, Expr, walk
from setpoint.declare.kinds import BOOL, NUMBER, Scope, kind_of
from setpoint.declare.scales import MOST, USUAL, Scale
from setpoint.declare.source import info

CHUNK = 1 << 20
"""Rows looked at together, so that memory is bounded."""

CLOSE = 1e-9
"""How far from a whole multiple of its unit a value may be: what computing with decimals in binary leaves."""

DUST = 1e-14
"""Beside the greatest value, what is as small as this is a zero that arithmetic left."""


def find_scale(chunks: Iterable[Array]) -> Scale | None:
    """The fewest decimals from 0 to 9 with which every value is exact to float rounding; None where there is no value.

    Values of 2**53 and more, which no scale fits, do not count. Where no number of decimals is exact, it is six, or
    fewer so that the greatest value stays below 2**53 units.

    >>> find_scale([np.array([12.5, 3.25, np.nan])]).decimals
    2
    >>> find_scale([np.array([1 / 3])]).to_dict()
    {'decimals': 6, 'exact': False}
    """
    decimals, greatest = 0, -1.0
    for values in chunks:
        size = np.abs(values)
        size = size[size < EXACT]
        if size.size == 0:
            continue
        greatest = max(greatest, float(size.max()))
        size = size[size > greatest * DUST]
        while decimals <= MOST and not _is_exact(size, decimals):
            decimals += 1
    if greatest < 0:
        return None
    if decimals <= MOST:
        return Scale(decimals, exact=True)
    fitting = [one for one in range(USUAL + 1) if greatest * 10.0**one < EXACT]
    return Scale(max(fitting, default=0), exact=False)


def _is_exact(size: Array, decimals: int) -> bool:
    """Whether sizes are whole multiples of a unit; a sample answers for most columns that are not."""
    return _whole(size[:1000], decimals) and (size.size <= 1000 or _whole(size, decimals))


def _whole(size: Array, decimals: int) -> bool:
    scaled = size * 10.0**decimals
    whole = np.rint(scaled)
    near = np.abs(scaled - whole) <= np.clip(4 * np.finfo(np.float64).eps * scaled, CLOSE, 0.25)
    return bool(np.all(near & (whole > 0) & (scaled < EXACT)))


def scales_of(columns: Mapping[str, Expr], rows: Mapping[str, pa.Table]) -> dict[str, Scale]:
    """The scale of each column that some row has a value of, by the same names; every row of its source is looked at.

    What is no number, or reads a column that there is not, has none: a plan refuses it where it is declared.

    >>> from setpoint.declare.source import events
    >>> sales = events("sales", "sales.parquet", at="ts", delay="0s")
    >>> scales_of({"paid": sales.price / 4}, {"sales": pa.table({"price": [1.0, 2.0]})})["paid"].decimals
    2
    """
    found = {}
    for key, column in columns.items():
        read = [node for node in walk(column) if isinstance(node, Column)]
        source = info(read[0].source).name
        if not _is_number(column, source, rows[source]):
            continue
        scale = find_scale(_values(column, [node.name for node in read], rows[source], source))
        if scale is not None:
            found[key] = scale
    return found


def _is_number(column: Expr, source: str, table: pa.Table) -> bool:
    try:
        return kind_of(column, Scope({source: kinds(table)}, {}, {}), where="A scale") in (NUMBER, BOOL)
    except (NameUnknown, WrongType, DeclarationError):
        return False


def still_exact(scale: Scale, column: Expr, rows: Mapping[str, pa.Table]) -> bool:
    """Whether a scale that was exact when it was fixed is so for the newest rows of the column's source.

    >>> from setpoint.declare.source import events
    >>> sales = events("sales", "sales.parquet", at="ts", delay="0s")
    >>> still_exact(Scale(1, exact=True), sales.price, {"sales": pa.table({"price": [1.5, 2.25]})})
    False
    """
    source = next(info(node.source).name for node in walk(column) if isinstance(node, Column))
    table = rows[source]
    newest = table.slice(max(0, table.num_rows - CHUNK))
    found = scales_of({"": column}, {source: newest}).get("", scale)
    return not scale.exact or (found.exact and found.decimals <= scale.decimals)


def _values(column: Expr, names: list[str], table: pa.Table, source: str) -> Iterable[Array]:
    known = kinds(table)
    for start in range(0, table.num_rows, CHUNK):
        part = table.slice(start, CHUNK)
        columns = {(source, name): to_array(part[name], known[name]) for name in dict.fromkeys(names)}
        yield evaluate(column, Inputs(part.num_rows, columns=columns))

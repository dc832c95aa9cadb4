"""What folds read of a source's rows: values of expressions, which rows count, codes of values.

Each is worked out once, in order of position, and is what `kernel` and `pairs` start from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.digest import digest
from setpoint.data.arrays import EXACT, NULL_TIME, Array, Mask, null_mask, to_array, to_arrow
from setpoint.data.identity import text_hashes
from setpoint.data.language.evaluate import Inputs, evaluate, is_true
from setpoint.declare.expr import Column, Expr, to_dict
from setpoint.declare.kinds import TEXT, TIME
from setpoint.features.needs import columns_of
from setpoint.features.values import bucket_of, bucket_value, hash_words, value_words


@dataclass(frozen=True, eq=False)
class Codes:
    """A code for each row, -1 where it does not count, and the number of each code.

    Codes are in the order that a kind of fold needs: of hashes (distinct and neighbours; the number is the hash), of
    values (top, of texts of their hashes; the number is the code), of buckets (quantile; the number is the bucket's
    value).
    """

    codes: Array
    numbers: Array


class Columns:
    """The rows of a source, with the kinds of its columns."""

    def __init__(self, name: str, rows: pa.Table, kinds: Mapping[str, str]) -> None:
        self.name, self.rows, self._kinds = name, rows.num_rows, kinds
        self._table = rows
        self._columns: dict[tuple[str, str], Array] = {}
        self._arrow: dict[str, pa.Array] = {}
        self._values: dict[str, Array] = {}
        self._counts: dict[str, Mask | None] = {}
        self._ranked: dict[str, Array | None] = {}
        self._tops: dict[str, Array] = {}

    def forget(self) -> None:
        """Give back the memory of what can be worked out again."""
        self._columns, self._values, self._arrow, self._counts = {}, {}, {}, {}

    def arrow(self, name: str) -> pa.Array:
        """A column as one Arrow array."""
        if name not in self._arrow:
            column = self._table.column(name)
            self._arrow[name] = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
        return self._arrow[name]

    def values(self, expr: Expr) -> Array:
        """The value of an expression in each row; not to be written."""
        key = digest(to_dict(expr))
        if key not in self._values:
            for name in columns_of(expr):
                if (self.name, name) not in self._columns:
                    self._columns[self.name, name] = to_array(self.arrow(name), self._kinds[name])
            self._values[key] = evaluate(expr, Inputs(self.rows, self._columns))
        return self._values[key]

    def counts(self, column: Expr | None, where: Expr | None) -> Mask | None:
        """Whether each row counts: its condition is true and its value is not NULL; None when every row does."""
        name = _name(column, where)
        if name not in self._counts:
            self._counts[name] = self._counted(column, where)
        return self._counts[name]

    def _counted(self, column: Expr | None, where: Expr | None) -> Mask | None:
        found = None if where is None else is_true(self.values(where))
        if column is not None:
            if isinstance(column, Column) and self._kinds[column.name] == TEXT:
                null = self._null(column)
            else:
                null = null_mask(self.values(column))
            if null is not None and null.any():
                found = ~null if found is None else found & ~null
        return None if found is None or found.all() else found

    def _null(self, column: Column) -> Mask | None:
        arrow = self.arrow(column.name)
        return np.asarray(arrow.is_null().to_numpy(zero_copy_only=False)) if arrow.null_count else None

    def numbers(self, column: Expr | None, where: Expr | None, kind: str) -> Array:
        """A number for each row, NaN where it does not count; empty when rows are only counted and every row counts.

        Of a number or truth value it is the value, of a time see `times`, otherwise 0.0.
        """
        counts = self.counts(column, where)
        if column is None or kind == TEXT:
            return np.zeros(0) if counts is None else np.where(counts, 0.0, np.nan)
        found = self.times(column) if kind == TIME else self.values(column)
        return found if counts is None or (where is None and kind != TIME) else np.where(counts, found, np.nan)

    def times(self, column: Expr) -> Array:
        """Times as numbers in the same order: themselves where each is one, otherwise their ranks."""
        values, key = self.values(column), digest(to_dict(column))
        plain = values[values != NULL_TIME]
        if not plain.size or max(-int(plain.min()), int(plain.max())) < EXACT:
            self._ranked[key] = None
            return values.astype(np.float64)
        self._ranked[key], places = np.unique(values, return_inverse=True)
        return places.astype(np.float64)

    def back_to_times(self, column: Expr, numbers: Array) -> Array:
        """The times that numbers of `times` stand for; NaN is NULL."""
        null = np.isnan(numbers)
        whole, known = np.where(null, 0.0, numbers).astype(np.int64), self._ranked[digest(to_dict(column))]
        return np.where(null, NULL_TIME, whole if known is None else known[whole])

    def codes(self, column: Expr, where: Expr | None, kind: str, fold: str) -> Codes:
        """The codes that a "distinct", "top", "quantile" or "neighbours" counts."""
        counts = self.counts(column, where)
        codes, words, values = self._texts(column) if kind == TEXT else self._words(column, kind, fold)
        if fold in ("distinct", "neighbours"):
            rank = np.argsort(hash_words(words), kind="stable")
            numbers = hash_words(words)[rank].astype(np.float64)
        else:
            rank = np.argsort(words if kind == TEXT else values, kind="stable")
            numbers = values[rank] if fold == "quantile" else np.arange(rank.size, dtype=np.float64)
        if fold == "top":
            self._tops[_name(column, where)] = with_null(values[rank])
        places = np.empty(rank.size + 1, dtype=np.int32)
        places[rank], places[-1] = np.arange(rank.size), -1
        return Codes(places[codes if counts is None else np.where(counts, codes, -1)], numbers)

    def tops(self, column: Expr, where: Expr | None, codes: Array) -> Array:
        """The values of the codes of a "top", NULL for the code -1."""
        return self._tops[_name(column, where)][codes]

    def _texts(self, column: Expr) -> tuple[Array, Array, Array]:
        """The code of each row's text (-1 for NULL), and the word and the text of each code."""
        arrow = self.arrow(column.name) if isinstance(column, Column) else pa.array(self.values(column), pa.string())
        codes, texts = _encoded(arrow if pa.types.is_string(arrow.type) else arrow.cast(pa.string()))
        words, same = np.unique(text_hashes(texts).view(np.int64), return_inverse=True)
        values = np.empty(words.size, dtype=object)
        values[same[::-1]] = texts.to_numpy(zero_copy_only=False)[::-1]
        return np.append(same, -1)[codes], words, values

    def _words(self, column: Expr, kind: str, fold: str) -> tuple[Array, Array, Array]:
        """The code of each row's value, and the word and the value of each code."""
        plain = self.values(column)
        codes, coded = _encoded(pa.array(bucket_of(plain) if fold == "quantile" else value_words(plain, kind)))
        words = coded.to_numpy(zero_copy_only=False)
        return codes, words, bucket_value(words) if fold == "quantile" else words.view(plain.dtype)

    def take(self, column: Expr, kind: str, rows: Array) -> Array:
        """The values of an expression in some rows, NULL for the row -1."""
        if isinstance(column, Column):
            return to_array(self.arrow(column.name).take(pa.array(rows, mask=rows < 0)), kind)
        return with_null(self.values(column))[rows]

    def take_arrow(self, column: Expr, kind: str, rows: Array) -> pa.Array:
        """The values of an expression in some rows as an Arrow array."""
        if isinstance(column, Column):
            found = self.arrow(column.name).take(pa.array(rows, mask=rows < 0))
            return found.cast(pa.string()) if kind == TEXT else found
        return to_arrow(self.take(column, kind, rows), kind)


def with_null(values: Array) -> Array:
    """The values with the NULL of their kind behind them, where the index -1 finds it.

    >>> with_null(np.array([1.5, 2.5]))[[1, -1]]
    array([2.5, nan])
    """
    if values.dtype == np.float64:
        return np.append(values, np.nan)
    if values.dtype == np.int64:
        return np.append(values, np.int64(NULL_TIME))
    found = np.empty(values.size + 1, dtype=object)
    found[:-1] = values
    return found


def _name(column: Expr | None, where: Expr | None) -> str:
    return digest([None if part is None else to_dict(part) for part in (column, where)])


def _encoded(column: pa.Array) -> tuple[Array, pa.Array]:
    """The place of each value among the different ones, -1 for NULL, and these."""
    coded = column.dictionary_encode()
    return np.asarray(pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)), coded.dictionary

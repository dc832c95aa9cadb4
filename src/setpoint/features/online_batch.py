"""The rows of a batch as blobs take them in: for each truth and value of a shape a row of numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from setpoint.data.arrays import NULL_TIME, Array, Mask, null_mask
from setpoint.data.language.evaluate import Inputs, evaluate, is_true
from setpoint.declare.expr import Expr
from setpoint.declare.kinds import TEXT, TIME
from setpoint.features.finalise import to_scaled
from setpoint.features.shape import FIRST, LAST, Shape, Truth, Value
from setpoint.features.values import bucket_of, hash_words, value_words


class Added(NamedTuple):
    """Rows to add to blobs: their times and positions, and for each truth and value of a shape a row of numbers."""

    at: Array
    known_at: Array
    position: Array
    truths: Array
    values: Array


def nothing_added(shape: Shape) -> Added:
    """No rows, for blobs of a shape."""
    none = np.zeros(0, dtype=np.int64)
    return Added(
        none, none, none, np.zeros((len(shape.truths), 0), np.uint8), np.zeros((len(shape.values), 0), np.int64)
    )


class Batch:
    """The rows of a batch as shapes want them, each expression computed once."""

    def __init__(self, inputs: Inputs, *, at: Array, known_at: Array, position: Array) -> None:
        self._inputs = inputs
        self._times = (at, known_at, position)
        self._exprs: dict[int, Array] = {}
        self._truths: dict[str, Mask] = {}
        self._values: dict[str, Array] = {}

    def counts(self, shape: Shape) -> Mask:
        """Which rows have something to add to a blob of a shape."""
        return np.asarray(np.logical_or.reduce([self._truth(truth) for truth in shape.truths.values()]))

    def added(self, shape: Shape, rows: Array) -> Added:
        """These rows, by their places, as they are added to blobs of a shape."""
        truths = np.empty((len(shape.truths), rows.size), dtype=np.uint8)
        values = np.empty((len(shape.values), rows.size), dtype=np.int64)
        for place, truth in enumerate(shape.truths.values()):
            truths[place] = self._truth(truth)[rows]
        for place, value in enumerate(shape.values.values()):
            values[place] = self._value(value)[rows]
        at, known_at, position = (times[rows] for times in self._times)
        return Added(at, known_at, position, truths, values)

    def texts(self, shape: Shape, rows: Array) -> Iterator[tuple[Array, Array]]:
        """The hashes and the texts of these rows, for each value of a shape that is given back as a text."""
        values = list(shape.values.values())
        truths = list(shape.truths.values())
        for truth, place in shape.texts:
            texts = self._of(values[place].column)
            counted = rows[self._truth(truths[truth])[rows] & ~null_mask(texts[rows])]
            yield self._value(values[place])[counted], texts[counted]

    def _truth(self, truth: Truth) -> Mask:
        if truth.name not in self._truths:
            found = np.ones(self._inputs.size, dtype=np.bool_)
            if truth.any_of:
                found = np.logical_or.reduce([self._truths[one] for one in truth.any_of])
            if truth.where is not None:
                found &= is_true(self._of(truth.where))
            if truth.column is not None:
                found &= ~null_mask(self._of(truth.column))
            self._truths[truth.name] = found
        return self._truths[truth.name]

    def _value(self, value: Value) -> Array:
        if value.name not in self._values:
            self._values[value.name] = words_of(self._of(value.column), value)
        return self._values[value.name]

    def _of(self, expr: Expr) -> Array:
        if id(expr) not in self._exprs:
            self._exprs[id(expr)] = evaluate(expr, self._inputs)
        return self._exprs[id(expr)]


def words_of(values: Array, value: Value) -> Array:
    """The 64 bits that are kept of each value.

    "row" keeps a value bit for bit, NULL as NaN or NULL_TIME. "order" is a word, the same for equal values, in whose
    order numbers and times are smaller or greater; "hash" is one in the order of the hashes of words as unsigned
    integers.
    """
    if value.form == "scaled":
        return to_scaled(values, value.decimals, column=str(value.column))
    if value.form == "bucket":
        return bucket_of(values)
    if value.form == "row" and value.kind != TEXT:
        return np.where(np.isnan(values), np.nan, values).view(np.int64) if value.kind != TIME else values
    words = value_words(values, value.kind)
    if value.form == "row":
        return np.where(null_mask(values), np.int64(NULL_TIME), words)
    if value.form == "hash":
        return np.asarray(hash_words(words).view(np.int64) ^ np.int64(FIRST))
    return words if value.kind in (TEXT, TIME) else words ^ ((words >> np.int64(63)) & np.int64(LAST))

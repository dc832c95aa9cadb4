"""Predictions as columns of a table: a number for each row, or a struct of a number for each name."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.records import ANSWER, PREDICTION
from setpoint.data.arrays import Array, Mask
from setpoint.declare.goal_kind import MULTICLASS, MULTILABEL
from setpoint.declare.prediction import HALF, Form


def prediction_type(form: Form) -> pa.DataType:
    """The type of a column of predictions.

    >>> prediction_type(Form("quantile", ("low", "high")))
    StructType(struct<low: double, high: double>)
    """
    return pa.struct([(name, pa.float64()) for name in form.names]) if form.names else pa.float64()


def prediction_column(form: Form, numbers: Array) -> pa.Array:
    """Predictions, (n,) or (n, k), as a column; one that is none is NULL where there are several numbers, else NaN.

    >>> prediction_column(Form("quantile", ("low", "high")), np.array([[1.0, 2.0]])).to_pylist()
    [{'low': 1.0, 'high': 2.0}]
    """
    if not form.names:
        return pa.array(numbers, pa.float64())
    rows = numbers.reshape(-1, form.width)
    columns = [pa.array(np.ascontiguousarray(each), pa.float64()) for each in rows.T]
    mask = pa.array(np.isnan(rows).any(axis=1))
    return pa.StructArray.from_arrays(columns, fields=list(prediction_type(form)), mask=mask)


def predicted_columns(form: Form, numbers: Array) -> dict[str, pa.Array]:
    """The columns of the decision log beside the score: the numbers where they are several, and what is answered."""
    found = {PREDICTION: prediction_column(form, numbers)} if form.names else {}
    answered = answer_column(form, numbers)
    return found if answered is None else {**found, ANSWER: answered}


def predictions_of(form: Form, column: pa.ChunkedArray | pa.Array) -> Array:
    """The predictions, (n,) or (n, k), that `prediction_column` made a column of; NaN where there is none."""
    if not form.names:
        return np.asarray(column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy())
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    parts = [pc.struct_field(whole, name).to_numpy(zero_copy_only=False) for name in form.names]
    return np.stack(parts, axis=1).astype(np.float64).reshape(-1, form.width)


def no_predictions(form: Form, rows: int) -> Array:
    """Of each row that nobody can say: NaN, (n,) or (n, k)."""
    return np.full((rows, form.width) if form.names else rows, np.nan)


def usable(form: Form, numbers: Array) -> Mask:
    """Which rows are predictions: `Form.holds` of each."""
    with np.errstate(invalid="ignore"):
        inside = (numbers >= form.least) & (numbers <= form.most) & np.isfinite(numbers)
    return np.asarray(inside if inside.ndim == 1 else inside.all(axis=1))


def greatest(numbers: Array) -> Array:
    """One number for each prediction, of several the greatest: what monitors watch.

    >>> greatest(np.array([[0.2, 0.8], [0.6, 0.4]]))
    array([0.8, 0.6])
    """
    return numbers if numbers.ndim == 1 else np.asarray(numbers.max(axis=1, initial=-np.inf))


def answer_column(form: Form, numbers: Array) -> pa.Array | None:
    """What is answered by each prediction, as `Form.answer` has it; None for kinds whose prediction is the answer.

    >>> answer_column(Form("multiclass", ("a", "b"), prices=(1.0, 4.0)), np.array([[0.7, 0.3]])).to_pylist()
    ['b']
    """
    if form.kind == MULTICLASS:
        worth = numbers * np.array(form.prices)
        likeliest = np.where(worth == worth.max(axis=1, initial=-np.inf)[:, None], numbers, -np.inf)
        place = likeliest.argmax(axis=1) if len(numbers) else np.zeros(0, dtype=np.int64)
        names = pa.array(form.names, pa.string())
        return names.take(pa.array(place, mask=~usable(form, numbers)))
    if form.kind == MULTILABEL:
        chosen = numbers >= HALF
        ends = np.concatenate([[0], np.cumsum(chosen.sum(axis=1))])
        named = pa.array(form.names, pa.string()).take(pa.array(np.nonzero(chosen)[1]))
        return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), named)
    return None

"""Python features, run: whole arrays only where rows on their own agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import setpoint as sp
from setpoint.core.errors import DeclarationError
from setpoint.data.language.evaluate import Inputs, evaluate
from setpoint.data.language.python_calls import Verdict, verdict
from setpoint.declare.expr import Expr
from setpoint.features.on_demand import Given, compile_one

x = sp.field("x")


@sp.python_feature(kind="number")
def doubled(values: np.ndarray) -> np.ndarray:
    """Row by row by nature."""
    return values * 2


@sp.python_feature(kind="number")
def above_mean(values: np.ndarray) -> np.ndarray:
    """Depends on the other rows."""
    return values - values.mean()


@sp.python_feature(kind="number")
def running(values: np.ndarray) -> np.ndarray:
    """Depends on the order of the rows."""
    return np.cumsum(values)


@sp.python_feature(kind="text")
def worded(values: np.ndarray) -> np.ndarray:
    """A fixed-width array of texts."""
    return np.where(values > 1, "more", "less")


@sp.python_feature(kind="bool")
def above_one(values: np.ndarray) -> np.ndarray:
    """Truth values."""
    return values > 1


@sp.python_feature(kind="number")
def reciprocal(values: np.ndarray) -> np.ndarray:
    """Infinite at zero."""
    with np.errstate(divide="ignore"):
        return 1 / values


@sp.python_feature(kind="number")
def writes(values: np.ndarray) -> np.ndarray:
    """Writes into what it was given."""
    values[:] = 0
    return values


@sp.python_feature(kind="number")
def summed(values: np.ndarray) -> Any:
    """One number for all rows."""
    return values.sum()


@sp.python_feature(kind="number")
def words(values: np.ndarray) -> Any:
    """Texts where numbers are due."""
    return np.array(["a"] * values.size)


@sp.python_feature(kind="text")
def numbers(values: np.ndarray) -> Any:
    """Numbers where texts are due."""
    return values


@sp.python_feature(kind="number")
def raising(values: np.ndarray) -> Any:
    """Never gives anything."""
    return {}["k"]


@sp.python_feature(kind="bool")
def halves(values: np.ndarray) -> Any:
    """Neither true nor false."""
    return values * 0 + 0.5


@sp.python_feature(kind="number")
def kept(values: np.ndarray) -> np.ndarray:
    """As it is."""
    return values


def inputs(*values: float) -> Inputs:
    """Rows of x."""
    return Inputs(len(values), fields={"x": np.array(values, dtype=np.float64)})


def test_a_function_of_rows_runs_on_whole_arrays() -> None:
    """Shown on the first batch of more than one row."""
    call = doubled(x)
    assert verdict(call) is None
    assert evaluate(call, inputs(1.0)).tolist() == [2.0]
    assert verdict(call) is None
    assert evaluate(call, inputs(1.0, 2.0, 3.0)).tolist() == [2.0, 4.0, 6.0]
    assert verdict(call) == Verdict(whole=True, reason="the same on 3 rows, shuffled, and on 3 rows alone")


@pytest.mark.parametrize(
    ("call", "alone", "reason"),
    [
        (above_mean(x), [0.0, 0.0, 0.0], "a row on its own has another value than among others"),
        (running(x), [1.0, 2.0, 4.0], "the order of the rows changes its values"),
    ],
    ids=str,
)
def test_a_function_that_mixes_rows_runs_row_by_row(call: Expr, alone: list[float], reason: str) -> None:
    """From the first batch on, that batch included: one row has one value, whatever stands beside it."""
    assert evaluate(call, inputs(1.0, 2.0, 4.0)).tolist() == alone
    assert verdict(call) == Verdict(whole=False, reason=reason)  # type: ignore[arg-type]
    assert evaluate(call, inputs(1.0, 2.0, 4.0)).tolist() == alone
    assert compile_one([call])(Given(fields={"x": 2.0})) == [alone[1]]


def test_texts_truth_values_and_what_is_not_finite() -> None:
    """Texts of any array type are texts; truth values are 1.0 and 0.0; an infinite number is NULL."""
    given = inputs(0.0, 2.0)
    assert evaluate(worded(x), given).tolist() == ["less", "more"]
    assert evaluate(above_one(x), given).tolist() == [0.0, 1.0]
    assert np.isnan(evaluate(reciprocal(x), given)).tolist() == [True, False]


def test_constants_and_empty_batches() -> None:
    """A constant is an array like the others; over no rows nothing is called."""
    assert evaluate(doubled(3), inputs(0.0, 0.0)).tolist() == [6.0, 6.0]
    assert evaluate(summed(x), inputs()).tolist() == []


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (summed(x), DeclarationError, r"'summed' gave an array of shape \(\) for 2 rows.*one value for each row"),
        (words(x), DeclarationError, "'words' gave an array of <U1.*numbers, and NaN for NULL"),
        (numbers(x), DeclarationError, "'numbers' gave an array of float64.*texts, and None for NULL"),
        (halves(x), DeclarationError, "'halves' gave numbers other than 0 and 1.*truth values"),
        (writes(x), ValueError, "read-only"),
        (raising(x), DeclarationError, r"'raising' raised KeyError: 'k' \(line \d+\).*where an argument is NULL"),
    ],
)
def test_a_wrong_answer_is_told_with_the_functions_name(call: Expr, error: type[Exception], message: str) -> None:
    """Wrong length, wrong type, writing into what belongs to others, or none at all."""
    with pytest.raises(error, match=message):
        evaluate(call, inputs(1.0, 2.0))


def test_an_answer_may_be_the_argument_itself() -> None:
    """Without being written."""
    given = inputs(1.0, np.inf)
    assert np.isnan(evaluate(kept(x), given)).tolist() == [False, True]
    assert given.fields["x"].tolist() == [1.0, np.inf]

"""Python features, run: on whole arrays where that is shown to give what rows on their own give, else row by row."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any

import numpy as np

from setpoint.core.digest import digest
from setpoint.core.errors import DeclarationError
from setpoint.core.rng import seed_for
from setpoint.data.arrays import Array
from setpoint.declare.expr import PythonCall, to_dict
from setpoint.declare.kinds import TEXT

ALONE = 64
"""How many rows of the first batch are compared with their answers alone."""


@dataclass(frozen=True)
class Verdict:
    """Whether a Python feature may be run on whole arrays; `reason` says what was seen."""

    whole: bool
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """The verdict as JSON-like data."""
        return {"whole": self.whole, "reason": self.reason}


_verdicts: dict[str, Verdict] = {}
_lock = Lock()


def verdict(node: PythonCall) -> Verdict | None:
    """What the first batch of more than one row showed of a Python feature; None before there was one."""
    return _verdicts.get(_identity(node))


def run(node: PythonCall, arguments: Sequence[Array], size: int) -> Array:
    """The values of a Python feature for `size` rows.

    Raises DeclarationError, which names the function, where it raises, or gives not one value of its kind for each row.
    """
    given = [np.repeat(values, size) if values.size != size else values for values in arguments]
    if size <= 1:
        return _called(node, given, size)
    known = verdict(node)
    if known is None:
        values, known = _tried(node, given, size)
        with _lock:
            _verdicts.setdefault(_identity(node), known)
        if known.whole:
            return values
    elif known.whole:
        return _called(node, given, size)
    return _alone(node, given, range(size))


@lru_cache(maxsize=1 << 12)
def one(node: PythonCall) -> Callable[..., Any]:
    """A Python feature as a function of plain values, for one row.

    It is `run` of one row, told for values as `scalars` has them.
    """

    def called(*values: Any) -> Any:
        return _called(node, [_single(value) for value in values], 1).tolist()[0]

    return called


@lru_cache(maxsize=1 << 12)
def _identity(node: PythonCall) -> str:
    return digest(to_dict(node))


def _tried(node: PythonCall, given: Sequence[Array], size: int) -> tuple[Array, Verdict]:
    """The answer for the whole batch, and whether it is that for the shuffled batch and for rows alone."""
    rng = np.random.default_rng(seed_for(0, "python feature", node.name))
    whole = _called(node, given, size)
    order = rng.permutation(size)
    shuffled = _called(node, [values[order] for values in given], size)
    if _bits(shuffled) != _bits(whole[order]):
        return whole, Verdict(whole=False, reason="the order of the rows changes its values")
    rows = np.sort(order[:ALONE])
    if _bits(_alone(node, given, rows.tolist())) != _bits(whole[rows]):
        return whole, Verdict(whole=False, reason="a row on its own has another value than among others")
    return whole, Verdict(whole=True, reason=f"the same on {size} rows, shuffled, and on {rows.size} rows alone")


def _alone(node: PythonCall, given: Sequence[Array], rows: Sequence[int]) -> Array:
    return np.concatenate([_called(node, [values[row : row + 1] for values in given], 1) for row in rows])


def _called(node: PythonCall, given: Sequence[Array], size: int) -> Array:
    if size == 0:
        return np.empty(0, dtype=object if node.kind == TEXT else np.float64)
    shown = [values.view() for values in given]
    for values in shown:
        values.flags.writeable = False
    try:
        array = np.asarray(node.function(*shown))
    except Exception as error:  # foreign code: whatever it raises, it has no value
        line = traceback.extract_tb(error.__traceback__)[-1].lineno
        raise DeclarationError(
            f"The Python feature {node.name!r} raised {type(error).__name__}: {error} (line {line}).",
            expected="a value for every row, also where an argument is NULL",
            hint="Numbers that are NULL come as NaN, texts as None, times as -2**63.",
        ) from error
    if array.shape != (size,):
        raise _wrong(node, f"an array of shape {array.shape} for {size} rows", "one value for each row")
    if node.kind == TEXT:
        texts = array.astype(object)
        if not all(text is None or isinstance(text, str) for text in texts.tolist()):
            raise _wrong(node, f"an array of {array.dtype}", "texts, and None for NULL")
        return texts
    if array.dtype.kind not in "biuf":
        raise _wrong(node, f"an array of {array.dtype}", "numbers, and NaN for NULL")
    numbers = array.astype(np.float64)
    numbers[~np.isfinite(numbers)] = np.nan
    if node.kind == "bool" and not np.isin(numbers[~np.isnan(numbers)], (0.0, 1.0)).all():
        raise _wrong(node, "numbers other than 0 and 1", "truth values")
    return numbers


def _wrong(node: PythonCall, given: str, expected: str) -> DeclarationError:
    return DeclarationError(f"The Python feature {node.name!r} gave {given}.", expected=f"{expected} ({node.kind})")


def _bits(values: Array) -> list[Any] | bytes:
    return values.tolist() if values.dtype == object else values.tobytes()


def _single(value: Any) -> Array:
    """One plain value as an array."""
    if isinstance(value, int):
        return np.array([value], dtype=np.int64)
    if isinstance(value, float):
        return np.array([value], dtype=np.float64)
    made = np.empty(1, dtype=object)
    made[0] = value
    return made

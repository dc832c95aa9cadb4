"""Python features as they are declared."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import setpoint as sp
from setpoint.core.digest import digest
from setpoint.core.errors import DeclarationError, WrongType
from setpoint.declare.expr import PythonCall, to_dict


@sp.python_feature(kind="bool")
def night(hour: np.ndarray, age: np.ndarray) -> np.ndarray:
    """Late, and young."""
    return (hour < 6) & (age < 30)


def test_applied_to_expressions_it_is_one() -> None:
    """With its name, its kind and the digest of its source."""
    call = night(sp.field("hour"), 20)
    assert str(call) == "night(field('hour'), 20)"
    assert to_dict(call) == {
        "python": "night",
        "version": night.version,
        "kind": "bool",
        "arguments": [{"field": "hour"}, {"literal": 20, "unit": ""}],
    }


def test_another_source_text_is_another_version() -> None:
    """Also with the same name: what is computed may differ."""

    def made(body: str) -> str:
        space: dict[str, object] = {}
        text = f"def f(x):\n    return {body}\n"
        import linecache

        name = f"<{body}>"
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        exec(compile(text, name, "exec"), space)
        return sp.python_feature(kind="number")(space["f"]).version  # type: ignore[arg-type]

    assert made("x + 1") == made("x + 1") != made("x + 2")


def test_a_call_survives_pickling() -> None:
    """By the name of the function in its module, so that other processes can compute it."""
    again = pickle.loads(pickle.dumps(night(sp.field("hour"), 20)))
    assert isinstance(again, PythonCall)
    assert digest(to_dict(again)) == digest(to_dict(night(sp.field("hour"), 20)))


def test_a_function_without_source_has_no_version() -> None:
    """A lambda made at run time, for one."""
    space: dict[str, object] = {}
    exec("def f(x):\n    return x\n", space)
    with pytest.raises(DeclarationError, match="source text of the Python feature 'f' cannot be found"):
        sp.python_feature(kind="number")(space["f"])  # type: ignore[arg-type]


def test_a_function_that_reads_the_one_around_it_is_refused() -> None:
    """Its source text would not say what it computes."""
    factor = 2

    def scaled(x: np.ndarray) -> np.ndarray:
        return x * factor

    with pytest.raises(DeclarationError, match="reads factor of the function around it"):
        sp.python_feature(kind="number")(scaled)


def test_what_is_no_function_or_no_kind_is_refused() -> None:
    """So is a call that does not fit the function."""
    with pytest.raises(DeclarationError, match="one of number, text, bool"):
        sp.python_feature(kind="time")
    with pytest.raises(WrongType, match="is not a function"):
        sp.python_feature(kind="number")(np.log)
    with pytest.raises(DeclarationError, match="missing a required argument: 'age'"):
        night(sp.field("hour"))
    with pytest.raises(DeclarationError, match="applied to nothing"):
        night()

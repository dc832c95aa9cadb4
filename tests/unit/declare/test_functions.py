"""Functions and transforms as they are declared: what they refuse, and what kind of value they give."""

from __future__ import annotations

from typing import Any

import pytest

import setpoint as sp
from setpoint.core.errors import DeclarationError, WrongType
from setpoint.declare.expr import Expr
from setpoint.declare.kinds import Scope, kind_of

SCOPE = Scope({}, {"n": "number", "s": "text", "t": "time", "b": "bool"}, {})
n, s, t, b = sp.field("n"), sp.field("s"), sp.field("t"), sp.field("b")


@pytest.mark.parametrize(
    ("expr", "kind"),
    [
        (sp.log(n) + sp.exp(b), "number"),
        (sp.power(n, 2), "number"),
        (sp.round(n, 2), "number"),
        (sp.minimum(n, b, 3), "number"),
        (sp.maximum(t, t), "time"),
        (sp.coalesce(s, s, "x"), "text"),
        (sp.if_else(b, n, b), "number"),
        (sp.if_else(b, s, None), "text"),
        (sp.if_else(b, None, t), "time"),
        (sp.joined(s, "x", by="-"), "text"),
        (s.lower().upper().strip(), "text"),
        (s.length(), "number"),
        (t.year() + t.month() + t.day() + t.minute(), "number"),
        (s.json("a"), "text"),
        (s.json("a", kind="time"), "time"),
        (s.json("a[*]", kind="bool", fold="last"), "bool"),
        (s.json("a[*]", fold="count"), "number"),
        (s.json("a", fold="size"), "number"),
        (sp.bucket(n, edges=[1, 2]), "number"),
        (sp.hashed(s), "number"),
        (sp.cross(s, n, b), "text"),
        (sp.category(s, levels=["a"]), "text"),
        (sp.scaled(n, center=1, by=2), "number"),
        (sp.clipped(n, low=0), "number"),
        (sp.positional(n, period=24)["3"], "number"),
        (sp.standardised(n), "number"),
        (sp.vocabulary(s), "text"),
    ],
    ids=str,
)
def test_a_function_has_the_kind_of_its_value(expr: Expr, kind: str) -> None:
    """Known before there is a row."""
    assert kind_of(expr, SCOPE, where="x") == kind


@pytest.mark.parametrize(
    "expr",
    [
        sp.log(s),
        sp.minimum(n, t),
        sp.if_else(n, n, n),
        sp.if_else(b, n, s),
        sp.joined(s, n),
        n.lower(),
        s.hour(),
        n.json("a"),
        sp.bucket(s, edges=[1]),
        sp.hashed(t),
        sp.cross(s, t),
        sp.vocabulary(n),
        sp.standardised(s),
    ],
    ids=str,
)
def test_a_function_of_the_wrong_kind_is_refused(expr: Expr) -> None:
    """The error shows the function and the kinds it was given."""
    with pytest.raises(WrongType, match="is applied to a"):
        kind_of(expr, SCOPE, where="Feature 'x'")


@pytest.mark.parametrize("expr", [sp.standardised(n) * 2, sp.vocabulary(s) == "a", sp.log(sp.standardised(n))], ids=str)
def test_what_is_fitted_cannot_be_computed_with(expr: Expr) -> None:
    """Only the model sees it; an expression would compute with the raw value without a word."""
    with pytest.raises(DeclarationError, match=r"which is fitted when a model is trained.*as the last step"):
        kind_of(expr, SCOPE, where="Feature 'x'")


@pytest.mark.parametrize(
    ("declare", "words"),
    [
        (lambda: sp.round(n, 16), "0 to 15"),
        (lambda: sp.round(n, True), "0 to 15"),
        (lambda: sp.bucket(n, edges=None), "a list of finite numbers"),  # type: ignore[arg-type]
        (lambda: sp.bucket(n, edges=[10**400]), "finite numbers"),
        (lambda: sp.bucket(n, edges=[2**53, 2**53 + 1]), "finite numbers"),
        (lambda: sp.category(s, levels=None), "texts, such as"),  # type: ignore[arg-type]
        (lambda: sp.if_else(b, None, None), "NULL either way"),
        (lambda: sp.joined(s, s, by=1), "is not a text"),  # type: ignore[arg-type]
        (lambda: sp.bucket(n, edges=[]), "at least one"),
        (lambda: sp.bucket(n, edges=[1, 1]), "each above the last"),
        (lambda: sp.bucket(n, edges=[float("nan")]), "finite numbers"),
        (lambda: sp.hashed(s, buckets=1), "2 to"),
        (lambda: sp.hashed(s, seed=-1), "from 0 on"),
        (lambda: sp.category(s, levels="ab"), "texts"),
        (lambda: sp.category(s, levels=[]), "texts"),
        (lambda: sp.category(s, levels=["a", "a"]), "names a level twice"),
        (lambda: sp.scaled(n, by=0), "the length of a unit"),
        (lambda: sp.clipped(n), "low, high, or both"),
        (lambda: sp.clipped(n, low=2, high=1), "low, high, or both"),
        (lambda: sp.positional(n, period=0), "more than zero"),
        (lambda: sp.positional(n, period=1, dimensions=3), "an even number"),
        (lambda: sp.vocabulary(s, most=0), "1 to 253"),
        (lambda: sp.vocabulary(s, unseen=None), "a text"),  # type: ignore[arg-type]
        (lambda: s.json(""), "cannot be followed"),
        (lambda: s.json("a..b"), "cannot be followed from '..b' on"),
        (lambda: s.json("a[x]"), "cannot be followed"),
        (lambda: s.json(".a"), "cannot be followed"),
        (lambda: s.json("a", kind="object"), "one of text, number, bool, time"),
        (lambda: s.json("a[*]", fold="median"), "one of 'size'"),
        (lambda: s.json("a[*]"), "leads to many values"),
        (lambda: s.json("a", fold="sum"), "leads to one value"),
        (lambda: s.json("a[*]", fold="sum"), "kind='number'"),
    ],
)
def test_what_cannot_mean_anything_is_refused(declare: Any, words: str) -> None:
    """Before any row is read, with what was expected."""
    with pytest.raises(DeclarationError, match=words):
        declare()


def test_a_positional_encoding_spreads_into_features() -> None:
    """One for each dimension, numbered from 0."""
    from setpoint.declare.named import spread_out

    assert list(spread_out("hour", sp.positional(n, period=24))) == ["hour_0", "hour_1", "hour_2", "hour_3"]


def test_a_path_with_awkward_names_is_read() -> None:
    """Dots, brackets and quotes within a name stand in quotes."""
    from setpoint.declare.path import steps

    assert steps(r'a["b.c"][0]["d\"]"].e f') == ("a", "b.c", 0, 'd"]', "e f")

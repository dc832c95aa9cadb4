"""Shapes: which layers a group's folds need, how wide tiles become, and when two groups are the same."""

from __future__ import annotations

import numpy as np
import pytest

import setpoint as sp
from setpoint.core.times import HOUR, MINUTE, SECOND
from setpoint.declare.expr import Aggregate, Expr
from setpoint.features.needs import Fold
from setpoint.features.online_batch import words_of
from setpoint.features.shape import DISTINCT, NEWEST, QUANTILE, TILES, TOP, Shape, Value
from tests.unit.features.small import buys


def shape_of(*exprs: Expr) -> Shape:
    """The shape of these aggregates of numbers."""
    return Shape(("user",), [Fold(expr, "number", 2) for expr in exprs if isinstance(expr, Aggregate)])


def test_every_fold_of_a_fixed_size_is_in_one_layer_of_tiles() -> None:
    """The same rows are counted once, and a mean, a variance and a deviation share their sums."""
    parts = [kind(buys.price, by="user", last="1d", decimals=2) for kind in (sp.sum, sp.mean, sp.var, sp.std)]
    shape = shape_of(*parts, sp.count(buys.price, by="user", last="1h"), sp.min(buys.price, by="user"))
    (layer,) = shape.layers
    assert (layer.kind, layer.tail, layer.width) == (TILES, True, 1 + 1 + 2 + 2 + 1)
    assert [shape.windows[place].last for place in layer.windows] == [HOUR, 24 * HOUR]
    assert layer.grains == (15 * SECOND, 5 * MINUTE)


def test_the_newest_rows_need_no_tiles() -> None:
    """However many windows read them, `last` and `latest` have a layer of two kinds of entries: now, and before."""
    shape = shape_of(
        *[sp.last(buys.price, by="user", last=last) for last in ("1h", "30d")], sp.latest(buys.price, by="user")
    )
    (layer,) = shape.layers
    assert (layer.kind, layer.windows, layer.grains, layer.tail) == (NEWEST, (), (), True)
    assert sorted(part.expires.bit_count() for part in layer.parts) == [0, 2]


def test_each_column_whose_values_are_counted_has_a_layer() -> None:
    """Ranks and shares of one column share its counts; another cap, column or condition is another layer."""
    shape = shape_of(
        sp.top(buys.price, by="user", rank=1),
        sp.top(buys.price, by="user", rank=2, last="1d"),
        sp.top(buys.price, by="user", cap=7),
        sp.quantile(buys.price, by="user", q=0.5),
        sp.quantile(buys.price, by="user", q=0.9),
        sp.distinct(buys.price, by="user"),
        sp.distinct(buys.price, by="user", where=buys.paid),
    )
    assert sorted(layer.kind for layer in shape.layers) == [DISTINCT, DISTINCT, TOP, TOP, QUANTILE]


def test_a_group_is_what_it_keeps() -> None:
    """The order of features does not matter, nor a fold that needs nothing more; windows, scales and columns do."""
    count, mean = sp.count(buys, by="user", last="1d"), sp.mean(buys.price, by="user", last="1d", decimals=2)
    same = {shape_of(count, mean).digest, shape_of(mean, count).digest}
    assert len(same) == 1
    var, std = (kind(buys.price, by="user", decimals=2) for kind in (sp.var, sp.std))
    assert shape_of(var).digest == shape_of(std).digest == shape_of(var, std).digest
    others = [
        shape_of(sp.count(buys, by="user", last="2d"), mean),
        shape_of(sp.count(buys, by="user", last="1d", hop="exact"), mean),
        shape_of(count, sp.mean(buys.due, by="user", last="1d", decimals=2)),
        shape_of(count),
        Shape(("user",), [Fold(count, "number", 2), Fold(mean, "number", 3)]),
        Shape(("shop",), [Fold(count, "number", 2), Fold(mean, "number", 2)]),
    ]
    assert len({other.digest for other in others} | same) == 7


@pytest.mark.parametrize("kind", ["number", "time"])
def test_words_are_in_the_order_of_values(kind: str) -> None:
    """Smaller numbers and times have smaller words, and -0.0 has that of 0.0."""
    numbers = np.array([-np.inf, -1e300, -2.0, -1e-320, -0.0, 0.0, 1e-320, 1.0, 2.0, np.inf])
    values = numbers if kind == "number" else np.array([-(2**62), -5, 0, 3, 2**62])
    words = words_of(values, Value(buys.price, "order", kind))
    assert np.array_equal(np.argsort(words, kind="stable"), np.arange(values.size))
    if kind == "number":
        assert words[4] == words[5]


def test_rows_are_kept_bit_for_bit() -> None:
    """A value that is given back as it is keeps its sign of zero; every NULL of a kind is one word."""
    words = words_of(np.array([-0.0, np.nan, -np.nan]), Value(buys.price, "row", "number"))
    assert (words[0], words[1] == words[2]) == (-(2**63), True)
    texts = words_of(np.array([None, ""], dtype=object), Value(buys.shop, "row", "text"))
    assert (texts[0], texts[1] == texts[0]) == (-(2**63), False)

"""What would have changed a decision: least, allowed, seen elsewhere, and found by asking the scorer."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pyarrow as pa
import pytest

from setpoint.core.errors import DataError
from setpoint.learn.counterfactual import counterfactuals

RNG = np.random.default_rng(0)
OTHERS = pa.table(
    {
        "debt": np.round(RNG.gamma(2, 10, 200)),
        "income": np.round(RNG.gamma(3, 10, 200)),
        "city": RNG.choice(["a", "b", "c"], 200),
        "age": RNG.integers(20, 70, 200).astype(float),
    }
)
ROW = {"debt": 40.0, "income": 20.0, "city": "a", "age": 30.0}


def lends(table: pa.Table) -> np.ndarray:
    """Above 0 where the credit is given: by income, debt, and a city that is worth more."""
    city = np.where(np.asarray(table["city"].to_pylist()) == "c", 12.0, 0.0)
    return np.asarray(table["income"].to_numpy() - table["debt"].to_numpy() + city)


def test_the_least_change_of_one_feature_is_that_of_trying_every_value() -> None:
    """Of all values that others have, the nearest one that is enough, in the allowed direction only."""
    found = counterfactuals(lends, ROW, others=OTHERS, changeable=[("debt", "down"), ("income", "up")])
    debts, incomes = (np.unique(OTHERS[name].to_numpy()) for name in ("debt", "income"))
    single = {each.changes[0][0]: each.changes[0][2] for each in found if len(each.changes) == 1}
    assert single == {"debt": debts[debts < 20].max(), "income": incomes[incomes > 40].min()}
    assert found[0].distance <= found[1].distance


def test_features_are_changed_together_only_where_none_is_enough_alone() -> None:
    """Every one is needed: without any of its changes the decision stands. No two contain each other."""
    hard = {**ROW, "debt": 60.0, "income": 2.0, "age": 30.0}
    steep = OTHERS.filter(pa.array((OTHERS["income"].to_numpy() < 45) & (OTHERS["debt"].to_numpy() > 12)))
    ways = [("debt", "down"), ("income", "up"), ("city", "any")]
    found = counterfactuals(lends, hard, others=steep, changeable=ways)
    assert found
    for each in found:
        after = pa.Table.from_pylist([each.apply(hard)])
        assert lends(after)[0] > 0
        assert len(each.changes) > 1
        for left_out in range(len(each.changes)):
            part = {name: new for place, (name, _, new) in enumerate(each.changes) if place != left_out}
            assert lends(pa.Table.from_pylist([{**hard, **part}]))[0] <= 0
    names = [{name for name, _, _ in each.changes} for each in found]
    assert not any(one < two or one == two for one, two in combinations(names, 2))


def test_two_features_are_as_near_as_trying_all_pairs_up_to_the_grid() -> None:
    """Within a quarter of the least distance that any pair of seen values has."""
    row, ways = {**ROW, "debt": 55.0, "income": 5.0}, [("debt", "down"), ("income", "up")]
    seen = OTHERS.filter(pa.array((OTHERS["income"].to_numpy() < 40) & (OTHERS["debt"].to_numpy() > 14)))
    found = counterfactuals(lends, row, others=seen, changeable=ways)[0]
    spread = {
        name: np.median(np.abs(seen[name].to_numpy() - np.median(seen[name].to_numpy()))) for name in ("debt", "income")
    }
    best = min(
        abs(debt - 55) / spread["debt"] + abs(income - 5) / spread["income"]
        for debt, income in product(seen["debt"].to_pylist(), seen["income"].to_pylist())
        if income > debt
    )
    assert best <= found.distance <= 1.25 * best


def test_it_says_that_there_is_none_and_is_the_same_each_time() -> None:
    """Where the allowed direction leads away, or nothing else was seen."""
    assert counterfactuals(lends, ROW, others=OTHERS, changeable=[("debt", "up"), ("age", "any")]) == []
    same = OTHERS.set_column(0, "debt", pa.array([40.0] * 200))
    assert counterfactuals(lends, ROW, others=same, changeable=[("debt", "any")]) == []
    ways = [("debt", "down"), ("city", "any"), ("income", "up")]
    first = counterfactuals(lends, ROW, others=OTHERS, changeable=ways)
    assert first == counterfactuals(lends, ROW, others=OTHERS, changeable=ways[::-1])


def test_a_value_that_is_not_there_may_become_one_and_a_text_has_no_direction() -> None:
    """NULL may become any seen value where any is allowed."""
    found = counterfactuals(
        lambda table: np.where(np.isnan(np.array(table["debt"].to_numpy(zero_copy_only=False), dtype=float)), -1, 1.0),
        {**ROW, "debt": float("nan")},
        others=OTHERS,
        changeable=[("debt", "any")],
    )
    assert str(found[0]).startswith("debt NULL to ")
    with pytest.raises(DataError, match="may only go 'up'"):
        counterfactuals(lends, ROW, others=OTHERS, changeable=[("city", "up")])
    with pytest.raises(DataError, match="no values of 'height'"):
        counterfactuals(lends, ROW, others=OTHERS, changeable=[("height", "up")])

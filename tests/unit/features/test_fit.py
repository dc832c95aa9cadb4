"""Rows whose values do not fit an exact sum are set aside, with words."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.core.errors import DataError
from setpoint.data.quarantine import count_rules
from setpoint.data.rows import AT, ENDS, NEVER, POSITION
from setpoint.features.fit import fits
from setpoint.features.reader import FeatureReader
from tests.properties.worlds import rows_table
from tests.unit.features.small import BUYS, buy, buys, plan_of

PLAN = plan_of(spent=sp.sum(buys.price, by="user", decimals=2), n=sp.count(buys, by="user"))


def test_absurd_values_are_set_aside_with_their_reason() -> None:
    """The reason names the column, the value and the decimals; the others keep their order and are counted anew."""
    rows = rows_table(BUYS, [buy(1, 2.0), buy(2, 2.0**53), buy(3, None), buy(4, -math.inf), buy(5, 4.0)])
    kept, aside = fits(PLAN, {"buys": rows})
    assert kept["buys"][AT].to_pylist() == [1, 3, 5]
    assert kept["buys"][POSITION].to_pylist() == [0, 1, 2]
    assert aside["buys"]["__row"].to_pylist() == [2, 4]
    (rule,) = count_rules(aside["buys"])
    assert (rule.rule, rule.rows) == ("does-not-fit", 2)
    assert rule.example == "buys.price is 9007199254740992.0, which at 2 decimals does not fit an exact sum"


@pytest.mark.parametrize(
    ("price", "fit"),
    [(90071992547409.9, True), (90071992547409.92, False), (-90071992547409.9, True), (-90071992547409.92, False)],
)
def test_the_limit_is_in_whole_units(price: float, fit: bool) -> None:
    """What fits can be read, and what does not is refused by the reader, whichever way it reads."""
    rows = {"buys": rows_table(BUYS, [buy(1, price)])}
    kept, aside = fits(PLAN, rows)
    assert (kept["buys"].num_rows, "buys" in aside) == (int(fit), not fit)
    requests, at = pa.table({"ask": ["a"], "user": ["u"]}), np.array([9])
    for way in (False, True):
        reader = FeatureReader(PLAN, kept, compiled=way)
        assert reader.read(requests, at)["n"].to_pylist() == [float(fit)]
        if not fit:
            with pytest.raises(DataError, match=r"buys\.price"):
                FeatureReader(PLAN, rows, compiled=way).read(requests, at)


def test_a_row_that_no_sum_counts_fits() -> None:
    """A condition that leaves the row out, or a fold that is no sum, has room for any value."""
    rows = {"buys": rows_table(BUYS, [buy(1, 1e300, paid=False)])}
    plan = plan_of(a=sp.sum(buys.price, by="user", where=buys.paid), b=sp.max(buys.price, by="user"))
    assert fits(plan, rows) == (rows, {})


def test_the_values_that_neighbours_fold_must_fit_too() -> None:
    """Of a fold over neighbours, it is the rows of the aggregate that is read for each."""
    near = sp.neighbours(buys.shop, by="user", of=sp.mean(buys.price, by="shop"), fold="max")
    kept, aside = fits(plan_of(near=near), {"buys": rows_table(BUYS, [buy(1, 1e300), buy(2)])})
    assert (kept["buys"].num_rows, aside["buys"].num_rows) == (1, 1)


def test_corrections_follow_the_rows_they_take_back() -> None:
    """A row that is taken back later is so at the new position of what takes it back."""
    absurd, plain = buy(1, 1e300, tag=1), buy(2, 5.0, tag=2)
    rows = rows_table(
        BUYS, [absurd, plain, {**absurd, "known_at": 3, "takes": 1}, {**plain, "known_at": 4, "takes": 2}]
    )
    kept, aside = fits(PLAN, {"buys": rows})
    assert kept["buys"][ENDS].to_pylist() == [1, NEVER]
    assert aside["buys"].num_rows == 2

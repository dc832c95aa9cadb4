from __future__ import annotations

import numpy as np
import pyarrow as pa

import setpoint as sp
from setpoint.data.log.decisions import definitions_of, plan_sources, positions_known, positions_of
from setpoint.data.rows import KNOWN_AT
from tests.unit.features.small import buys, plan_of, users


def test_the_sources_of_a_plan_are_those_that_its_features_read() -> None:
    """Each once, in order of first use; the spine and the label's source are not among them."""
    plan = plan_of(tier=users.tier, n=sp.count(buys, by="user", last="1d"), limit=users.limit)
    assert plan_sources(plan) == ("users", "buys")


def test_definitions_change_with_any_feature() -> None:
    """One name stands for the versions of all features of a plan."""
    one, other = plan_of(n=sp.count(buys, by="user", last="1d")), plan_of(n=sp.count(buys, by="user", last="2d"))
    assert definitions_of(one) != definitions_of(other)
    assert definitions_of(one) == definitions_of(plan_of(n=sp.count(buys, by="user", last="1d")))


def test_a_position_is_that_of_the_last_row_known() -> None:
    """A row that becomes known at the very moment counts."""
    rows = {"buys": pa.table({KNOWN_AT: [10, 20, 20, 30]})}
    found = positions_known(rows, ["buys"], np.array([9, 10, 20, 40]))
    assert found["buys"].tolist() == [-1, 0, 2, 3]


def test_positions_of_a_log_stand_under_the_names_of_their_sources() -> None:
    """Other columns of the log are not among them."""
    log = pa.table({"at": [1], "position.buys": [7], "feature.n": [1.0]})
    assert positions_of(log).to_pylist() == [{"buys": 7}]

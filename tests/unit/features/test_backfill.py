from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.backends.parquet import ParquetTables
from setpoint.data.log.decisions import DECISIONS, definitions_of, features_of
from setpoint.declare.plan import Plan
from setpoint.features.backfill import SET, Filled, backfill, completed, lacking
from setpoint.features.reader import FeatureReader
from tests.properties.worlds import rows_table
from tests.unit.features.small import SCHEMAS, buy, buys, plan_of
from tests.unit.features.test_verify import logged

N = sp.count(buys, by="user", last="1d")
OLD = plan_of(n=N, total=sp.sum(buys.price, by="user", last="100us", hop="exact"))
NEW = plan_of(
    n=N,
    total=sp.sum(buys.price, by="user", last="200us", hop="exact"),
    shop=sp.last(buys.shop, by="user"),
    most=sp.max(buys.price, by="user"),
)
VERSIONS = {definitions_of(OLD): dict(OLD.versions)}
ROWS = {
    "buys": rows_table(
        SCHEMAS["buys"], [buy(10 * row, float(row), shop=f"s{row}", known_at=10 * row + row % 7) for row in range(50)]
    )
}
AT = np.arange(3, 480, 12)
REQUESTS = pa.table({"ask": [f"q{row}" for row in range(AT.size)], "user": ["u", "v", "u", "u"] * (AT.size // 4)})
SEEN = {"buys": np.maximum(np.searchsorted(ROWS["buys"]["__known_at"].to_numpy(), AT, side="right") - 3, -1)}


@pytest.fixture
def tables(tmp_path: Path) -> ParquetTables:
    """The log of decisions that were taken by the old plan, in four parts."""
    made = ParquetTables(tmp_path)
    log = logged(OLD, ROWS, REQUESTS, AT, SEEN)
    for part in range(4):
        made.write(DECISIONS, f"{part}", log.slice(part * 10, 10))
    return made


def as_read(plan: Plan) -> dict[str, list[Any]]:
    """The features of all these decisions by what they had seen."""
    read = FeatureReader(plan, ROWS).read(REQUESTS, AT, arrived={"buys": SEEN["buys"] + 1})
    return plain(read)


def plain(table: pa.Table) -> dict[str, list[Any]]:
    """The values of a table, with None for every NULL."""
    return {name: [None if v != v else v for v in table[name].to_pylist()] for name in table.column_names}  # noqa: PLR0124


def run(tables: ParquetTables, plan: Plan = NEW, **more: Any) -> dict[str, Filled]:
    """A backfill of all parts."""
    found = backfill(plan, ROWS, tables, tables.parts(DECISIONS), versions=VERSIONS, **more)
    return {each.feature: each for each in found}


def test_new_and_changed_features_have_the_value_that_they_would_have_had(tables: ParquetTables) -> None:
    """By the logged positions, and not by the time; what did not change is not touched."""
    found = run(tables)
    assert {name: (each.decisions, each.before) for name, each in found.items()} == dict.fromkeys(
        ("total", "shop", "most"), (40, 0)
    )
    log = completed(NEW, tables.read(DECISIONS), tables, ROWS, versions=VERSIONS)
    assert plain(features_of(log).select(list(NEW.features))) == as_read(NEW)
    assert plain(features_of(log).select(["total"])) != plain(features_of(tables.read(DECISIONS)).select(["total"]))


def test_what_was_not_backfilled_is_worked_out_when_it_is_needed(tables: ParquetTables) -> None:
    """Some of it was, some was not, some decisions are not in any part yet: the log is completed all the same."""
    backfill(NEW, ROWS, tables, ["1", "2"], versions=VERSIONS)
    assert tables.parts(SET + NEW.versions["most"]) == ["1", "2"]
    log = completed(NEW, tables.read(DECISIONS), tables, ROWS, versions=VERSIONS)
    assert plain(features_of(log).select(list(NEW.features))) == as_read(NEW)
    assert lacking(NEW, log, VERSIONS | {definitions_of(OLD): dict(NEW.versions)}) == {}


def test_a_backfill_that_was_stopped_goes_on(tables: ParquetTables) -> None:
    """Parts that are there are kept: the second run works out what the first did not, and a third one nothing."""

    def stop(*, done: int, of: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tables, progress=stop)
    assert {name: (each.decisions, each.before) for name, each in run(tables).items()} == dict.fromkeys(
        ("total", "shop", "most"), (10, 30)
    )
    assert {(each.decisions, each.before) for each in run(tables).values()} == {(0, 40)}


def test_a_log_that_lacks_nothing_is_the_same_table(tables: ParquetTables) -> None:
    """The usual case costs nothing, and nothing is written."""
    log = tables.read(DECISIONS)
    assert completed(OLD, log, tables, ROWS, versions=VERSIONS) is log
    assert run(tables, OLD) == {}


def test_a_definition_that_comes_back_finds_its_values(tables: ParquetTables) -> None:
    """Values belong to a version: of the first plan they are those of the log, whatever was backfilled since."""
    run(tables)
    log = tables.read(DECISIONS)
    assert completed(OLD, log, tables, ROWS, versions=VERSIONS) is log


def test_a_feature_of_a_field_that_decisions_do_not_have_stays_null(tables: ParquetTables) -> None:
    """A request that was never asked cannot be answered; it is told which field, and of how many decisions."""
    log = tables.read(DECISIONS)
    for part in range(4):
        tables.write(DECISIONS, f"{part}", log.slice(part * 10, 10).drop_columns(["field.user"]))
    plan = plan_of(n=N, total=OLD.inputs[1].expr, most=sp.max(buys.price, by="user"))
    found = run(tables, plan)["most"]
    assert (found.decisions, found.without, found.fields) == (0, 40, ("user",))
    done = completed(plan, tables.read(DECISIONS), tables, ROWS, versions=VERSIONS)
    assert plain(features_of(done).select(["most"])) == {"most": [None] * 40}

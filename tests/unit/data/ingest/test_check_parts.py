"""A source checked part by part: the rows that a check of the whole sets aside, however it is cut."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.data.arrays import UTC_MICROSECONDS
from setpoint.data.contracts.check import check
from setpoint.data.contracts.contract import Contract, infer_contract
from setpoint.data.contracts.rules import Around
from setpoint.data.ingest.check_parts import Read, check_parts
from setpoint.data.ingest.ingest import set_aside
from setpoint.data.rows import AT
from setpoint.declare.source import info

s: Any = sp.events("sales", "sales.parquet", id="n", at="ts", known_at="seen")
shops: Any = sp.table("shops", "shops.parquet", key="shop", valid_from=sp.always)
AROUND = Around.of({"shops": pa.table({"shop": [0, 1, 2, 3], AT: [0] * 4})})


def sales(size: int, seed: int) -> pa.Table:
    """Sales of which some share a key, some have a strange shop or price, and some a whole price among fractions."""
    rng = np.random.default_rng(seed)
    at = rng.integers(0, 10**12, size)
    return pa.table(
        {
            "n": np.arange(size),
            "ts": pa.array(at).cast(UTC_MICROSECONDS),
            "seen": pa.array(at + rng.integers(0, 5, size)).cast(UTC_MICROSECONDS),
            "shop": rng.integers(0, 5, size),
            "price": pa.array(rng.integers(-1, 10, size) / 2, mask=rng.random(size) < 0.1),
            "key": pa.array([f"k{key}" for key in rng.integers(0, 3 * size, size)], mask=rng.random(size) < 0.1),
        }
    )


def held(raw: pa.Table, **options: Any) -> Contract:
    """The contract of the sales."""
    given = {"refuse_above": 1.0, **options}
    rules = (s.price >= 0, sp.unique(s.shop, s.key), sp.unique(s.key, name="key"), sp.references(s.shop, to=shops.shop))
    return infer_contract(info(s), raw).with_rules(sp.contract(s, *rules, **given))


def parts_of(raw: pa.Table, size: int) -> Read:
    """What reads the table part by part."""

    def read(columns: Sequence[str] | None) -> Iterator[pa.Table]:
        for start in range(0, raw.num_rows, size):
            yield raw.slice(start, size).select(columns or raw.column_names)

    return read


@pytest.mark.parametrize("size", [1, 7, 50, 1000])
def test_parts_give_what_the_whole_gives(size: int) -> None:
    """The same rows, rules and reasons."""
    raw = sales(200, 5)
    whole = set_aside(raw, check(held(raw), raw, around=AROUND).violations).sort_by("__row")
    found = check_parts(held(raw), parts_of(raw, size), around=AROUND)
    assert found.quarantined.select(whole.column_names).sort_by("__row").to_pylist() == whole.to_pylist()
    assert found.rows == 200
    assert found.rules.keys() == {"(sales.price >= 0)", "unique(shop, key)", "key", "references(shop, to=shops.shop)"}
    assert sum(found.rules.values()) == whole.num_rows


def test_too_many_bad_rows_in_all_parts_refuse_the_source() -> None:
    """Of the contract, or of one rule; a part by itself is refused by nothing."""
    raw = sales(200, 6)
    share = check_parts(held(raw), parts_of(raw, 10), around=AROUND).quarantined.num_rows / 200
    assert check_parts(held(raw, refuse_above=share), parts_of(raw, 10), around=AROUND).refused is None
    found = check_parts(held(raw, refuse_above=share - 0.001), parts_of(raw, 10), around=AROUND)
    assert re.search(r"of 200 rows of source 'sales' break its contract: row \d+: ", str(found.refused))
    rule = sp.contract(s, sp.unique(s.key, name="key", refuse_above=0.0), refuse_above=1)
    found = check_parts(infer_contract(info(s), raw).with_rules(rule), parts_of(raw, 10))
    assert re.search(r"break the rule key: row \d+: key 'k\d+' is also in row \d+", str(found.refused))


def test_a_source_without_rows_has_no_bad_ones() -> None:
    """And one whose parts have none."""
    raw = sales(5, 1)
    assert check_parts(held(raw), lambda _: []).quarantined.num_rows == 0
    assert check_parts(held(raw), parts_of(raw, 2).__call__, around=AROUND).rows == 5

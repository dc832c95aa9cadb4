"""Rules held against rows: which are set aside, and in what words."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.core.errors import BatchRefused, DataError, NameUnknown, WrongType
from setpoint.core.times import DAY, time
from setpoint.data.contracts.contract import Contract, infer_contract
from setpoint.data.contracts.rules import Around, check_rules
from setpoint.data.ingest.ingest import Ingested, ingest
from setpoint.data.rows import AT
from setpoint.declare.contract import Rule, StatedContract
from setpoint.declare.expr import Expr
from setpoint.declare.source import Source, info
from tests.unit.data.make import days, moments, reasons

sales = sp.events("sales", "sales.parquet", id="sale", at="ts", delay="0s")
shops = sp.table("shops", "shops.parquet", key="shop", valid_from=sp.always)
s: Any = sales
RAW = pa.table(
    {
        "sale": ["a", "b", "c", "d", "e", "f"],
        "ts": days(6),
        "price": [5.0, -1.0, None, 3.0, 2.0, 9.0],
        "shop": pa.array([1, 2, 2, None, 7, 1], pa.int64()),
        "number": [1, 1, 2, 2, 1, 1],
        "word": ["ab1", "ab2", "x", None, "ab5", "ab6"],
    }
)
SHOPS = {"shops": pa.table({"shop": [1, 2, 3], AT: [0, 0, 0]})}


def stated(source: Source, *rules: Rule | Expr, raw: pa.Table = RAW, **options: Any) -> Contract:
    """The contract that rows suggest, with these rules."""
    return infer_contract(info(source), raw).with_rules(sp.contract(source, *rules, **options))


def held(*rules: Rule | Expr, raw: pa.Table = RAW, source: Source = sales, **options: Any) -> Ingested:
    """Rows held against rules; half of them may break them."""
    given = {"refuse_above": 0.9, **options}
    return ingest(info(source), raw, stated(source, *rules, raw=raw, **given), around=Around.of(SHOPS))


def kept(done: Ingested) -> list[str]:
    """The rows that are left."""
    return [str(value) for value in done.rows["sale"].to_pylist()]


def test_a_row_that_breaks_a_condition_is_set_aside_with_its_values() -> None:
    """Under the condition as it is written; NULL keeps the row, as CHECK does in SQL."""
    done = held(s.price + s.number > 0.5)
    assert reasons(done) == [
        (
            "((sales.price + sales.number) > 0.5)",
            "row 2: price is -1.0 and number is 1; expected ((sales.price + sales.number) > 0.5)",
        )
    ]
    assert kept(done) == ["a", "c", "d", "e", "f"]


def test_a_missing_value_is_set_aside_where_none_may_be_missing() -> None:
    """`not_null` says what is expected."""
    assert reasons(held(sp.not_null(s.price))) == [("not_null(price)", "row 3: price is empty; expected a number")]


def test_a_text_is_held_against_a_pattern() -> None:
    """The whole of it."""
    assert reasons(held(s.word.matches("ab[0-9]"))) == [
        ("matches(sales.word, 'ab[0-9]')", "row 3: word is 'x'; expected matches(sales.word, 'ab[0-9]')")
    ]


def test_of_rows_that_share_what_is_unique_the_first_known_is_kept() -> None:
    """A row with a NULL among the columns shares nothing."""
    done = held(sp.unique(s.shop, s.number))
    assert reasons(done) == [
        ("unique(shop, number)", "row 6: shop 1 and number 1 is also in row 1; expected each once")
    ]
    late = RAW.set_column(1, "ts", moments(*[time("2013-01-09") - DAY * place for place in range(6)]))
    assert kept(held(sp.unique(s.shop, s.number), raw=late)) == ["f", "e", "d", "c", "b"]


def test_a_row_that_is_set_aside_holds_nothing_that_is_unique() -> None:
    """The second of two is kept where the first breaks another rule."""
    done = held(sp.unique(s.shop, s.number), s.price > 5.5, raw=RAW.take([0, 5]))
    assert [rule for rule, _ in reasons(done)] == ["(sales.price > 5.5)"]
    assert kept(done) == ["f"]


def test_the_same_row_again_and_its_versions_share_what_is_unique() -> None:
    """Uniqueness is between different rows."""
    source: Any = sp.events("sales", "s.parquet", id="sale", at="ts", delay="0s", version="v")
    raw = pa.table({"sale": ["a", "a", "a", "b"], "ts": days(4), "v": [1, 1, 2, 1], "key": [5, 5, 5, 5]})
    raw = raw.set_column(1, "ts", raw["ts"].take([0, 0, 2, 3]))
    done = held(sp.unique(source.key), raw=raw, source=source)
    assert reasons(done) == [("unique(key)", "row 4: key 5 is also in row 1; expected each once")]
    assert done.repeated == 1


def test_a_row_without_identity_is_a_row_of_its_own() -> None:
    """So two equal rows share what is unique."""
    source: Any = sp.events("sales", "s.parquet", at="ts", delay="0s")
    raw = pa.table({"sale": ["a", "a"], "ts": days(2).take(pa.array([0, 0]))})
    assert [rule for rule, _ in reasons(held(sp.unique(source.sale), raw=raw, source=source))] == ["unique(sale)"]


def test_a_row_names_one_that_is_there() -> None:
    """A NULL names none."""
    done = held(sp.references(s.shop, to=shops.shop))
    assert reasons(done) == [("references(shop, to=shops.shop)", "row 5: shop is 7; expected shop of a row of 'shops'")]


def test_a_relation_is_told_only_with_the_rows_of_the_other_source() -> None:
    """Not guessed without them."""
    contract = stated(sales, sp.references(s.shop, to=shops.shop))
    with pytest.raises(DataError, match="but the rows of 'shops' are not at hand"):
        ingest(info(sales), RAW, contract)


def test_an_event_names_one_that_had_happened_by_then() -> None:
    """At the same moment is in time; the earliest of several counts."""
    visits: Any = sp.events("visits", "v.parquet", at="ts", delay="0s")
    start = time("2013-01-01")
    rows = pa.table({"place": [2, 2, 1, 7], AT: [start + 9 * DAY, start + 2 * DAY, start, start + 4 * DAY]})
    contract = stated(sales, sp.references(s.shop, to=visits.place), refuse_above=0.9)
    done = ingest(info(sales), RAW, contract, around=Around.of({"visits": rows}))
    assert reasons(done) == [
        (
            "references(shop, to=visits.place)",
            "row 2: shop is 2; expected place of a row of 'visits' that had happened by then",
        )
    ]


def test_rows_may_name_rows_of_their_own_source() -> None:
    """But none that is set aside; several columns go together."""
    staff: Any = sp.table("staff", "s.parquet", key="who", valid_from=sp.always)
    raw = pa.table({"who": [1, 2, 3, 4], "team": ["x", "x", "y", "y"], "boss": [1, 1, 2, 9], "pay": [1, 1, -1, 1]})
    one = held(staff.pay > 0, sp.references(staff.boss, to=staff.who), raw=raw, source=staff)
    assert [rule for rule, _ in reasons(one)] == ["(staff.pay > 0)", "references(boss, to=staff.who)"]
    both = sp.references([staff.boss, staff.team], to=[staff.who, staff.team])
    assert reasons(held(both, raw=raw, source=staff))[0] == (
        both.name,
        "row 3: boss is 2 and team is 'y'; expected who and team of a row of 'staff'",
    )


def test_a_rule_does_not_judge_what_does_not_count() -> None:
    """A row that has not happened yet, one that takes another back, and one that broke a fact of its column."""
    source: Any = sp.events("sales", "s", id="sale", at="ts", delay="0s", null_at="skip")
    done = held(source.price > 0, raw=RAW.set_column(1, "ts", moments(0, None, 1, 2, 3, 4)), source=source)
    assert (reasons(done), done.skipped) == ([], 1)
    back: Any = sp.events("sales", "s", id="sale", at="ts", known_at="k", retracted="gone")
    raw = pa.table({"sale": ["a", "a"], "ts": days(2), "k": days(2), "price": [1, None], "gone": [False, True]})
    assert reasons(held(sp.not_null(back.price), raw=raw, source=back)) == []
    infinite = RAW.set_column(2, "price", pa.array([1.0, float("-inf"), 1, 1, 1, 1]))
    assert [rule for rule, _ in reasons(held(s.price > 0, raw=infinite))] == ["infinite"]


def test_a_contract_refuses_a_batch_above_its_share_and_a_rule_above_its_own() -> None:
    """A rule's share counts the rows that break it, whichever rule is told of them."""
    assert kept(held(s.price > 0, refuse_above=0.17)) == ["a", "c", "d", "e", "f"]
    with pytest.raises(BatchRefused, match=r"1 of 6 rows of source 'sales' break its contract, 1 of them the rule"):
        held(s.price > 0, refuse_above=0.16)
    share = sp.holds(s.price > 2.5, name="dear", refuse_above=0.2)
    with pytest.raises(BatchRefused, match=r"2 of 6 rows of source 'sales' break the rule dear: row 2: price is -1.0"):
        held(s.price > 0, share)
    assert len(reasons(held(sp.holds(s.price > 2.5, refuse_above=0.4)))) == 2


def test_what_was_taken_in_under_an_earlier_contract_stays() -> None:
    """Its rows are not judged again, but hold what is unique; also where rows have no identity."""
    for source in (sales, sp.events("sales", "s.parquet", at="ts", delay="0s")):
        c: Any = source
        before = ingest(info(source), RAW, infer_contract(info(source), RAW)).delivered
        rules = sp.contract(source, c.price > 4, sp.unique(c.shop, c.number), refuse_above=1.0)
        contract = infer_contract(info(source), RAW).with_rules(rules)
        assert ingest(info(source), RAW, contract, settled=before).quarantined.num_rows == 0
        done = ingest(info(source), RAW, contract, settled=before.slice(1))
        assert [rule for rule, _ in reasons(done)] == ["unique(shop, number)"]


def fits(*rules: Rule | Expr, raw: pa.Table = RAW) -> None:
    """Rules of sales against the columns that are there."""
    of: StatedContract = sp.contract(sales, *rules)
    kinds = infer_contract(info(sales), raw).kinds
    check_rules(info(sales), of.row_rules, raw, {"sales": kinds, "shops": {"shop": "number", "name": "text"}})


def test_rules_fit_the_columns_that_are_there() -> None:
    """A column that is not, a number as a condition, a relation of kinds, fractions that should be unique: refused."""
    fits(s.price > 0, sp.not_null(s.word), sp.unique(s.shop, s.word, s.ts), sp.references(s.shop, to=shops.shop))
    with pytest.raises(NameUnknown, match=r"The contract of 'sales': source 'sales' has no column 'prize'.*'price'"):
        fits(s.prize > 0)
    with pytest.raises(NameUnknown, match="has no column 'shops'"):
        fits(sp.references(s.shop, to=shops.shops))
    with pytest.raises(NameUnknown, match="has no column 'wort'"):
        fits(sp.not_null(s.wort))
    with pytest.raises(WrongType, match=r"the rule \(sales.price \* 2\) is a number.*a condition"):
        fits(s.price * 2)
    with pytest.raises(WrongType, match=r"pairs the number sales.shop with the text shops.name"):
        fits(sp.references(s.shop, to=shops.name))
    with pytest.raises(WrongType, match=r"unique\(price\) is about fractions: price is 0.5 in a row"):
        fits(sp.unique(s.price), raw=RAW.set_column(2, "price", pa.array([1.0, 0.5, None, 1, 1, 1])))
    fits(sp.unique(s.price))

"""Contracts from end to end: a bad batch is quarantined with a named reason, whatever is wrong with it."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import setpoint as sp
from setpoint.cli.main import main
from setpoint.core.clock import SimulatedClock
from setpoint.core.errors import BatchRefused, NameUnknown
from setpoint.declare.contract import Rule, StatedContract
from setpoint.declare.expr import Expr
from tests.integration.live_shop import START, micros, write

p: Any = sp.events(
    "payments",
    "payments.parquet",
    id="payment_id",
    at="ts",
    delay="1m",
    expect={"amount": (0, 500), "way": ["app", "web"]},
)
cards: Any = sp.table("cards", "cards.parquet", key="card", valid_from=sp.always)
NOON = START + timedelta(days=4, hours=12)


def payments(count: int, **odd: dict[str, Any]) -> list[dict[str, Any]]:
    """Payments, one an hour; some with other values, by number."""
    rows = [
        {
            "payment_id": f"p{number}",
            "ts": START + timedelta(hours=number),
            "card": f"c{number % 3}",
            "number": number,
            "amount": 1.5 * number,
            "paid": 1.0 * number,
            "way": "web",
            "ref": f"R-{number:03d}",
        }
        for number in range(count)
    ]
    for number, changes in odd.items():
        rows[int(number[1:])].update(changes)
    return rows


def shop(*rules: Rule | Expr, contracts: list[StatedContract] | None = None, **options: Any) -> sp.System:
    """A system over the payments, whose contract has these rules."""
    frauds: Any = sp.events("frauds", "frauds.parquet", id="order_id", at="ts", delay="0s")
    stated = [sp.contract(p, *rules, **options)] if rules or options else []
    return sp.System(
        "shop",
        decide=sp.decide(sp.events("orders", "orders.parquet", key="order_id", at="ts"), fields=["card"]),
        features={"n": sp.count(p, by="card", last="2d"), "spent": sp.sum(p.amount, by="card", last="2d", decimals=2)},
        label=sp.label(frauds.bad, on="order_id", within="2h"),
        goal=sp.goal(sp.auc(), business="eur", act=sp.act("block"), cost=sp.cost(false_positive=1, false_negative=1)),
        release=sp.release(sp.shadow("1d"), fallback=sp.rule(sp.feature("n") > 100)),
        contracts=stated if contracts is None else contracts,
    )


def opened(folder: Path, system: sp.System, rows: list[dict[str, Any]], *, now: datetime = NOON) -> sp.Live:
    """The system opened on these payments."""
    folder.mkdir(exist_ok=True)
    orders = [{"order_id": f"o{n}", "ts": START + timedelta(hours=2 * n), "card": f"c{n % 3}"} for n in range(40)]
    write(folder / "payments.parquet", rows)
    write(folder / "orders.parquet", orders)
    write(
        folder / "frauds.parquet",
        [{"order_id": r["order_id"], "ts": r["ts"] + timedelta(hours=1), "bad": True} for r in orders],
    )
    write(folder / "cards.parquet", [{"card": f"c{n}"} for n in range(3)])
    return sp.open_system(system, root=folder, clock=SimulatedClock(micros(now)))


EVERY = (
    sp.not_null(p.way),
    sp.unique(p.number),
    sp.references(p.card, to=cards.card),
    sp.holds(p.paid <= p.amount, name="paid-in-full"),
    p.ref.matches("R-[0-9]{3}"),
)
BAD = {
    "n1": {"amount": -1.0, "paid": -2.0},
    "n2": {"way": "post"},
    "n3": {"way": None},
    "n4": {"number": 3},
    "n5": {"card": "c9"},
    "n6": {"paid": 50.0},
    "n7": {"ref": "X"},
    "n8": {"amount": float("inf")},
}


def test_a_bad_row_is_quarantined_with_the_name_of_its_rule(tmp_path: Path) -> None:
    """Range, allowed values, NULL, uniqueness, relation, a condition on the row, a pattern: each with its values."""
    live = opened(tmp_path, shop(*EVERY), payments(100, **BAD))
    report = live.check()
    found = {each["row"]: (each["rule"], each["reason"]) for each in report["quarantine"]}
    assert found == {
        2: ("range", "row 2: amount is -1.0; expected at least 0"),
        3: ("not-allowed", "row 3: way is 'post'; expected one of app, web"),
        4: ("not_null(way)", "row 4: way is empty; expected a text"),
        # row 4, the first with this number, is set aside itself
        6: ("references(card, to=cards.card)", "row 6: card is 'c9'; expected card of a row of 'cards'"),
        7: ("paid-in-full", "row 7: paid is 50.0 and amount is 9.0; expected (payments.paid <= payments.amount)"),
        8: ("matches(payments.ref, 'R-[0-9]{3}')", "row 8: ref is 'X'; expected matches(payments.ref, 'R-[0-9]{3}')"),
        9: ("infinite", "row 9: amount is inf; expected a finite number"),
    }
    twice = opened(tmp_path, shop(*EVERY), payments(100, n4={"number": 2})).check()["quarantine"]
    assert [(each["rule"], each["reason"]) for each in twice] == [
        ("unique(number)", "row 5: number 2 is also in row 3; expected each once")
    ]
    assert report["passed"]


def test_a_batch_of_another_schema_or_with_too_many_bad_rows_is_refused_whole(tmp_path: Path) -> None:
    """A column that is gone is named; a share of bad rows above that of the contract, or of one rule, too."""
    assert opened(tmp_path, shop(p.paid < 90), payments(100)).check()["passed"]
    gone = [{name: value for name, value in row.items() if name != "paid"} for row in payments(100)]
    with pytest.raises(BatchRefused, match="lacks the column 'paid'"):
        opened(tmp_path, shop(p.paid < 90), gone).check()
    with pytest.raises(BatchRefused, match=r"10 of 100 rows .* break its contract, 10 of them the rule"):
        opened(tmp_path, shop(p.paid < 90, refuse_above=0.09), payments(100)).check()
    with pytest.raises(BatchRefused, match=r"10 of 100 rows of source 'payments' break the rule late: row 91"):
        opened(tmp_path, shop(sp.holds(p.paid < 90, name="late", refuse_above=0.05)), payments(100)).check()


def test_a_source_that_is_late_or_brings_too_few_rows_is_a_finding(tmp_path: Path) -> None:
    """Freshness and volume are of the source as a whole: no row is set aside, and the check does not pass."""
    rules = (sp.fresh("6h"), sp.volume(every="1d", at_least=20, at_most=24))
    assert opened(tmp_path, shop(*rules), payments(103)).check()["passed"]
    report = opened(tmp_path, shop(*rules), payments(60)).check()
    assert [(each["kind"], each["evidence"]) for each in report["findings"]] == [
        (
            "not fresh",
            (
                "The newest row of 'payments' happened at 2026-01-03T11:00:00Z, 2d 1h before 2026-01-05T12:00:00Z; "
                "expected within 6h."
            ),
        ),
        (
            "amount of rows",
            (
                "Of 'payments' 0 rows happened in the 1d from 2026-01-04T00:00:00Z; expected at least 20 and at most "
                "24. So it is in 2 of 4 such stretches, the first from 2026-01-03T00:00:00Z."
            ),
        ),
    ]
    assert (report["passed"], report["quarantine"]) == (False, [])


def test_a_rule_over_a_column_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """With the one that was meant."""
    with pytest.raises(NameUnknown, match=r"source 'payments' has no column 'amounts'.*Did you mean 'amount'"):
        opened(tmp_path, shop(p.amounts > 0), payments(10)).check()


def test_events_that_are_told_are_held_to_the_same_rules(tmp_path: Path) -> None:
    """Against all that was there before; a row that is told again is the one that is there."""
    live = opened(tmp_path, shop(*EVERY), payments(100))
    with live.session() as session:
        told = [
            {**payments(1)[0], "payment_id": "x1", "ts": NOON, "number": 7},
            {**payments(1)[0], "payment_id": "x2", "ts": NOON, "number": 500},
            {**payments(1)[0], "payment_id": "x3", "ts": NOON, "number": 500},
            {**payments(1)[0], "payment_id": "x4", "ts": NOON, "number": 501, "paid": 9.0},
            {**payments(1)[0], "payment_id": "x5", "ts": NOON, "number": 502, "card": "c7"},
            {
                **payments(1)[0],
                "payment_id": "p7",
                "ts": START + timedelta(hours=7),
                "number": 7,
                "card": "c1",
                "amount": 10.5,
                "paid": 7.0,
                "ref": "R-007",
            },
        ]
        receipt = session.event("payments", told)
        again = session.event("payments", [{**payments(1)[0], "payment_id": "x6", "ts": NOON, "number": 500}])
    assert (receipt.accepted, receipt.repeated) == (1, 1)
    assert [(each.rule, each.reason) for each in receipt.quarantined] == [
        ("unique(number)", "row 1: number 7 came before in another row; expected each once"),
        ("unique(number)", "row 3: number 500 is also in row 2; expected each once"),
        ("paid-in-full", "row 4: paid is 9.0 and amount is 0.0; expected (payments.paid <= payments.amount)"),
        ("references(card, to=cards.card)", "row 5: card is 'c7'; expected card of a row of 'cards'"),
    ]
    assert [each.rule for each in again.quarantined] == ["unique(number)"]


def test_a_changed_contract_decides_about_what_arrives_later(tmp_path: Path) -> None:
    """What was taken in stays, and rows that were set aside come in when they are delivered again."""
    live = opened(tmp_path, shop(p.paid < 95), payments(100))
    with live.session():
        assert live.sources.ingested["payments"].quarantined.num_rows == 5
    live.show_plan()
    live.close()
    stricter = shop(p.paid < 50)
    again = opened(tmp_path, stricter, payments(100), now=NOON + timedelta(hours=1))
    changes = again.show_plan()["changes"]
    with again.session():
        assert again.sources.ingested["payments"].quarantined["number"].to_pylist() == [95, 96, 97, 98, 99]
    again.close()
    more = [*payments(100), *[{**row, "payment_id": f"n{n}"} for n, row in enumerate(payments(60)[40:])]]
    later = opened(tmp_path, stricter, more, now=NOON + timedelta(hours=2))
    with later.session():
        bad = later.sources.ingested["payments"].quarantined["payment_id"].to_pylist()
    assert bad == ["p95", "p96", "p97", "p98", "p99", *[f"n{n}" for n in range(10, 20)]]
    assert [each["what"] for each in changes] == ["contract payments"]
    versions = next(each for each in later.show_contracts() if each["source"] == "payments")["versions"]
    assert [(each["version"], each["since"], each["rules"]) for each in versions] == [
        (1, "2026-01-05T12:00:00Z", ["(payments.paid < 95)"]),
        (2, "2026-01-05T13:00:00Z", ["(payments.paid < 50)"]),
    ]
    later.close()
    looser = opened(tmp_path, shop(p.paid < 98), more, now=NOON + timedelta(hours=3))
    with looser.session():
        assert looser.sources.ingested["payments"].quarantined["number"].to_pylist() == [98, 99]


def test_what_a_source_usually_brings_is_proposed_while_it_is_fed(tmp_path: Path) -> None:
    """A payment an hour for six weeks: a bound on its age and on its amount, and neither for a file of last year."""
    rows = [{**row, "amount": 9.0, "paid": 1.0} for row in payments(42 * 24)]
    for days, proposed in ((42, 2), (400, 0)):
        live = opened(tmp_path / str(days), shop(), rows, now=START + timedelta(days=days))
        python = next(each["python"] for each in live.show_contracts() if each["source"] == "payments")
        found = [line.strip() for line in python.splitlines() if "sp.fresh" in line or "sp.volume" in line]
        assert len(found) == proposed
        if found:
            assert found == ['sp.fresh("2h"),', 'sp.volume(every="1d", at_least=8, at_most=49),']


def test_a_contract_is_printed_as_python_that_states_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was seen is stated beside the rules that are there, and pasted it gives the same contract again."""
    live = opened(tmp_path, shop(p.paid <= p.amount), payments(20))
    shown = {each["source"]: each["python"] for each in live.show_contracts()}
    assert shown["payments"].splitlines() == [
        "sp.contract(",
        "    payments,",
        "    payments.paid <= payments.amount,",
        "    sp.not_null(payments.card),",
        '    payments.card.isin(["c0", "c1", "c2"]),',
        "    sp.not_null(payments.number),",
        "    payments.number.between(0, 19),",
        "    sp.not_null(payments.amount),",
        "    sp.not_null(payments.paid),",
        "    payments.paid.between(0, 19),",
        "    sp.not_null(payments.way),",
        "    sp.not_null(payments.ref),",
        f"    payments.ref.isin([{', '.join(json.dumps(f'R-{n:03d}') for n in range(20))}]),",
        "    refuse_above=0.2,",
        ")",
    ]
    pasted = eval(shown["payments"], {"sp": sp, "payments": p})
    assert opened(tmp_path, shop(contracts=[pasted]), payments(20)).check()["quarantine"] == []
    words = io.StringIO()
    with redirect_stdout(words):
        (tmp_path / "shop.py").write_text("from tests.integration.test_contracts import shop\n\nsystem = shop()\n")
        assert main(["check", str(tmp_path / "shop.py"), "--contract", "--json"]) == 0
    assert json.loads(words.getvalue())["contracts"][0]["versions"][0]["version"] == 1
    assert main(["check", str(tmp_path / "shop.py"), "--contract"]) == 0
    shown = capsys.readouterr().out
    assert "# orders: version 1, in force since " in shown
    assert '\n    payments.card.isin(["c0", "c1", "c2"]),\n' in shown


def test_a_tick_opens_an_incident_for_a_source_that_is_late(tmp_path: Path) -> None:
    """Its title says which rule; the same breach at later ticks is the same incident."""
    live = opened(tmp_path, shop(sp.fresh("6h"), sp.volume(every="1d", at_least=20)), payments(60))
    (found,) = live.replay(sample=0.0)["incidents"]
    assert (found["title"], found["cause"], found["severity"]) == ("payments: not fresh (payments)", "payments", "page")
    assert (found["opened"], found["first_bad"]) == ("2026-01-04T00:00:00Z", "2026-01-03T00:00:00Z")
    assert found["findings"] == 2
    assert "does not keep its contract" in found["next_step"]
    assert opened(tmp_path / "good", shop(sp.fresh("6h")), payments(110)).replay(sample=0.0)["incidents"] == []

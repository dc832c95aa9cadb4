"""Sources that do not fit in the memory they are given: every verb says what it says where they do."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import setpoint as sp
from setpoint.core.clock import SimulatedClock
from setpoint.core.errors import BatchRefused
from tests.integration.live_shop import START, micros, orders, payments, write

NOW = micros(START) + 90 * 86_400_000_000
PLANTED = "p9,2026-01-01T09:00:00Z,2026-01-01T09:01:00Z,c0,-1\np9,2026-01-01T09:00:00Z,,c0,7\nbroken\n"


def folder_of(root: Path) -> Path:
    """A folder with three files of payments: one that comes late, and one with rows that are bad, or there before."""
    root.mkdir()
    lines = [
        f"{row['payment_id']},{row['ts'].isoformat()},{row['ts'].isoformat()},{row['card']},{row['amount'] or ''}\n"
        for row in payments(600)
    ]
    head = "payment_id,ts,seen,card,amount\n"
    (root / "payments-1.csv").write_text(head + "".join(lines[200:]))
    (root / "payments-2.csv").write_text(head + "".join(lines[:230]))
    (root / "payments-3.csv").write_text(head + PLANTED)
    write(root / "cards.parquet", [{"card": f"c{number}"} for number in range(2)])
    asked = orders(1200)
    write(root / "orders.parquet", asked)
    frauds = [{"order_id": row["order_id"], "ts": row["ts"], "bad": True} for n, row in enumerate(asked) if n % 3 == 0]
    write(root / "frauds.parquet", frauds)
    return root


def shop(*rules: Any) -> sp.System:
    """Frauds by what a card paid before."""
    paid: Any = sp.events("payments", "payments-*.csv", id="payment_id", at="ts", known_at="seen")
    cards: Any = sp.table("cards", "cards.parquet", key="card", valid_from=sp.always)
    fraud: Any = sp.events("frauds", "frauds.parquet", id="order_id", at="ts", delay="1m")
    stated = [paid.amount >= 0, sp.unique(paid.card, paid.ts), sp.references(paid.card, to=cards.card), *rules]
    return sp.System(
        "shop",
        decide=sp.decide(sp.events("orders", "orders.parquet", key="order_id", at="ts"), fields=["card"]),
        features={
            "mean_1d": sp.mean(paid.amount, by="card", last="1d"),
            "spent": sp.sum(paid.amount, by="card", last="2d", decimals=2),
            "largest": sp.max(paid.amount, by="card", last="2d"),
            "seen": sp.count(paid, by="card", last="30d"),
        },
        label=sp.label(fraud.bad, on="order_id", within="2h"),
        goal=sp.goal(sp.auc(), business="eur", act=sp.act("block"), cost=sp.cost(false_positive=1, false_negative=1)),
        release=sp.release(sp.shadow("1d"), fallback=sp.rule(sp.feature("spent") > 100)),
        contracts=[sp.contract(paid, *stated, refuse_above=0.8)],
    )


def opened(root: Path, *, memory_mb: int = 0, home: str = ".setpoint", declared: sp.System | None = None) -> Any:
    """The shop with so much memory for its sources."""
    return sp.open_system(declared or shop(), root=root, home=home, clock=SimulatedClock(NOW), memory_mb=memory_mb)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source of any size is larger than a megabyte."""
    monkeypatch.setattr("setpoint.data.ingest.mapped_source.TIMES", 1_000_000)


@pytest.mark.usefixtures("small")
def test_every_verb_says_what_it_says_of_sources_in_memory(tmp_path: Path) -> None:
    """Rows, quarantine, plan, model and replay are the same, to the digest."""
    root = folder_of(tmp_path / "shop")
    mapped, whole = opened(root, memory_mb=1, home="mapped"), opened(root, memory_mb=10**9, home="whole")
    assert set(mapped.sources.mapped) == {"payments"}
    assert not whole.sources.mapped
    found = mapped.check()
    assert found == whole.check()
    facts = next(each for each in found["sources"] if each["name"] == "payments")
    rules = {entry["rule"] for entry in found["quarantine"]}
    assert facts["quarantined"] == len(found["quarantine"]) > 200
    assert rules == {"(payments.amount >= 0)", "malformed", "no-time", "references(card, to=cards.card)"}
    assert mapped.show_plan() == whole.show_plan()
    for name, rows in whole.rows.items():
        assert mapped.rows[name].equals(rows), name
    ours, theirs = mapped.train(), whole.train()
    assert ours["model"] == theirs["model"]
    end = micros(START) + 20 * 86_400_000_000
    assert mapped.replay(end=end, sample=1.0)["digest"] == whole.replay(end=end, sample=1.0)["digest"]


@pytest.mark.usefixtures("small")
def test_what_was_read_is_read_again_only_when_it_changed(tmp_path: Path) -> None:
    """Files, contract and what it refers to; what was written for the ones before is gone."""
    root = folder_of(tmp_path / "shop")
    told: list[str] = []

    def check(declared: sp.System | None = None) -> tuple[int, set[str]]:
        told.clear()
        live = opened(root, memory_mb=1, declared=declared)
        live.sources.reading = lambda what, done, of: told.append(what.split(": ")[1])
        return live.rows["payments"].num_rows, set(told)

    rows, first = check()
    assert first == {"read", "held to the contract", "put in order"}
    assert check() == (rows, set())
    paid: Any = sp.events("payments", "payments-*.csv", id="payment_id", at="ts", known_at="seen")
    fewer, again = check(shop(paid.amount < 400))
    assert fewer < rows
    assert again == {"held to the contract", "put in order"}
    with (root / "payments-1.csv").open("a") as file:
        file.write("p9999,2026-01-29T00:00:00Z,2026-01-29T00:00:00Z,c0,5\n")
    assert check() == (rows + 1, {"read", "held to the contract", "put in order"})
    write(root / "cards.parquet", [{"card": "c0"}])
    assert check()[1] == {"held to the contract", "put in order"}
    home = root / ".setpoint" / "mapped"
    assert sorted(len(list(each.glob("[!.]*/"))) for each in home.glob("*/*") if each.is_dir()) == [1, 1]


@pytest.mark.usefixtures("small")
def test_a_reading_that_was_cut_off_leaves_nothing_that_is_read(tmp_path: Path) -> None:
    """It is begun again, and what it left is removed."""
    root = folder_of(tmp_path / "shop")

    class CutOff(Exception):
        """The process ends here."""

    def cut_off(what: str, done: int, of: int) -> None:
        if what.endswith("put in order"):
            raise CutOff

    live = opened(root, memory_mb=1)
    live.sources.reading = cut_off
    with pytest.raises(CutOff):
        live.check()
    (made,) = (root / ".setpoint" / "mapped").glob("*/rows")
    (made / ".draft-killed").mkdir()  # as a kill would leave it
    assert opened(root, memory_mb=1).check() == opened(root, memory_mb=10**9, home="whole").check()
    assert [each.name for each in made.iterdir() if each.name.startswith(".")] == []


@pytest.mark.usefixtures("small")
def test_too_many_bad_rows_refuse_the_source_as_in_memory(tmp_path: Path) -> None:
    """With the same words; nothing of it is kept."""
    root = folder_of(tmp_path / "shop")
    paid: Any = sp.events("payments", "payments-*.csv", id="payment_id", at="ts", known_at="seen")
    words = []
    for memory in (1, 10**9):
        with pytest.raises(BatchRefused) as raised:
            opened(root, memory_mb=memory, declared=shop(paid.amount > 10**6)).check()
        words.append(str(raised.value))
    assert words[0] == words[1]
    (made,) = (root / ".setpoint" / "mapped").glob("*/rows")
    assert not [each for each in made.iterdir() if each.is_dir()]
    shutil.rmtree(root)

"""Every baseline beside the model: people who label, and the model that decides now."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import setpoint as sp
from setpoint.console.train_report import render_training
from setpoint.core.times import DAY, time
from setpoint.labels.items import items_of_rows

START, ROWS, DAYS = time("2026-01-01"), 2400, 60
END = START + (DAYS + 2) * DAY


def inbox(folder: Path) -> tuple[sp.Live, np.ndarray]:
    """Mails with a source of truths, and people beside it; opened, with what is spam."""
    rng = np.random.default_rng(0)
    at = np.sort(rng.integers(START, START + DAYS * DAY, ROWS))
    links = rng.normal(size=ROWS)
    spam = rng.random(ROWS) < 1 / (1 + np.exp(1 - 2 * links))
    ids = pa.array([f"m{number}" for number in range(ROWS)])
    times = pa.array(at, pa.timestamp("us", tz="UTC"))
    pq.write_table(pa.table({"mail": ids, "ts": times, "links": links}), folder / "mails.parquet")
    pq.write_table(pa.table({"mail": ids, "ts": times, "spam": spam}), folder / "reports.parquet")
    mails = sp.events("mails", "mails.parquet", key="mail", at="ts")
    reports = sp.events("reports", "reports.parquet", id="mail", at="ts", delay="1h")
    system = sp.System(
        "inbox",
        decide=sp.decide(mails, fields=["links"]),
        features={"links": sp.field("links")},
        label=sp.label(reports.spam, on="mail", within="1d"),
        goal=sp.goal(sp.auc(), business="eur", act=sp.act("hide"), cost=sp.cost(false_positive=1, false_negative=1)),
        release=sp.release(sp.shadow("1d"), fallback=sp.rule(sp.field("links") > 1)),
        hand=sp.hand(["spam", "fine"], votes=3),
    )
    return sp.open_system(system, root=folder), spam


def test_people_are_a_baseline_where_they_labelled_held_out_decisions(tmp_path: Path) -> None:
    """Each is held against the others; being right nine times in ten they are ahead of the model."""
    live, spam = inbox(tmp_path)
    rng = np.random.default_rng(1)
    with live:
        queue = live.label_queue()
        newest = pa.table({"mail": [f"m{number}" for number in range(ROWS - 560, ROWS, 4)]})
        queue.add(items_of_rows(newest, "mail"))
        for key in sorted(queue.keys()):
            for who in ("ann", "bob", "eve"):
                said = spam[int(key[1:])] ^ (rng.random() < 0.1)
                queue.vote(who, key, value="spam" if said else "fine")
        report = live.train(as_of=END)
    human = next(each for each in report["baselines"] if each["name"] == "human")
    assert "one of 3 people" in human["how"]
    assert "the others' votes" in human["how"]
    assert human["rows"] > 200
    assert 0.85 < human["value"] < 0.95
    assert human["worth"]["estimate"] < 0
    assert human["words"] in report["card"]
    shown = render_training({**report, "system": "inbox", "at": "2026-03-04T00:00:00Z"})
    assert "Every baseline beside the model" in shown
    assert "3 people" in shown

"""Rows without a truth of their own, from the declaration to the gate and the card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import setpoint as sp
from setpoint.core.errors import NothingYet
from setpoint.core.times import DAY, time

START = time("2026-01-01")
ROWS, DAYS = 8000, 100
WORDS = ["offer", "winner", "meeting", ""]


@sp.label_program(sp.field("subject"))
def offers(subject: str) -> bool | None:
    """Offers are spam."""
    return True if "offer" in subject else None


@sp.label_program(sp.field("subject"))
def winners(subject: str) -> bool | None:
    """So are winners; this one raises on what it does not know."""
    return True if subject.index("winner") >= 0 else None


@sp.label_program(sp.field("subject"))
def meetings(subject: str) -> bool | None:
    """Meetings are not."""
    return False if "meeting" in subject else None


@sp.label_program(sp.field("links"))
def plain(links: float) -> bool | None:
    """Nor are mails without links."""
    return False if links == 0 else None


def inbox(folder: Path, *, told: float = 0.2, **more: Any) -> sp.Live:
    """Mails of which somebody looks at a share; spam and others differ in their words and links, each by itself."""
    rng = np.random.default_rng(0)
    at = np.sort(rng.integers(START, START + DAYS * DAY, ROWS))
    spam = rng.random(ROWS) < 0.4
    has = [rng.random(ROWS) < np.where(spam, *rates) for rates in ((0.5, 0.1), (0.4, 0.05), (0.1, 0.5), (0.2, 0.6))]
    words = [np.where(each, word, "") for each, word in zip(has, WORDS, strict=True)]
    links = np.where(has[3], 0, 1 + rng.poisson(1.5, ROWS))
    ids = np.array([f"m{number}" for number in range(ROWS)])
    mails = pa.table(
        {
            "mail": ids,
            "ts": pa.array(at, pa.timestamp("us", tz="UTC")),
            "subject": [" ".join(filter(None, each)) for each in zip(*words[:3], strict=True)],
            "links": links,
        }
    )
    seen = np.flatnonzero(rng.random(ROWS) < told)
    pq.write_table(mails, folder / "mails.parquet")
    said = pa.array(at[seen] + 3600 * 10**6, pa.timestamp("us", tz="UTC"))
    pq.write_table(pa.table({"mail": ids[seen], "ts": said, "spam": spam[seen]}), folder / "verdicts.parquet")
    mail = sp.events("mails", "mails.parquet", key="mail", at="ts")
    verdicts = sp.events("verdicts", "verdicts.parquet", id="mail", at="ts", delay="0s")
    system = sp.System(
        "inbox",
        decide=sp.decide(mail, fields=["subject", "links"]),
        features={"subject": sp.field("subject"), "links": sp.field("links")},
        label=sp.label(verdicts.spam, on="mail", within="1d", absent="void"),
        goal=sp.goal(
            sp.log_loss(), business="minutes", act=sp.act("junk"), cost=sp.cost(false_positive=20, false_negative=1)
        ),
        release=sp.release(sp.shadow("1d"), fallback=sp.rule(sp.field("links") > 5)),
        **more,
    )
    return sp.open_system(system, root=folder)


def trained(live: sp.Live) -> dict[str, Any]:
    """What a training says of its candidate."""
    with live:
        return live.train(as_of=START + (DAYS + 2) * DAY)


def test_programs_label_what_nobody_looked_at(tmp_path: Path) -> None:
    """The gate compares with the looked-up mails alone; the card tells how many labels were given, and their worth."""
    voting = sp.programs([offers, winners, meetings, plain])
    report = trained(inbox(tmp_path, programs=voting))
    assert report["rows"] < 2000
    assert "without label programs:" in report["training_rows"]
    assert "decisions by label programs (log_loss on gold rows" in report["card"]
    labelled = int(report["card"].split(" decisions by label programs")[0].split()[-1])
    assert labelled > 2000


def test_without_twice_the_gold_rows_nothing_is_trained(tmp_path: Path) -> None:
    """Half of them choose the label model and the others judge; the plan says how many are needed."""
    voting = sp.programs([offers, winners, meetings, plain], gold=2000)
    live = inbox(tmp_path, programs=voting)
    choices = {choice["name"]: choice for choice in live.show_plan()["choices"]}
    assert choices["least labels"]["value"].startswith("4000 decisions")
    assert choices["label programs"]["value"] == "offers, winners, meetings, plain"
    with pytest.raises(NothingYet, match="at least 4000"):
        trained(live)


def test_made_up_rows_that_do_not_help_are_not_used(tmp_path: Path) -> None:
    """Links that are nothing but noise: the model learns from the real rows alone, and the card says so."""
    changes = sp.augment(sp.noise("links", by=10), sp.substitute("subject", {"offer": ["meeting"]}, rate=1.0), copies=5)
    live = inbox(tmp_path, augment=changes)
    assert {"name": "made-up rows", "value": "noise, substitute; 5 of each row", "because": "declared"} in [
        {"name": each["name"], "value": each["value"], "because": each["reason"]}
        for each in live.show_plan()["choices"]
    ]
    report = trained(live)
    assert "training_rows" not in report
    assert "made-up rows; not used, since not shown to help on the validation rows: log_loss" in report["card"]


def test_what_is_added_changes_no_row_that_judges(tmp_path: Path) -> None:
    """The rows, their number and the baselines are those of a training without."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    voting = sp.programs([offers, winners, meetings, plain])
    bare = trained(inbox(tmp_path / "one"))
    more = trained(inbox(tmp_path / "two", programs=voting, augment=sp.augment(sp.mixup(0.1))))
    assert bare["rows"] == more["rows"]
    told = [[(each["name"], each["value"]) for each in report["baselines"][:3]] for report in (bare, more)]
    assert told[0] == told[1]
    assert "decisions by label programs" in more["card"]
    assert "made-up rows" in more["card"]


def test_a_report_says_what_each_program_is_worth(tmp_path: Path) -> None:
    """On all decisions, with those of a known truth as gold; a program that raises is a finding."""
    with inbox(tmp_path, programs=sp.programs([offers, winners, meetings, plain])) as live:
        report, fit = live.program_report()
    assert [each.name for each in report.programs] == ["offers", "winners", "meetings", "plain"]
    right = {each.name: each.accuracy for each in report.programs}
    assert all(found is not None and found.estimate > 0.7 for found in right.values())
    assert any("winners" in finding for finding in report.findings)
    assert fit is not None
    assert fit.refused is None
    with inbox(tmp_path) as live, pytest.raises(NothingYet, match="has no label programs"):
        live.program_report()


def test_a_declared_sample_trains_and_judges_for_all(tmp_path: Path) -> None:
    """The plan and the card say how it was drawn; the gate counts what the rows are worth."""
    live = inbox(tmp_path, told=1.0, sample=sp.stratified(3000, by="subject", allocation="equal"))
    assert any(choice["name"] == "sample" for choice in live.show_plan()["choices"])
    report = trained(live)
    assert report["passed"]
    assert "kind stratified, n 3000" in report["card"]
    assert "which weigh as" in report["card"]

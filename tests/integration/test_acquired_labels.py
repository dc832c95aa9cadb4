"""A system whose labels come only by hand: what a strategy picks trains, and what lot asks for judges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import setpoint as sp
from setpoint.cli.main import main
from setpoint.core.clock import SimulatedClock
from setpoint.core.errors import DeclarationError, NothingYet
from setpoint.core.records import RULE
from setpoint.core.times import DAY, HOUR, time
from setpoint.data.labels import KNOWN, VOID
from setpoint.data.log.decisions import OUTCOMES
from setpoint.labels.acquired import asked_of, lots
from setpoint.learn.asked import NAME
from setpoint.loop import count_quality, judged
from setpoint.registry import models
from setpoint.session import Session

START, DAYS, EACH = time("2026-01-01"), 72, 30


def inbox() -> sp.System:
    """Mails that nobody but people says of whether they are spam."""
    reports = sp.events("reports", "reports.parquet", id="mail", at="ts", delay="0s")
    return sp.System(
        "inbox",
        decide=sp.decide(sp.events("mails", "mails.parquet", key="mail", at="ts"), fields=["links", "words"]),
        features={"links": sp.field("links"), "words": sp.field("words")},
        label=sp.label(reports.spam, on="mail", within="1d", absent="void"),
        goal=sp.goal(sp.auc(), business="eur", act=sp.act("hide"), cost=sp.cost(false_positive=5, false_negative=1)),
        release=sp.release(sp.shadow("1d"), refresh="10d", fallback=sp.rule(sp.field("links") > 2)),
        hand=sp.hand(["spam", "fine"], random=0.4),
    )


def write(folder: Path) -> None:
    """One mail and one report of a time before: what is decided on comes to the running service."""
    before = pa.array([START - 9 * DAY], pa.timestamp("us", tz="UTC"))
    pq.write_table(pa.table({"mail": ["m"], "ts": before, "links": [0.0], "words": [0.0]}), folder / "mails.parquet")
    pq.write_table(pa.table({"mail": ["m"], "ts": before, "spam": [False]}), folder / "reports.parquet")


def ask(live: sp.Live, count: int, spam: dict[str, str]) -> None:
    """Ask about what a model is unsure of, before there is any by lot; people answer at once."""
    try:
        found = live.fill_queue("margin", count)
    except NothingYet:
        found = live.fill_queue("random", count)
    queue = live.label_queue()
    for each in found["picks"]:
        queue.vote("ann", each["key"], value=spam[each["key"]])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[sp.Live, Session]]:
    """Ten weeks of mails; every fourth day people label most of what came."""
    folder = tmp_path_factory.mktemp("inbox")
    write(folder)
    clock, rng = SimulatedClock(START), np.random.default_rng(0)
    spam: dict[str, str] = {}
    with sp.open_system(inbox(), root=folder, clock=clock) as opened, opened.session() as session:
        for day in range(DAYS):
            for number in range(EACH):
                clock.advance_to(START + day * DAY + number * HOUR // 2)
                links, words = (float(each) for each in rng.normal(size=2))
                name = f"m{day}-{number}"
                spam[name] = "spam" if rng.random() < 1 / (1 + np.exp(2.5 - 2 * links - words)) else "fine"
                session.decide({"mail": name, "links": links, "words": words})
            if day % 4 == 3:
                clock.advance_to(START + day * DAY + 20 * HOUR)
                ask(opened, 3 * EACH, spam)
                clock.advance_to(START + (day + 1) * DAY)
                session.refresh()
        yield opened, session


@pytest.fixture(scope="module")
def live(running: tuple[sp.Live, Session]) -> sp.Live:
    """The system alone."""
    return running[0]


def newest(live: sp.Live) -> dict[str, Any]:
    """The model that was trained last."""
    metadata = live.workspaces.live.open_metadata(live.settings)
    found = models.all_models(metadata)[-1]
    metadata.close()
    return found


def keys(live: sp.Live, acquired: str) -> set[str]:
    """The mails whose label was acquired in one way."""
    return set(live.sql(f"select key from outcomes where acquired = '{acquired}'")["key"].to_pylist())


def test_what_a_strategy_picked_trains_and_what_lot_asked_for_judges(live: sp.Live) -> None:
    """The newest model learned from picked labels too; its gate and calibration saw the random ones alone."""
    model = newest(live)
    labels, rails = model["labels"], model["report"]["guardrails"]
    assert min(labels["train"]["picked"], labels["released"]["picked"]) > 30
    assert labels["released"]["picked"] > labels["train"]["picked"]
    for side in ("validation", "held_out"):
        assert (labels[side]["picked"], labels[side]["natural"]) == (0, 0)
        assert labels[side]["at random"] > 100
    assert model["report"]["rows"] == labels["held_out"]["at random"]
    (judged,) = [each for each in rails if each["guardrail"] == NAME]
    assert judged["verdict"] == "holds"
    assert "weigh by their chance" in judged["reason"]


def test_how_labels_were_acquired_can_be_asked(live: sp.Live) -> None:
    """Those asked for at random are the ones with the lowest lots, also where a strategy had picked them before."""
    drawn, picked = keys(live, "at random"), keys(live, "picked")
    assert len(drawn) > 1000
    assert len(picked) > 50
    asked = asked_of("inbox", live.metadata)
    names = sorted(drawn | picked)
    found = {name: asked.chances(name, 2**62)[-1][1] for name in names}
    lot = dict(zip(names, lots(names, seed=asked.seed).tolist(), strict=True))
    assert all(lot[name] < (found[name] or 0.0) for name in drawn)
    assert {found[name] for name in picked} == {0.0}


def test_monitors_of_live_quality_see_no_picked_label(live: sp.Live) -> None:
    """A decision with a picked label is settled without it; one that lot asked about in time has its label."""
    tables = live.workspaces.live.open_tables()
    settled = tables.read(OUTCOMES, columns=["key", "state"])
    state = dict(zip(settled["key"].to_pylist(), settled["state"].to_pylist(), strict=True))
    assert {state[key] for key in keys(live, "picked") if key in state} == {VOID}
    assert sum(state.get(key) == KNOWN for key in keys(live, "at random")) > 200


def test_labels_that_people_give_late_reach_the_monitors(running: tuple[sp.Live, Session]) -> None:
    """The quality of each day counts the random labels of its decisions, also those given after these had matured."""
    live, loop = running[0], running[1]._loop
    now = loop.state.tick * loop.plan.tick
    rows = judged(loop, loop.matured, now).to_pylist()
    seen = {row["key"] for row in rows if row["state"] == KNOWN}
    settled = [row["key"] for part in loop.matured for row in part.to_pylist() if row["state"] == KNOWN]
    assert seen <= keys(live, "at random")
    assert len(seen) > len(settled)
    assert loop.quality is not None
    assert loop.quality.n.sum() == sum(row["state"] == KNOWN and row["model"] != RULE for row in rows)
    again = replace(loop, quality=None)
    count_quality(again, loop.matured, now)  # as after a restart
    assert again.quality is not None
    assert again.quality.to_dict() == loop.quality.to_dict()


def test_the_share_that_is_drawn_at_random_is_declared(live: sp.Live, capsys: pytest.CaptureFixture[str]) -> None:
    """The command's argument is in its place; there is no batch without any at random."""
    assert live.fill_queue("margin", 10)["random"] == 4
    assert live.fill_queue("margin", 10, random_share=0.1)["random"] == 1
    assert live.fill_queue("margin", 1)["random"] == 1
    with pytest.raises(DeclarationError, match="hardly any") as told:
        live.fill_queue("margin", 10, random_share=0.0)
    assert "only labels asked for at random can" in str(told.value)
    (live.root / "inbox.py").write_text(f"from {__name__} import inbox\n\nsystem = inbox()\n")
    assert main(["label", str(live.root / "inbox.py"), "--fill", "random", "--random", "0.001", "--json"]) == 2
    assert "at least 0.01" in capsys.readouterr().out


def test_why_tells_why_a_decision_was_put_before_people(live: sp.Live) -> None:
    """With its label: by which strategy, with which words, and whether lot asked."""
    name = min(keys(live, "picked"))
    (told,) = live.why(name)["tables"]["Asked about"]
    assert told["strategy"] == "margin"
    assert told["reason"].startswith("margin 0.")
    assert told["at random"] == "no"

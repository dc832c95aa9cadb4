"""The queue of hand labels, filled by what labels would tell and by labels that are likely wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import setpoint as sp
from setpoint.cli.main import main, parser
from setpoint.core.errors import NothingYet
from setpoint.core.times import DAY, time
from setpoint.labels.acquired import why_asked
from setpoint.rollout.active import STRATEGIES
from setpoint.rollout.fill import ERRORS

START = time("2026-01-01")
ROWS, DAYS = 3000, 60


def inbox() -> sp.System:
    """The declaration: mails, verdicts that reach some of them, and what people choose from."""
    verdicts = sp.events("verdicts", "verdicts.parquet", id="mail", at="ts", delay="0s")
    return sp.System(
        "inbox",
        decide=sp.decide(sp.events("mails", "mails.parquet", key="mail", at="ts"), fields=["links", "words"]),
        features={"links": sp.field("links"), "words": sp.field("words")},
        label=sp.label(verdicts.spam, on="mail", within="1d", absent="void"),
        goal=sp.goal(sp.auc(), business="eur", act=sp.act("hide"), cost=sp.cost(false_positive=5, false_negative=1)),
        release=sp.release(sp.shadow("1d"), refresh="14d", fallback=sp.rule(sp.field("links") > 2)),
        hand=sp.hand(["spam", "fine"]),
    )


@pytest.fixture(scope="module")
def flips() -> list[str]:
    """The mails whose verdict is wrong."""
    return [f"m{i}" for i in np.flatnonzero(np.random.default_rng(9).random(ROWS) < 0.05)]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, flips: list[str]) -> Iterator[sp.Live]:
    """Mails of which half were judged, replayed to the end; spam has more links."""
    folder = tmp_path_factory.mktemp("inbox")
    rng = np.random.default_rng(0)
    at = np.sort(rng.integers(START, START + DAYS * DAY, ROWS))
    links, words = rng.normal(0, 1, ROWS), rng.normal(0, 1, ROWS)
    spam = rng.random(ROWS) < 1 / (1 + np.exp(-4 * links - 3 * words))
    ids = np.array([f"m{number}" for number in range(ROWS)])
    mails = {"mail": ids, "ts": pa.array(at, pa.timestamp("us", tz="UTC")), "links": links, "words": words}
    pq.write_table(pa.table(mails), folder / "mails.parquet")
    said = np.where(np.isin(ids, flips), ~spam, spam)
    seen = np.flatnonzero(rng.random(ROWS) < 0.5)
    verdict_at = pa.array(at[seen] + 3600 * 10**6, pa.timestamp("us", tz="UTC"))
    pq.write_table(pa.table({"mail": ids[seen], "ts": verdict_at, "spam": said[seen]}), folder / "verdicts.parquet")
    with sp.open_system(inbox(), root=folder) as opened:
        opened.replay(sample=0.0)
        yield opened


def unlabelled(live: sp.Live) -> set[str]:
    """The mails whose label nobody knows."""
    return set(live.sql("select key from outcomes where state <> 'known'")["key"].to_pylist())


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_strategy_puts_decisions_without_a_label_before_people(live: sp.Live, strategy: str) -> None:
    """Each is new in the queue, by falling priority, with a reason that is kept and not shown; some are random."""
    queue, before = live.label_queue(), live.label_queue().keys()
    found = live.fill_queue(strategy, 10)
    keys = [each["key"] for each in found["picks"]]
    assert (found["added"], found["random"]) == (10, 10 if strategy == "random" else 2)
    assert set(keys) <= unlabelled(live) - before
    assert {queue.item(key).priority for key in keys} == {each["priority"] for each in found["picks"]}
    kept = why_asked(queue.name, live.metadata, keys[0])[-1]
    assert (kept["strategy"], kept["reason"]) == (strategy, found["picks"][0]["reason"])
    assert "reason" not in queue.item(keys[0]).to_dict()


def test_uncertain_decisions_are_uncertain(live: sp.Live) -> None:
    """What "margin" picks has truer odds nearer to even than what lot picks, whatever was picked before."""
    queue = live.label_queue()
    odds: dict[bool, list[float]] = {True: [], False: []}
    for each in live.fill_queue("margin", 160, random_share=0.5)["picks"]:
        seen = queue.item(each["key"]).features
        odds[each["random"]].append(abs(4 * seen["links"] + 3 * seen["words"]))
    assert np.median(odds[False]) < 0.7 * np.median(odds[True])


def test_flipped_verdicts_are_put_before_people(live: sp.Live, flips: list[str]) -> None:
    """Most of the labels that are doubted first were flipped, and what was flipped is estimated."""
    found = live.fill_queue(ERRORS, 20)
    assert {each["key"] for each in found["picks"]} <= live.label_queue().keys()
    assert len(found["picks"]) == 20
    assert np.mean([each["key"] in flips for each in found["picks"]]) >= 0.5  # by lot one in twenty
    assert found["judged"] > 1000
    assert 0.0 < found["noise"]["true"] < 0.2
    assert json.dumps(found)


def test_a_label_of_hand_that_is_in_doubt_goes_to_somebody_else(live: sp.Live, flips: list[str]) -> None:
    """An item that people have voted on is asked about again instead of added."""
    queue = live.label_queue()
    doubted = [each["key"] for each in live.fill_queue(ERRORS, 5)["picks"]]
    for key in doubted:
        queue.vote("ann", key, value="spam")
    done = queue.progress()["done"]
    again = live.fill_queue(ERRORS, 5)
    assert (again["added"], again["again"]) == (0, 5)
    assert queue.progress()["done"] == done - 5
    assert flips


def test_the_command_line_knows_every_strategy() -> None:
    """`setpoint label --fill` takes the strategies, and label errors."""
    for name in (*STRATEGIES, ERRORS):
        assert parser().parse_args(["label", "--fill", name]).fill == name


def test_the_command_fills_the_queue_and_says_why(live: sp.Live, capsys: pytest.CaptureFixture[str]) -> None:
    """`setpoint label --fill` prints what was picked, for people and as JSON."""
    (live.root / "inbox.py").write_text(f"from {__name__} import inbox\n\nsystem = inbox()\n")
    asked = ["label", str(live.root / "inbox.py"), "--fill"]
    assert main([*asked, "margin", "--count", "4", "--random", "0.5", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["added"], told["random"], len(told["picks"])) == (4, 2, 4)
    assert main([*asked, "errors", "--count", "2"]) == 0
    assert "By errors" in capsys.readouterr().out
    assert main([*asked, "random", "--count", "0", "--json"]) == 2
    assert "expected" in json.loads(capsys.readouterr().out)["error"]


def test_before_the_first_model_only_lot_can_pick(tmp_path: Path, live: sp.Live) -> None:
    """A strategy that goes by a model says that there is none."""
    for name in ("mails", "verdicts"):
        (tmp_path / f"{name}.parquet").write_bytes((live.root / f"{name}.parquet").read_bytes())
    with sp.open_system(live.declared, root=tmp_path) as young:
        young.replay(end=START + 3 * DAY, sample=0.0)
        with pytest.raises(NothingYet, match="No model"):
            young.fill_queue("margin", 5)
        assert young.fill_queue("random", 5)["added"] == 5

"""What is told of decisions, and labelled by hand, counts wherever a system learns, and is part of its snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import setpoint as sp
from setpoint.core.clock import SimulatedClock
from setpoint.core.times import DAY, HOUR, iso, time
from setpoint.data.log.decisions import OUTCOMES, plan_sources, positions_known
from setpoint.data.rows import AT, known_rows, times_of
from setpoint.data.snapshots.manifest import load_snapshot
from setpoint.declare.source import TOLD
from setpoint.features.reader import FeatureReader
from setpoint.history import examples_of, requests_of
from setpoint.labels.items import Item
from setpoint.labels.join import KNOWN
from setpoint.registry import models
from setpoint.serve.batch import decide_many
from setpoint.serve.snapshot import Serving

START, ROWS, DAYS = time("2026-01-01"), 1600, 60
SEEN = 0.8
"""The share of points that were looked at."""


def points(folder: Path, *, at: float, programs: Any = None) -> tuple[sp.Live, SimulatedClock]:
    """Points of which somebody looks at most, on a clock that stands so many days after the first."""
    rng = np.random.default_rng(3)
    moments = np.sort(rng.integers(START, START + DAYS * DAY, ROWS))
    x = rng.normal(size=ROWS)
    truth, seen = rng.random(ROWS) < 1 / (1 + np.exp(-2 * x)), np.flatnonzero(rng.random(ROWS) < SEEN)
    ids = np.array([f"m{number}" for number in range(ROWS)])
    taken, said = (pa.array(each, pa.timestamp("us", tz="UTC")) for each in (moments, moments[seen] + HOUR))
    colour = rng.choice(["red", "blue"], ROWS)
    pq.write_table(pa.table({"id": ids, "ts": taken, "x": x, "colour": colour}), folder / "points.parquet")
    pq.write_table(pa.table({"id": ids[seen], "ts": said, "upper": truth[seen]}), folder / "looks.parquet")
    looks = sp.events("looks", "looks.parquet", id="id", at="ts", delay="0s")
    declared = sp.System(
        "points",
        decide=sp.decide(sp.events("points", "points.parquet", key="id", at="ts"), fields=["x", "colour"]),
        features={"x": sp.field("x"), "colour": sp.field("colour")},
        label=sp.label(looks.upper, on="id", within="1d", absent="void"),
        goal=sp.goal(
            sp.log_loss(),
            business="eur",
            act=sp.act("sort"),
            cost=sp.cost(false_positive=1, false_negative=1),
            protect=["colour"],
        ),
        release=sp.release(sp.shadow("1d"), fallback=sp.rule(sp.field("x") > 1)),
        hand=sp.hand(["upper", "lower"], guidelines="Look.", votes=1),
        programs=programs,
    )
    clock = SimulatedClock(START + int(at * DAY))
    return sp.open_system(declared, root=folder, clock=clock), clock


def unseen(live: sp.Live) -> list[str]:
    """The points that nobody looked at."""
    looked = set(live.rows["looks"]["id"].to_pylist())
    return [name for name in live.rows["points"]["id"].to_pylist() if name not in looked]


def tell(live: sp.Live, said: Mapping[str, bool]) -> None:
    """Tell the truth of points, as the product's own code does while the system decides."""
    with live.session() as session:
        for name, value in said.items():
            session.outcome({"key": name, "value": value})


def vote(live: sp.Live, said: Mapping[str, str]) -> None:
    """Label points by hand."""
    queue = live.label_queue()
    queue.add([Item(name) for name in said])
    for name, value in said.items():
        queue.vote("ann", name, value=value)


def document(live: sp.Live, model: str) -> dict[str, Any]:
    """What the registry has of a model."""
    metadata = live.workspaces.live.open_metadata(live.settings)
    found = models.get(metadata, model)
    metadata.close()
    return found


def test_a_training_without_a_service_learns_from_what_was_told(tmp_path: Path) -> None:
    """Outcomes by key and by decision, and labels of hand, as a training of the loop would have them."""
    live, clock = points(tmp_path, at=DAYS + 2)
    with live:
        names = unseen(live)
        bare = live.train()["rows"]
        with live.session() as session:
            session.outcome({"key": names[0], "value": True})
            decided = session.decide({"id": names[1], "x": 0.5, "colour": "red"})
            session.outcome({"decision": decided.id, "value": False})
        vote(live, {names[2]: "upper", names[3]: "lower"})
        clock.advance_to(clock.now() + HOUR)
        assert live.train()["rows"] == bare + 4


def test_models_that_learned_from_other_labels_learned_from_other_snapshots(tmp_path: Path) -> None:
    """The difference of the two shows which label it was, before and after."""
    live, clock = points(tmp_path, at=DAYS + 2)
    with live:
        name, other, *_ = unseen(live)
        vote(live, {name: "upper", other: "lower"})
        first = live.train()["model"]
        clock.advance_to(clock.now() + HOUR)
        live.label_queue().decide("eve", name, value="lower")
        second = live.train()["model"]
        assert document(live, first)["snapshot"] != document(live, second)["snapshot"]
        told = {each["source"]: each for each in live.compare(first, second)["sources"]}
        assert {source: each["changed"] for source, each in told.items()} == {"looks": 0, "points": 0, TOLD: 1}
        (example,) = told[TOLD]["examples"]
        assert example["columns"]["value"] == {"before": 1.0, "after": 0.0}
        assert f"'{TOLD}'" in str(live.why(second))


def test_a_training_from_a_stored_snapshot_has_the_labels_that_it_had(tmp_path: Path) -> None:
    """The training set of a model is made again, bit for bit, from what is stored of its snapshot alone."""
    live, clock = points(tmp_path, at=DAYS + 2)
    with live:
        names = unseen(live)
        tell(live, {names[0]: True, names[1]: False})
        model = document(live, live.train()["model"])
        clock.advance_to(clock.now() + HOUR)
        vote(live, {names[2]: "upper"})
        live.train()
        stored = load_snapshot(live.folders.open_tables(), live.metadata, snapshot=model["snapshot"])
        requests = requests_of(live.plan, stored.rows, start=None, end=stored.as_of)
        features = FeatureReader(live.plan, stored.rows).read(requests.table, requests.at)
        positions = positions_known(stored.rows, plan_sources(live.plan), requests.at)
        log = decide_many(requests.table, requests.at, features, Serving(live.plan), positions=positions)
        again = examples_of(live.plan, log, stored)
        assert again.digest == model["training_set"]
        place = {name: row for row, name in enumerate(again.keys.to_pylist())}
        rows = [place[name] for name in names[:3]]
        assert (again.labels.state[rows] == KNOWN).tolist() == [True, True, False]
        assert again.labels.value[rows[:2]].tolist() == [1.0, 0.0]


def test_a_training_as_of_a_time_before_it_was_told_is_what_it_was(tmp_path: Path) -> None:
    """What was told later is in no snapshot of an earlier time, and where nothing was told there is no such table."""
    live, clock = points(tmp_path, at=DAYS + 2)
    with live:
        moment, before = clock.now(), live.snapshot("now")
        model = live.train()["model"]
        clock.advance_to(clock.now() + HOUR)
        tell(live, dict.fromkeys(unseen(live)[:50], True))
        assert live.train(as_of=moment)["model"] == model
        assert live.snapshot(iso(moment)).digest == before.digest
        assert TOLD not in before.rows
        assert known_rows(live.snapshot("now").rows[TOLD], clock.now()).num_rows == 50


def test_told_labels_are_held_and_collected_with_their_snapshot(tmp_path: Path) -> None:
    """A hold keeps them when what nothing needs is removed; without it they go with the snapshot."""
    live, clock = points(tmp_path, at=DAYS + 2)
    with live:
        tell(live, {unseen(live)[0]: True})
        held = live.hold("audit")["snapshot"]
        clock.advance_to(clock.now() + 3 * DAY)
        live.collect(sweep=True)
        assert live.snapshot("audit").rows[TOLD]["value"].to_pylist() == [1.0]
        live.let_go("audit")
        assert [each["snapshot"] for each in live.collect(sweep=True)["snapshots"]] == [held]


def test_check_plan_and_programs_count_what_was_told(tmp_path: Path) -> None:
    """The states of labels, the audit for bias, and what label programs are judged by are those of a training."""

    @sp.label_program(sp.field("x"))
    def high(x: float) -> bool | None:
        return True if x > 1 else None

    live, clock = points(tmp_path, at=DAYS + 2, programs=sp.programs([high]))
    with live:
        before, votes = live.check(), live.program_report()[0]
        names = unseen(live)
        tell(live, dict.fromkeys(names[:100], True))
        vote(live, dict.fromkeys(names[100:110], "lower"))
        clock.advance_to(clock.now() + HOUR)
        after = live.check()
        assert after["labels"]["known"] == before["labels"]["known"] + 110
        assert after["labels"]["void"] == before["labels"]["void"] - 110
        assert after["bias"] != before["bias"]
        gold = [report.programs[0].to_dict() for report in (votes, live.program_report()[0])]
        assert gold[0] != gold[1]


def test_a_replay_settles_what_was_told_from_when_it_was_known(tmp_path: Path) -> None:
    """A label that was told within the time of a replay is its decision's; one that was told after it is not there."""
    live, clock = points(tmp_path, at=20)
    with live:
        bare = live.replay(sample=0.0)
        taken = dict(zip(live.rows["points"]["id"].to_pylist(), times_of(live.rows["points"], AT), strict=True))
        names = [name for name in unseen(live) if START + 19 * DAY < taken[name] - DAY // 4 < START + 25 * DAY]
        clock.advance_to(START + 100 * DAY)
        tell(live, {names[0]: True})
        assert live.replay(sample=0.0)["folder"] == bare["folder"]
    early = tmp_path / "early"
    early.mkdir()
    live, clock = points(early, at=20)
    with live:
        tell(live, dict.fromkeys(names, True))
        found = live.replay(sample=0.0)
        settled = live.workspaces.replay(Path(found["folder"]).name).open_tables().read(OUTCOMES)
        values = dict(zip(settled["key"].to_pylist(), settled["value"].to_pylist(), strict=True))
    assert len(names) > 3
    assert {values[name] for name in names} == {1.0}
    assert found["summary"]["matured"] == bare["summary"]["matured"] + len(names)
    assert found["digest"] != bare["digest"]

"""Runs, the audit trail and lineage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from setpoint.backends.metadata import SqlMetadata
from setpoint.core.errors import NameUnknown, NothingYet
from setpoint.core.ports import Metadata
from setpoint.core.records import RULE
from setpoint.registry import audit, lineage, runs


@pytest.fixture
def metadata() -> Iterator[Metadata]:
    """A store in memory."""
    store = SqlMetadata("sqlite://")
    yield store
    store.close()


def make_run(**changes: object) -> runs.Run:
    """A run of a training."""
    given = {
        "system": "shop",
        "model": "m1",
        "at": 5,
        "seed": 0,
        "inputs": {"plan": "p", "snapshot": "s", "training_set": "t"},
        "parameters": {"learner": "logistic"},
        "metrics": {"auc": 0.7},
        "cpu_seconds": 1.5,
        "peak_mb": 300.0,
    }
    return runs.Run(**{**given, **changes})  # type: ignore[arg-type]


def test_a_run_comes_back_with_everything_it_was_given(metadata: Metadata) -> None:
    """Parameters, metrics, inputs, environment, code, seed and what it cost."""
    run = make_run()
    assert runs.put(metadata, run) == run.id
    found = runs.get(metadata, run.id)
    assert found == run.to_dict()
    assert found["inputs"]["snapshot"] == "s"
    assert found["environment"]["packages"]["numpy"]
    assert len(found["code"]) == 32


def test_what_was_measured_is_not_part_of_a_runs_identity(metadata: Metadata) -> None:
    """The same training on another machine is the same run; other inputs, code or seed are another."""
    run = make_run()
    slower = replace(run, cpu_seconds=99.0, peak_mb=1.0, at=9, environment={"python": "4"})
    assert slower.id == run.id
    others = [
        replace(run, seed=1),
        replace(run, code="other"),
        replace(run, inputs={**run.inputs, "snapshot": "s2"}),
        replace(run, model="m2"),
        replace(run, system="bank"),
    ]
    assert len({run.id, *[other.id for other in others]}) == 6
    runs.put(metadata, run)
    runs.put(metadata, slower)
    assert [found["cpu_seconds"] for found in runs.runs_of(metadata, "m1")] == [99.0]


def test_an_unknown_run_is_named(metadata: Metadata) -> None:
    """The registry says which there are."""
    with pytest.raises(NameUnknown, match="run_x"):
        runs.get(metadata, "run_x")


def test_the_trail_keeps_every_act_in_order(metadata: Metadata) -> None:
    """Nothing is replaced, equal acts included."""
    for at, act in ((1, "train"), (2, "promote"), (2, "promote")):
        audit.record(metadata, at=at, act=act, subject="m1", reason="because", evidence={"auc": 0.7})
    found = audit.trail(metadata)
    assert [(each["at"], each["act"]) for each in found] == [(1, "train"), (2, "promote"), (2, "promote")]
    assert found[0]["evidence"] == {"auc": 0.7}
    assert audit.trail(metadata, act="train") == found[:1]


def test_what_was_live_when_follows_promotions_and_rollbacks(metadata: Metadata) -> None:
    """The rule at first, then each champion, and after a rollback the one before it."""
    acts = [
        (10, "train", "a", "due"),
        (11, "promote", "a", "passed the gate"),
        (20, "start_shadow", "b", "passed the gate"),
        (30, "promote", "b", "better than a"),
        (40, "rollback", "b", "worse than a"),
        (50, "promote", "c", "better than a"),
    ]
    for at, act, subject, reason in acts:
        audit.record(metadata, at=at, act=act, subject=subject, reason=reason)
    trail = audit.trail(metadata)
    live = {moment: audit.live_at(trail, moment) for moment in (0, 10, 11, 29, 30, 39, 40, 49, 50, 99)}
    assert [found.model for found in live.values()] == [RULE, RULE, "a", "a", "b", "b", "a", "a", "c", "c"]
    assert (live[49].since, live[49].reason) == (40, "worse than a")
    assert (live[10].since, live[10].reason) == (None, "no model has been promoted")


def test_a_rollback_of_the_first_model_leaves_the_rule(metadata: Metadata) -> None:
    """And a rollback of one that does not decide changes nothing."""
    acts = [
        {"at": 1, "act": "promote", "subject": "a", "reason": "first"},
        {"at": 2, "act": "rollback", "subject": "x", "reason": "stray"},
        {"at": 3, "act": "rollback", "subject": "a", "reason": "worse than the rule"},
    ]
    assert audit.live_at(acts, 2).model == "a"
    assert audit.live_at(acts, 3) == audit.Live(RULE, 3, "worse than the rule")


def test_the_trail_says_what_was_believed_at_a_time(metadata: Metadata) -> None:
    """An act that was written late was not known before, and then counts from the time that it holds from."""
    audit.record(metadata, at=10, act="promote", subject="a", reason="first")
    audit.record(metadata, at=30, act="promote", subject="b", reason="better")
    audit.record(metadata, at=20, known_at=40, act="retire", subject="a", reason="its base was gone")
    trail = audit.trail(metadata)
    assert [audit.live_at(trail, 25, known_at=known).model for known in (9, 10, 39, 40)] == [RULE, "a", "a", RULE]
    assert audit.live_at(trail, 25) == audit.Live(RULE, 20, "its base was gone")
    assert audit.live_at(trail, 25).known_at == 40
    assert [each.model for each in audit.reigns(trail)] == [RULE, "a", RULE, "b"]


def test_what_a_replay_did_is_known_to_the_live_system_from_when_it_took_it_over(metadata: Metadata) -> None:
    """Whatever is asked about a time of the replay, nobody knew of it before."""
    audit.record(metadata, at=10, act="promote", subject="a", reason="first")
    audit.record(metadata, at=90, act="adopt", subject="shop", reason="the live system goes on from a replay")
    audit.record(metadata, at=95, act="promote", subject="b", reason="better")
    trail = audit.trail(metadata)
    assert [audit.live_at(trail, 50, known_at=known).model for known in (10, 89, 90)] == [RULE, RULE, "a"]
    assert [(each.model, each.known_at) for each in audit.reigns(trail)] == [(RULE, None), ("a", 90), ("b", 95)]


MODEL = {
    "recipe": {"learner": "logistic", "parameters": {}},
    "trained": [0, 86_400_000_000],
    "seed": 3,
    "training_set": "t1",
    "snapshot": "s1",
}
DECISION = {"decision_id": "d1", "key": "c9", "at": 0, "score": 0.25, "acted": True, "model": "m1", "degraded": ""}


def test_a_decision_is_traced_down_to_the_sources(metadata: Metadata) -> None:
    """Decision, model, training set, snapshot, and the digest of every source."""
    metadata.put("model", "m1", {"model": "m1", **MODEL})
    lineage.put_inputs(
        metadata, training_set="t1", snapshot="s1", as_of=0, sources={"orders": "o1", "frauds": "f1"}, plan="p1", rows=7
    )
    found = lineage.trace_decision(metadata, DECISION)
    assert [(link.what, link.digest) for link in found] == [
        ("decision", "d1"),
        ("model", "m1"),
        ("training set", "t1"),
        ("snapshot", "s1"),
        ("source", "f1"),
        ("source", "o1"),
    ]
    assert "7 decisions" in found[2].detail
    assert "1970-01-02" in found[1].detail


def test_a_missing_record_is_said_and_not_left_out(metadata: Metadata) -> None:
    """Lineage never ends in silence."""
    metadata.put("model", "m1", {"model": "m1", **MODEL})
    found = lineage.trace_model(metadata, "m1")
    assert [link.what for link in found] == ["model", "training set", "snapshot"]
    assert all("no record" in link.detail for link in found[1:])


def test_a_decision_of_the_rule_ends_with_the_rule(metadata: Metadata) -> None:
    """It was not trained; why the model did not decide is said."""
    found = lineage.trace_decision(metadata, {**DECISION, "model": RULE, "degraded": "too slow"})
    assert [link.what for link in found] == ["decision", "rule"]
    assert "too slow" in found[0].detail


def test_a_decision_of_an_unknown_model_is_refused(metadata: Metadata) -> None:
    """It was taken elsewhere."""
    with pytest.raises(NothingYet, match="m1"):
        lineage.trace_decision(metadata, DECISION)

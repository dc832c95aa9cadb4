"""Candidates that wait for a person: approved, declined, overridden; and no way around the gate."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import setpoint as sp
from setpoint.cli.main import main
from setpoint.core.clock import SimulatedClock
from setpoint.core.errors import GateRefused, NameUnknown, NothingYet, WrongType
from setpoint.core.times import DAY, HOUR, time

START, ROWS, DAYS = time("2026-01-01"), 1600, 60
END = START + (DAYS + 2) * DAY

DECLARATION = """
import setpoint as sp

looks = sp.events("looks", "looks.parquet", id="id", at="ts", delay="0s")
system = sp.System(
    "points",
    decide=sp.decide(sp.events("points", "points.parquet", key="id", at="ts"), fields=["x"]),
    features={"x": sp.field("x")},
    label=sp.label(looks.upper, on="id", within="1d", absent="void"),
    goal=sp.goal(
        sp.log_loss(), business="eur", act=sp.act("sort"), cost=sp.cost(false_positive=1, false_negative=1),
        must=[sp.auc() >= LEAST],
    ),
    release=sp.release(sp.shadow("1d"), fallback=sp.rule(sp.field("x") > 1), refresh="20d", approve=APPROVE),
)
"""


def write(folder: Path, *, approve: str = "True", least: float = 0.6) -> Path:
    """The points' files and declaration; somebody has looked at each."""
    rng = np.random.default_rng(3)
    moments = np.sort(rng.integers(START, START + DAYS * DAY, ROWS))
    x = rng.normal(size=ROWS)
    upper = rng.random(ROWS) < 1 / (1 + np.exp(-2 * x))
    ids = np.array([f"m{number}" for number in range(ROWS)])
    taken, said = (pa.array(each, pa.timestamp("us", tz="UTC")) for each in (moments, moments + HOUR))
    pq.write_table(pa.table({"id": ids, "ts": taken, "x": x}), folder / "points.parquet")
    pq.write_table(pa.table({"id": ids, "ts": said, "upper": upper}), folder / "looks.parquet")
    declared = DECLARATION.replace("LEAST", str(least)).replace("APPROVE", approve)
    (folder / "points.py").write_text(declared)
    return folder


def opened(folder: Path, **changes: Any) -> tuple[sp.Live, SimulatedClock]:
    """The points' system, on a clock that stands after the last of them."""
    names: dict[str, Any] = {}
    exec((write(folder, **changes) / "points.py").read_text(), names)
    clock = SimulatedClock(END)
    return sp.open_system(names["system"], root=folder, clock=clock), clock


def decider(live: sp.Live) -> str:
    """What decides, by the beginning of its digest; or the rule."""
    return str(live.status()["sections"]["model"]["deciding"])


RULE = "the fallback rule: no model has been promoted yet"


def test_a_candidate_waits_until_a_person_says_yes(tmp_path: Path) -> None:
    """The rule decides until then; status, card, acts and `why` say who said it and why."""
    live, clock = opened(tmp_path)
    with live:
        report = live.train()
        model = report["model"]
        assert (report["passed"], report["waits"], decider(live)) == (True, True, RULE)
        assert [act["act"] for act in report["acts"]] == ["train", "wait"]
        assert "- **approval**: waits until a person says yes" in report["card"]
        assert live.status()["sections"]["release"]["waits for approval"].startswith(model[:12])
        assert live.runs()["runs"][0]["does"] == "waits for approval"
        clock.advance_to(END + HOUR)
        said = live.approve(model[:8], by="ann", reason="looked at the slices")
        assert (said["became"], said["role"]) == ("taken up", "decides")
        assert decider(live) == model[:12]
        assert live.status()["sections"]["release"]["waits for approval"] == "none"
        assert "- **approval**: approved 2026-03-04T01:00:00Z by ann: looked at the slices" in said["card"]
        assert "approve: ann: looked at the slices" in " ".join(live.why(model)["story"])
        assert [act["act"] for act in said["acts"]] == ["train", "wait", "approve", "promote"]
        with pytest.raises(GateRefused, match="does not wait for an approval; none does"):
            live.approve(model, by="ann")


def test_a_candidate_that_is_declined_goes_nowhere(tmp_path: Path) -> None:
    """And a later one takes its turn."""
    live, clock = opened(tmp_path)
    with live:
        model = live.train()["model"]
        said = live.approve(model, by="ann", reason="not now", decline=True)
        assert (said["role"], decider(live)) == ("does not decide", RULE)
        with pytest.raises(GateRefused, match="does not wait"):
            live.approve(model, by="ann")
        clock.advance_to(END + DAY)
        assert live.train()["waits"]


def test_a_live_system_takes_up_what_another_process_said(tmp_path: Path) -> None:
    """With its next refresh, between two ticks; the decisions before are the rule's."""
    live, clock = opened(tmp_path)
    with live:
        model = live.train()["model"]
        with live.session() as session:
            assert session.decide({"id": "a", "x": 0.5}).model == "rule"
            said = live.approve(model, by="ann")
            assert said["became"] is None
            assert said["role"].startswith("waits until the live system")
            assert session.decide({"id": "b", "x": 0.5}).model == "rule"
            clock.advance_to(clock.now() + 1)
            session.refresh()
            assert session.decide({"id": "c", "x": 0.5}).model == model
        assert decider(live) == model[:12]


def test_a_refusal_is_overridden_by_name_and_with_a_reason(tmp_path: Path) -> None:
    """The card and the trail keep both, and what the gate had against it."""
    live, _ = opened(tmp_path, approve="False", least=0.99)
    with live:
        report = live.train()
        model = report["model"]
        assert (report["passed"], report["waits"]) == (False, False)
        with pytest.raises(GateRefused, match="refused by the gate: auc"):
            live.approve(model, by="ann")
        with pytest.raises(WrongType, match="why the gate's refusal is overridden"):
            live.override(model, by="ann", reason=" ")
        with pytest.raises(WrongType, match="Nobody is named"):
            live.override(model, by=" ", reason="better than nothing")
        said = live.override(model, by="ann", reason="better than nothing")
        assert (said["role"], decider(live)) == ("decides", model[:12])
        assert said["against"] == report["reasons"]
        assert "the gate's refusal overridden 2026-03-04T00:00:00Z by ann: better than nothing" in said["card"]
        assert "held back: auc() >= 0.99" in said["card"]
        with pytest.raises(GateRefused, match="released already"):
            live.override(model, by="ann", reason="again")


def test_a_replay_assumes_a_yes_and_says_so(tmp_path: Path) -> None:
    """As declared: at once, later, or never; a replay in which nobody approves is decided by the rule."""
    acts = {}
    for name, approve in (("at once", "True"), ("never", "sp.approval(in_replay=None)"), ("no", "False")):
        folder = tmp_path / name
        folder.mkdir()
        live, _ = opened(folder, approve=approve)
        with live:
            acts[name] = live.replay(sample=0.0, end=START + 45 * DAY)["acts"]
    kinds = {name: [act["act"] for act in found] for name, found in acts.items()}
    assumed = [act for act in acts["at once"] if act["act"] == "approve"]
    assert assumed
    assert all(
        act["reason"] == "the replay: assumed, as declared, 0s after the gate: nobody was asked" for act in assumed
    )
    assert [kind for kind in kinds["at once"] if kind not in ("wait", "approve")] == kinds["no"]
    assert not {"promote", "approve"} & set(kinds["never"])
    assert "wait" in kinds["never"]


def test_what_decided_in_a_replay_waits_for_people_when_the_system_goes_live(tmp_path: Path) -> None:
    """A replay asked nobody: the rule decides until somebody says yes."""
    live, _ = opened(tmp_path)
    with live:
        promoted = [act["subject"] for act in live.replay(sample=0.0)["acts"] if act["act"] == "promote"]
        with live.session() as session:
            assert session.decide({"id": "a", "x": 0.5}).model == "rule"
        (waiting,) = [act["subject"] for act in acts_of(live) if act["act"] == "wait" and act["at"] == END]
        assert waiting == promoted[-1]
        live.approve(waiting, by="ann")
        with live.session() as session:
            assert session.decide({"id": "b", "x": 0.5}).model == waiting


def acts_of(live: sp.Live) -> list[dict[str, Any]]:
    """The live system's audit trail."""
    metadata = live.workspaces.live.open_metadata(live.settings)
    found = metadata.find("audit")
    metadata.close()
    return found


def by_hand(live: sp.Live, model: str) -> None:
    """Write a model into the state of the loop, past everything."""
    metadata = live.workspaces.live.open_metadata(live.settings)
    state = metadata.get("loop", "points")
    assert state is not None
    metadata.put("loop", "points", {**state, "release": {**state["release"], "champion": model}})
    metadata.close()
    with live.session():
        pass


@pytest.mark.parametrize(
    ("path", "refused"),
    [
        (lambda live, model: live.approve(model, by="ann"), GateRefused),
        (lambda live, model: live.approve(model, by="ann", decline=True), GateRefused),
        (lambda live, model: live.override(model, by="ann", reason=""), WrongType),
        (lambda live, model: live.override(model, by="", reason="why not"), WrongType),
        (lambda live, model: live.override("f00", by="ann", reason="why not"), NameUnknown),
        (lambda live, model: live.approve("", by="ann"), NameUnknown),
        (lambda live, model: live.train(), None),
        (by_hand, GateRefused),
    ],
)
def test_no_path_leads_past_the_gate(
    tmp_path: Path, path: Callable[[sp.Live, str], Any], refused: type[Exception] | None
) -> None:
    """What the gate refused does not decide: not by training again, approving, or an entry in the database."""
    live, _ = opened(tmp_path, approve="False", least=0.99)
    with live:
        model = live.train()["model"]
        if refused is None:
            path(live, model)
        else:
            with pytest.raises(refused):
                path(live, model)
        if path is not by_hand:
            assert decider(live) == RULE
            with live.session() as session:
                assert session.decide({"id": "a", "x": 0.5}).model == "rule"
            assert not {"promote", "start_shadow"} & {act["act"] for act in acts_of(live)}


def test_a_refused_replay_leads_nowhere(tmp_path: Path) -> None:
    """No model of it decides, in it or in the live system that goes on from it."""
    live, _ = opened(tmp_path, approve="False", least=0.99)
    with live:
        assert live.replay(sample=0.0, end=START + 35 * DAY)["summary"]["promotions"] == 0
        with live.session() as session:
            assert session.decide({"id": "a", "x": 0.5}).model == "rule"


def test_a_candidate_of_another_declaration_is_not_released(tmp_path: Path) -> None:
    """It was judged by other guardrails."""
    live, _ = opened(tmp_path, approve="False", least=0.99)
    with live:
        model = live.train()["model"]
    other, _ = opened(tmp_path, approve="False", least=0.98)
    with other, pytest.raises(GateRefused, match="another declaration"):
        other.override(model, by="ann", reason="it was good")


def test_there_is_nothing_to_approve_before_a_training(tmp_path: Path) -> None:
    """And it says what to do."""
    live, _ = opened(tmp_path)
    with live, pytest.raises(NothingYet, match="has no candidate"):
        live.approve("a", by="ann")


def test_the_commands_say_who_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Approve and override, with their exit codes and documents."""
    project = str(write(tmp_path))
    assert main(["train", project, "--as-of", "2026-03-04"]) == 0
    told = capsys.readouterr().out
    assert "waits until a person approves it: setpoint approve" in told
    assert main(["status", project, "--json"]) == 0
    waits = json.loads(capsys.readouterr().out)["sections"]["release"]["waits for approval"]
    assert main(["approve", waits[:12], project, "--by", "ann", "--reason", "fine"]) == 0
    told = capsys.readouterr().out
    assert f"model {waits[:12]} approved by ann: fine" in told
    assert "it decides" in told
    assert main(["override", waits[:12], project, "--by", "ann", "--reason", "fine", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "gate-refused"
    with pytest.raises(SystemExit):
        main(["approve", waits[:12], project])

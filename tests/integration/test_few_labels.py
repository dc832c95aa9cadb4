"""A system that also learns from decisions without a label: declared, compared, and dropped where it does not help."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import setpoint as sp
from setpoint.core.errors import WrongType
from setpoint.core.times import DAY, time
from setpoint.declare.unlabelled import Unlabelled

START = time("2026-01-01")
ROWS, DAYS = 4000, 80


def moons(folder: Path, *, unlabelled: Unlabelled | None, noise: float = 0.3, told: float = 0.3) -> sp.Live:
    """Two half moons of points, of whose labels a share was looked up."""
    rng = np.random.default_rng(0)
    at = np.sort(rng.integers(START, START + DAYS * DAY, ROWS))
    truth, turn = rng.random(ROWS) < 0.5, rng.uniform(0, np.pi, ROWS)
    x = np.where(truth, 1 - np.cos(turn), np.cos(turn)) + rng.normal(0, noise, ROWS)
    y = np.where(truth, 0.5 - np.sin(turn), np.sin(turn)) + rng.normal(0, noise, ROWS)
    ids = np.array([f"m{number}" for number in range(ROWS)])
    points = {"id": ids, "ts": pa.array(at, pa.timestamp("us", tz="UTC")), "x": x, "y": y}
    pq.write_table(pa.table(points), folder / "points.parquet")
    seen = np.flatnonzero(rng.random(ROWS) < told)
    said = pa.array(at[seen] + 3600 * 10**6, pa.timestamp("us", tz="UTC"))
    pq.write_table(pa.table({"id": ids[seen], "ts": said, "upper": truth[seen]}), folder / "looks.parquet")
    looks = sp.events("looks", "looks.parquet", id="id", at="ts", delay="0s")
    system = sp.System(
        "moons",
        decide=sp.decide(sp.events("points", "points.parquet", key="id", at="ts"), fields=["x", "y"]),
        features={"x": sp.field("x"), "y": sp.field("y")},
        label=sp.label(looks.upper, on="id", within="1d", absent="void"),
        goal=sp.goal(
            sp.log_loss(), business="eur", act=sp.act("sort"), cost=sp.cost(false_positive=1, false_negative=1)
        ),
        release=sp.release(sp.shadow("1d"), fallback=sp.rule(sp.field("x") > 1)),
        unlabelled=unlabelled,
    )
    return sp.open_system(system, root=folder)


def trained(live: sp.Live) -> dict[str, Any]:
    """What a training says of its candidate."""
    with live:
        return live.train(as_of=START + (DAYS + 2) * DAY)


def test_labels_that_spread_are_compared_on_unseen_rows(tmp_path: Path) -> None:
    """Where neighbours have the same label, spreading helps: the card counts the rows, and the gate compares."""
    report = trained(moons(tmp_path, unlabelled=sp.label_spreading()))
    assert "self-labelled rows" in report["card"]
    assert "not used, since" not in report["card"]
    assert "without self-labelled rows:" in report["training_rows"]


def test_labels_that_do_not_help_are_refused(tmp_path: Path) -> None:
    """Where the moons lie on each other, a model's own labels make it too sure: it is trained without them."""
    with_own = moons(tmp_path, unlabelled=sp.self_training(confidence=0.5), noise=1.5)
    report = trained(with_own)
    assert "not used, since not shown to help on the validation rows" in report["card"]
    assert report.get("training_rows") is None
    bare = tmp_path / "bare"
    bare.mkdir()
    without = trained(moons(bare, unlabelled=None, noise=1.5))
    assert report["model"] == without["model"]


def test_the_plan_says_what_is_declared(tmp_path: Path) -> None:
    """It is part of the declaration, survives pickling, and another one has another digest."""
    with moons(tmp_path, unlabelled=sp.consistency()) as live:
        shown = [each for each in live.show_plan()["choices"] if each["name"] == "decisions without a label"]
        system = live.declared
    assert shown[0]["value"] == "consistency, where at least 0.9 sure"
    assert pickle.loads(pickle.dumps(system)).unlabelled == system.unlabelled
    with moons(tmp_path, unlabelled=None) as bare:
        assert bare.declared.digest != system.digest


def test_something_else_is_refused(tmp_path: Path) -> None:
    """A system takes what `sp.self_training` and its like declare."""
    with pytest.raises(WrongType, match="unlabelled="):
        moons(tmp_path, unlabelled="self-training")  # type: ignore[arg-type]

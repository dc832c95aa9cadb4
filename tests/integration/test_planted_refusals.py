"""What the gate is for: each planted fault is refused for its own reason, and an honest model passes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import setpoint as sp
from setpoint.core.times import DAY, HOUR, time

START = time("2026-01-01")
ROWS, DAYS = 6000, 90
END = START + (DAYS + 12) * DAY

Columns = dict[str, np.ndarray]
MUST = (
    sp.auc() >= 0.65,
    sp.ece() <= 0.08,
    sp.worst_slice(sp.log_loss()) <= 1.3,
    sp.gap(sp.selection_rate(), by="team") <= 0.2,
    sp.latency(p=99) <= "50ms",
    sp.memory() <= 400,
    sp.training_cost() <= 300,
)


def slice_of_double_error(rng: np.random.Generator, seen: Columns, truth: np.ndarray) -> np.ndarray:
    """In the newest weeks most outcomes of one team are what they would not have been."""
    inside = (np.arange(ROWS) > 0.6 * ROWS) & (seen["team"] == "a")
    return np.where(inside & (rng.random(ROWS) < 0.6), 1 - truth, truth)


def biased_label(rng: np.random.Generator, seen: Columns, truth: np.ndarray) -> np.ndarray:
    """Most of what happens to one team is never written down."""
    return np.where((seen["team"] == "c") & (rng.random(ROWS) < 0.85), 0.0, truth)


def leak(rng: np.random.Generator, seen: Columns, truth: np.ndarray) -> np.ndarray:
    """A feature is the outcome."""
    del rng
    seen["noise"] = truth.copy()
    return truth


def inverted_direction(rng: np.random.Generator, seen: Columns, truth: np.ndarray) -> np.ndarray:
    """More load means less of it, though everybody knows that it means more."""
    del rng, truth
    return np.asarray((seen["luck"] < 1 / (1 + np.exp(2 * seen["load"]))).astype(float))


def miscalibrated(rng: np.random.Generator, seen: Columns, truth: np.ndarray) -> np.ndarray:
    """The rate falls to half in the newest weeks, which no older row tells."""
    newer = np.arange(ROWS) > 0.78 * ROWS
    return np.where(newer & (rng.random(ROWS) < 0.6), 0.0, truth)


def honest(rng: np.random.Generator, seen: Columns, truth: np.ndarray) -> np.ndarray:
    """Nothing is planted."""
    del rng, seen
    return truth


def train(folder: Path, plant: Callable[..., np.ndarray], *, seed: int = 0, must: Any = MUST, **goal: Any) -> Any:
    """The report of a training on files in which something is planted."""
    rng = np.random.default_rng(seed)
    at = np.sort(rng.integers(START, START + DAYS * DAY, ROWS))
    seen: Columns = {name: rng.normal(size=ROWS) for name in ("load", "noise")}
    seen["luck"] = rng.random(ROWS)
    seen["site"] = np.array(["west", "east"], dtype=object)[rng.integers(0, 2, ROWS)]
    seen["team"] = np.array(["a", "b", "c", "d"], dtype=object)[rng.integers(0, 4, ROWS)]
    odds = 1.6 * seen["load"] + np.where(seen["site"] == "west", 0.4, -0.2)
    truth = plant(rng, seen, (seen["luck"] < 1 / (1 + np.exp(-odds))).astype(float))
    ids = np.array([f"d{number}" for number in range(ROWS)], dtype=object)
    times = pa.timestamp("us", tz="UTC")
    columns = {"id": ids, "ts": pa.array(at, times), **{name: seen[name] for name in seen if name != "luck"}}
    pq.write_table(pa.table(columns), folder / "decisions.parquet")
    pq.write_table(pa.table({"id": ids, "ts": pa.array(at + HOUR, times), "truth": truth}), folder / "truths.parquet")
    system = sp.System(
        "desk",
        decide=sp.decide(
            sp.events("decisions", "decisions.parquet", key="id", at="ts"), fields=["load", "noise", "site", "team"]
        ),
        features={name: sp.field(name) for name in ("load", "noise", "site", "team")},
        label=sp.label(sp.events("truths", "truths.parquet", at="ts", delay="0s").truth > 0, on="id", within="2d"),
        goal=sp.goal(
            sp.auc(),
            business="eur",
            act=sp.act("call"),
            cost=sp.cost(false_positive=1, false_negative=1),
            must=list(must),
            **goal,
        ),
        release=sp.release(sp.shadow("7d"), fallback=sp.rule(sp.field("load") > 1)),
        learners=["logistic"],
    )
    with sp.open_system(system, root=folder) as live:
        return live.train(as_of=END)


PLANTED = {
    "slice of double error": (slice_of_double_error, {}, "worst_slice(log_loss()) <= 1.3: ", "team = a"),
    "biased label": (biased_label, {}, "gap(selection_rate(), by='team') <= 0.2: ", ""),
    "leak": (leak, {}, "Leak: ", "'noise'"),
    "inverted direction": (
        inverted_direction,
        {"behaves": [sp.never_falls_when_raised("load")]},
        "never_falls_when_raised('load')",
        "",
    ),
    "miscalibrated": (miscalibrated, {}, "ece() <= 0.08: ", ""),
    "too slow": (honest, {"must": [*MUST, sp.latency(p=50) <= "1us"]}, "latency(50) <= 1", "measured"),
    "too large in memory": (honest, {"must": [*MUST, sp.memory() <= 0.1]}, "memory() <= 0.1", "measured"),
    "too dear to train": (honest, {"must": [*MUST, sp.training_cost() <= 0.01]}, "training_cost() <= 0.01", "measured"),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_each_planted_fault_is_refused_for_its_own_reason(fault: str, tmp_path: Path) -> None:
    """The reason names the guardrail or the finding, and what it is about."""
    plant, goal, begins, holds = PLANTED[fault]
    report = train(tmp_path, plant, **goal)
    assert not report["passed"]
    assert any(begins in reason and holds in reason for reason in report["reasons"]), report["reasons"]


@pytest.mark.parametrize("seed", range(5))
def test_an_honest_model_passes_the_same_gate(seed: int, tmp_path: Path) -> None:
    """Every guardrail holds, the expectation of behaviour among them."""
    report = train(tmp_path, honest, seed=seed, behaves=[sp.never_falls_when_raised("load")])
    assert report["passed"], report["reasons"]

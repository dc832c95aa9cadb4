"""A whole life of a system, replayed on real flights: what must come out the same however it is run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from setpoint.core import times
from tests.e2e import flights

# Kills the process the moment the n-th table is to be written: in the middle of a tick, before its commit.
KILLED = """
import os, signal, sys
from pathlib import Path
from setpoint.backends.parquet import ParquetTables
from tests.e2e import flights

write, left = ParquetTables.write, [int(sys.argv[2])]

def write_or_die(self, name, part, rows):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return write(self, name, part, rows)

ParquetTables.write = write_or_die
flights.replay(Path(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The results of one undisturbed replay."""
    return flights.replay(tmp_path_factory.mktemp("undisturbed"))


def test_every_decision_is_accounted_for(results: dict[str, Any]) -> None:
    """Decisions have a known label or are void; none is dropped, none called on time in silence."""
    summary = results["summary"]
    assert summary["decisions"] == summary["matured"] + summary["void"]
    assert summary["void"] > 1000
    assert all(month["unknown"] == 0 and month["coverage"] == 1.0 for month in results["months"])


def test_a_model_replaces_the_rule_and_newer_models_replace_it(results: dict[str, Any]) -> None:
    """The rule decides until the first model passes the gate; retraining and shadow go on from there."""
    acts = [act["act"] for act in results["acts"]]
    assert acts.count("train") >= 3
    assert results["months"][0]["degraded"] > 0
    assert results["months"][-1]["degraded"] == 0
    assert acts.index("promote") > acts.index("train")
    assert "start_shadow" in acts


def test_online_and_batch_features_agree_bit_for_bit(results: dict[str, Any]) -> None:
    """The sample that went through the online path shows no difference, in features or in scores."""
    assert results["parity"]["sampled"] > 100
    assert results["parity"]["mismatches"] == 0


def test_the_same_seed_gives_the_same_digest(results: dict[str, Any], tmp_path: Path) -> None:
    """Decisions, alarms, releases and models are the same bytes in another folder."""
    assert flights.replay(tmp_path)["digest"] == results["digest"]


def test_batches_of_an_hour_and_of_a_day_give_the_same_digest(results: dict[str, Any], tmp_path: Path) -> None:
    """Batching changes no decision."""
    assert flights.replay(tmp_path, batch=times.HOUR)["digest"] == results["digest"]


@pytest.mark.parametrize("writes", [1, 50, 128])
def test_a_killed_replay_goes_on_to_the_same_digest(results: dict[str, Any], tmp_path: Path, writes: int) -> None:
    """Kill -9 in the middle of a tick, then the same command again: nothing is lost and nothing is done twice."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), str(writes)], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    ticks: list[int] = []
    again = flights.replay(tmp_path, on_tick=lambda report: ticks.append(report.at))
    assert again["digest"] == results["digest"]
    assert writes < 50 or len(ticks) < 60


def test_another_seed_gives_other_models(results: dict[str, Any], tmp_path: Path) -> None:
    """The digest is not a constant."""
    live = flights.open_live(tmp_path, seed=1)
    other = live.replay(end=flights.END, sample=0.0)
    assert other["digest"] != results["digest"]


def test_the_results_are_plain_json(results: dict[str, Any]) -> None:
    """Everything a replay says can be read by a program."""
    assert json.loads(json.dumps(results, allow_nan=False)) == results

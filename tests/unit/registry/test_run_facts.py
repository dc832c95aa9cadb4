"""What is recorded of where and at what cost a training ran, and what differs between two."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from setpoint.backends.metadata import SqlMetadata
from setpoint.core.digest import digest_file
from setpoint.core.ports import Metadata
from setpoint.registry import cost, environment, runs
from setpoint.registry.run_diff import differences, run_facts


@pytest.fixture
def metadata() -> Iterator[Metadata]:
    """A store in memory."""
    store = SqlMetadata("sqlite://")
    yield store
    store.close()


def git(folder: Path, *words: str) -> str:
    """What git says in a folder."""
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    done = subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_the_commit_of_a_folder_is_told_and_whether_it_has_changed_since(tmp_path: Path) -> None:
    """Outside of a repository, and before the first commit, there is none."""
    project = tmp_path / "project"
    project.mkdir()
    assert environment.git_commit(project) is None
    git(tmp_path, "init", "-q")
    assert environment.git_commit(project) is None
    (project / "shop.py").write_text("RATE = 1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert environment.git_commit(project) == {"commit": commit, "changed": False}
    (tmp_path / "beside.txt").write_text("nobody tracks this")
    assert environment.git_commit(project) == {"commit": commit, "changed": False}
    (project / "shop.py").write_text("RATE = 2\n")
    assert environment.git_commit(project) == {"commit": commit, "changed": True}


def test_user_code_is_what_is_loaded_from_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that nothing loaded is no part of it."""
    for name in ("shop_rates.py", "unused.py"):
        (tmp_path / name).write_text("RATE = 1\n")
    spec = importlib.util.spec_from_file_location("shop_rates", tmp_path / "shop_rates.py")
    assert spec is not None
    monkeypatch.setitem(sys.modules, "shop_rates", importlib.util.module_from_spec(spec))
    found = environment.user_code(tmp_path)
    assert found["files"] == {"shop_rates.py": digest_file(tmp_path / "shop_rates.py")}
    assert environment.user_code(Path(environment.__file__).parents[1])["files"] == {}


def test_hardware_says_the_processor_the_cores_and_the_memory() -> None:
    """Facts of this machine, none of them empty."""
    found = environment.hardware()
    assert found["cpu"]
    assert found["cores"] >= 1
    assert found["memory_mb"] > 100


def test_a_step_costs_what_was_spent_since_the_last_one() -> None:
    """Seconds of work are its own, and the steps add up to the whole."""
    spent = cost.Cost()
    spent("nothing")
    sum(number * number for number in range(1_000_000))
    spent("work")
    first, second = spent.steps
    assert second.cpu_seconds > first.cpu_seconds
    assert spent.cpu_seconds == first.cpu_seconds + second.cpu_seconds
    assert second.peak_mb >= first.peak_mb > 1


def test_what_differs_is_told_by_area_with_the_value_of_each_run(metadata: Metadata) -> None:
    """A declaration's number by its path, a package by its name, and nothing that is the same."""
    one = {"name": "shop", "goal": {"cost": {"false_positive": 2}}, "features": {"amount": {"a": 1}}}
    other = {"name": "shop", "goal": {"cost": {"false_positive": 3}}, "features": {"amount": {"a": 1}}}
    metadata.put(runs.DECLARED, "d1", one)
    metadata.put(runs.DECLARED, "d2", other)
    told = []
    for declaration, packages in (("d1", {"numpy": "2.0"}), ("d2", {"numpy": "2.1", "polars": "1.0"})):
        run = runs.Run(
            system="shop",
            model="m",
            at=0,
            seed=0,
            inputs={"snapshot": "s", "training_set": "t"},
            parameters={"learner": "logistic", "parameters": {"c": 1.0}},
            metrics={},
            declaration=declaration,
            environment={"python": "3.11", "packages": packages},
        )
        told.append(run_facts(run.to_dict(), metadata))
    assert [(each.area, each.name, each.values) for each in differences(told)] == [
        ("declaration", "goal.cost.false_positive", (2, 3)),
        ("declaration", "digest", ("d1", "d2")),
        ("environment", "package numpy", ("2.0", "2.1")),
        ("environment", "package polars", (None, "1.0")),
    ]


def test_where_a_run_ran_and_what_it_cost_is_not_part_of_its_identity() -> None:
    """The same training on another machine, at another commit, is the same run."""
    given = {"system": "shop", "model": "m", "at": 0, "seed": 0, "inputs": {}, "parameters": {}, "metrics": {}}
    here = runs.Run(**given)  # type: ignore[arg-type]
    there = runs.Run(
        **given,  # type: ignore[arg-type]
        environment={"python": "4"},
        hardware={"cores": 64},
        user_code={"git": {"commit": "c"}},
        steps=[{"step": "fit", "cpu_seconds": 9.0, "peak_mb": 1.0}],
        curve={"loss": "log_loss", "values": [0.5], "best_round": 1},
    )
    assert here.id == there.id

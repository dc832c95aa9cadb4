"""The census example: what its table holds, and that its file trains a model that its own guardrails judge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from setpoint.cli.project import load_declaration
from setpoint.core.times import time
from setpoint.examples import example_folder
from setpoint.system import open_system

FOLDER = example_folder("census")


def test_the_adults_of_two_years_are_there() -> None:
    """As many as the files have from 18 years on; a person of each year is interviewed every five minutes."""
    people = pq.read_table(FOLDER / "data" / "people.parquet")
    assert people.num_rows == 215_574
    assert pc.min(people["age"]).as_py() == 18
    assert len(pc.unique(people["person_id"])) == people.num_rows
    assert pc.mean(people["over_50k"].cast("float64")).as_py() == pytest.approx(0.0861, abs=1e-4)
    moments = people["interviewed_at"].cast("int64").to_numpy()
    gaps = np.diff(moments) / 6e7
    assert 4.8 < float(np.median(gaps)) < 4.95
    years = pc.value_counts(pc.year(people["interviewed_at"])).to_pylist()
    assert {each["values"]: each["counts"] for each in years} == {1994: 107_679, 1995: 107_895}


def test_the_file_trains_a_model(tmp_path: Path) -> None:
    """It is far better than any one feature; who is asked never enters it, and is what it is judged by."""
    declared, root = load_declaration(FOLDER)
    live = open_system(declared, root=root, home=str(tmp_path))
    report = live.train(as_of=time("1994-11-01"))
    assert {"sex", "race", "hispanic_origin"}.isdisjoint(feature.name for feature in live.plan.inputs)
    assert (report["passed"], report["rows"] > 70_000) == (True, True)
    best = next(each["value"] for each in report["baselines"] if each["name"] == "best single feature")
    assert report["guardrails"][0]["bound"] > 2 * best

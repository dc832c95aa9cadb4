"""A run is brought back from its record: the same prediction bytes, here and in a Python that is built anew."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import setpoint as sp
from setpoint.cli.main import main
from setpoint.core.errors import DataError, ModelCorrupt, NameUnknown, SourceMissing
from setpoint.registry import capsule, runs
from setpoint.registry.rebuild import needed
from setpoint.system.backends import open_metadata
from setpoint.system.restore import prove
from tests.integration.test_goal_kinds import CASES, END, Case, open_case

UNREACHABLE = re.compile(
    r"error sending request|dns error|connection refused|timed out|network is unreachable", re.IGNORECASE
)
"""What uv says where there is no network: any other failure to install fails the test."""
OF = {case.kind: case for case in CASES}


def trained(case: Case, folder: Path) -> str:
    """The run of a training of a case."""
    with open_case(case, folder) as live:
        live.train(as_of=END)
        return str(live.runs()["runs"][0]["run"])


@pytest.mark.parametrize("kind", ["binary", "multiclass", "survival"])
def test_a_run_is_restored_though_the_data_and_the_declaration_are_others(kind: str, tmp_path: Path) -> None:
    """Its model predicts the same bytes; record, card, packages and rows to prove it on are in the folder."""
    run = trained(OF[kind], tmp_path / "project")
    back = tmp_path / "back"
    with open_case(OF[kind], tmp_path / "project", shuffled=True) as live:
        found = live.restore(run, back)
        with pytest.raises(DataError, match="not empty"):
            live.restore(run, back)
        with pytest.raises(NameUnknown, match="run_x"):
            live.restore("run_x", tmp_path / "other")
    assert (found["here"]["same"], found["here"]["rows"], found["differs"]) == (True, 50, [])
    record = json.loads((back / capsule.RECORD).read_text())
    assert (record["run"]["run"], record["model"]["model"]) == (run, found["model"])
    assert found["model"] in (back / capsule.CARD).read_text()
    assert f"numpy=={np.__version__}" in (back / capsule.REQUIREMENTS).read_text().splitlines()
    assert json.loads((back / capsule.DECLARATION).read_text())["name"] == "desk"
    assert prove(back) == found["here"]


def test_the_card_is_left_out_where_the_declaration_is_another(tmp_path: Path) -> None:
    """It would tell of what is declared now; the declaration of the run is in the folder."""
    run, case = trained(OF["regression"], tmp_path / "project"), OF["regression"]
    other = replace(case, parts={**case.parts, "must": [sp.r2() >= 0.1]})
    with open_case(other, tmp_path / "project") as live:
        assert live.restore(run, tmp_path / "back")["here"]["same"]
    assert "No card: the declaration of the system is another now" in (tmp_path / "back" / capsule.CARD).read_text()
    declared = json.loads((tmp_path / "back" / capsule.DECLARATION).read_text())
    assert declared["goal"]["must"][0]["threshold"] == case.parts["must"][0].threshold


def test_the_users_own_files_come_back_byte_for_byte(tmp_path: Path) -> None:
    """Whatever they are encoded in, and however their lines end."""
    content = b"# -*- coding: latin-1 -*-\r\nNAME = 'caf\xe9'\r\n"
    (tmp_path / "own.py").write_bytes(content)
    metadata = open_metadata("sqlite://")
    code = {"files": {"own.py": "d"}, "digest": "c"}
    runs.put_code(metadata, code, tmp_path)
    assert runs.get_code(metadata, code) == {"own.py": content}
    assert runs.get_code(metadata, {"digest": "before"}) == {}
    metadata.close()


def test_predictions_that_are_others_are_told(tmp_path: Path) -> None:
    """By how much they are off; files that are damaged predict nothing, and a folder without a record is none."""
    back, case = tmp_path / "back", OF["binary"]
    run = trained(case, tmp_path / "project")
    with open_case(case, tmp_path / "project") as live:
        live.restore(run, back)
    rows = pq.read_table(back / capsule.PROBE)
    place = rows.column_names.index("load")
    pq.write_table(rows.set_column(place, "load", rows["load"].combine_chunks()[::-1]), back / capsule.PROBE)
    found = prove(back)
    assert found["same"] is False
    assert 0 < found["off"] <= 1
    (back / capsule.PROBE).unlink()
    assert prove(back)["same"] is None
    with (back / capsule.MODEL / "scorer.json").open("a") as file:
        file.write(" ")
    with pytest.raises(ModelCorrupt):
        prove(back)
    with pytest.raises(SourceMissing, match=r"record\.json"):
        prove(tmp_path)


def test_the_python_of_a_run_is_rebuilt_and_predicts_the_same_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the command, in an environment that has nothing else; the user's own code is in the capsule as it was."""
    run = trained(OF["regression"], tmp_path / "project")
    (tmp_path / "project" / "desk.py").write_text(SYSTEM)
    back = tmp_path / "back"
    status = main(
        ["runs", run, str(tmp_path / "project" / "desk.py"), "--restore", str(back), "--environment", "--json"]
    )
    told = capsys.readouterr()
    if status and UNREACHABLE.search(told.out + told.err):
        pytest.skip(f"no index can be reached: {(told.out + told.err)[-200:]}")
    assert status == 0, told.out + told.err
    found = json.loads(told.out)
    assert found["rebuilt"]["same"] is True
    assert found["rebuilt"]["digest"] == found["here"]["digest"]
    record = capsule.record_in(back)["run"]
    assert found["rebuilt"]["packages"] == len(needed(record)) < len(record["environment"]["packages"])
    assert (back / capsule.PYTHON / "bin" / "python").exists()


SYSTEM = '''"""The desk of the tests: a number that is predicted."""

import setpoint as sp

decisions = sp.events("decisions", "decisions.parquet", key="id", at="ts")
truths = sp.events("truths", "truths.parquet", at="ts", delay="0s")
system = sp.System(
    "desk",
    decide=sp.decide(decisions, fields=["load", "noise", "site", "search"]),
    features={name: sp.field(name) for name in ("load", "noise", "site")},
    label=sp.label(truths.truth, on="id", within="2d", absent="void"),
    goal=sp.goal(sp.mae(), business="eur", cost=sp.cost(over=1, under=1), slices=["site"]),
    release=sp.release(sp.shadow("7d"), fallback=sp.rule(sp.field("load"))),
)
'''

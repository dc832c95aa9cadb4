"""Should it be ML at all: what the verbs say before and after a training, from a declaration on files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import setpoint as sp
from setpoint.cli.main import main
from setpoint.core.errors import DeclarationError
from setpoint.core.times import DAY, time

START, ROWS, DAYS = time("2026-01-01"), 2400, 60
END = START + (DAYS + 3) * DAY


def desk(folder: Path, *, ruled: bool = False, rows: int = ROWS, **goal: Any) -> sp.Live:
    """Calls that are worth making where a customer leaves; where `ruled`, just those with a load above 1 do."""
    rng = np.random.default_rng(0)
    at = np.sort(rng.integers(START, START + DAYS * DAY, rows))
    load = rng.normal(size=rows)
    leaves = load > 1 if ruled else rng.random(rows) < 1 / (1 + np.exp(1 - 2 * load))
    ids, times = pa.array([f"d{number}" for number in range(rows)]), pa.array(at, pa.timestamp("us", tz="UTC"))
    pq.write_table(pa.table({"id": ids, "ts": times, "load": load}), folder / "d.parquet")
    pq.write_table(pa.table({"id": ids, "ts": times, "leaves": leaves}), folder / "l.parquet")
    truths = sp.events("truths", "l.parquet", id="id", at="ts", delay="1h")
    system = sp.System(
        "desk",
        decide=sp.decide(sp.events("calls", "d.parquet", key="id", at="ts"), fields=["load"]),
        features={"load": sp.field("load")},
        label=sp.label(truths.leaves, on="id", within="1d"),
        goal=sp.goal(
            sp.auc(),
            business="eur",
            act=sp.act("call"),
            cost=sp.cost(false_positive=1, false_negative=3),
            **goal,
        ),
        release=sp.release(sp.shadow("1d"), refresh="30d", fallback=sp.rule(sp.field("load") > 1)),
    )
    return sp.open_system(system, root=folder)


def test_before_a_training_the_most_that_a_model_can_gain_is_known(tmp_path: Path) -> None:
    """Train where foresight would gain; the rule where it gains nothing, or less than a model costs."""
    for name, asked in {"open": {}, "ruled": {"ruled": True}, "dear": {"running": sp.running(per_1000=5000)}}.items():
        (tmp_path / name).mkdir()
        with desk(tmp_path / name, **asked) as live:
            found = live.worth()
            assert live.runs()["runs"] == []
        assert found["verdict"] == ("train" if name == "open" else "rule")
        assert [each["name"] for each in found["simple"]] == ["never acting", "always acting", "fallback rule"]
        if name == "dear":
            assert "no model can be worth what it costs; a model costs 5000 eur per 1000 decisions" in found["reason"]
    (tmp_path / "few").mkdir()
    with desk(tmp_path / "few", rows=200) as live:
        found = live.worth()
    assert found["verdict"] == "not yet"
    assert "There are 200 decisions with a mature, known label. Needed: at least 1000." in found["reason"]


def test_what_a_model_costs_is_taken_off_what_it_gains(tmp_path: Path) -> None:
    """A model that gains less than its trainings cost is not to be used, and the record says so."""
    with desk(tmp_path, running=sp.running(per_training=1e6, per_cpu_hour=2)) as live:
        report = live.train(as_of=END)
    use = report["use"]
    assert use["verdict"] == "rule"
    assert "worth more than a model that costs so much; a model costs" in use["reason"]
    assert "a training every 30d, about 40 decisions a day" in use["reason"]
    assert "CPU seconds for a training" in use["reason"]
    assert use["reason"] in report["card"]


def test_costs_of_running_need_a_value(tmp_path: Path) -> None:
    """They are refused where they are declared."""
    with pytest.raises(DeclarationError, match="nothing says what its decisions are worth"):
        sp.System(
            "desk",
            decide=sp.decide(sp.events("calls", "d.parquet", key="id", at="ts"), fields=["load"]),
            features={"load": sp.field("load")},
            label=sp.label(sp.events("n", "n.parquet", at="ts", delay="0s").n, on="id", within="1d", absent="void"),
            goal=sp.goal(sp.rmse(), running=sp.running(per_1000=1)),
            release=sp.release(sp.shadow("1d"), fallback=sp.rule(0)),
        )
    with pytest.raises(DeclarationError, match="costs nothing"):
        sp.running()
    with pytest.raises(DeclarationError, match="per_1000=-1"):
        sp.running(per_1000=-1)


def test_the_terminal_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`setpoint plan --worth` prints what simple answers are worth, and the verdict."""
    desk(tmp_path).close()
    (tmp_path / "desk.py").write_text(
        "import setpoint as sp\n"
        "truths = sp.events('truths', 'l.parquet', id='id', at='ts', delay='1h')\n"
        "system = sp.System('desk', decide=sp.decide(sp.events('calls', 'd.parquet', key='id', at='ts'),\n"
        "    fields=['load']), features={'load': sp.field('load')},\n"
        "    label=sp.label(truths.leaves, on='id', within='1d'),\n"
        "    goal=sp.goal(sp.auc(), business='eur', act=sp.act('call'),\n"
        "        cost=sp.cost(false_positive=1, false_negative=3)),\n"
        "    release=sp.release(sp.shadow('1d'), fallback=sp.rule(sp.field('load') > 1)))\n"
    )
    assert main(["plan", str(tmp_path / "desk.py"), "--worth"]) == 0
    said = capsys.readouterr().out
    assert "perfect foresight would gain" in said
    assert "fallback rule" in said

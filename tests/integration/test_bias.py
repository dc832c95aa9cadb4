"""What `check` says of protected attributes, on real people."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import setpoint as sp
from setpoint.cli.main import main
from setpoint.core.times import MINUTE, time
from setpoint.labels.items import Item

START = time("2026-01-01")


def test_check_says_where_bias_enters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the census: occupations tell the sexes apart, and men are richer than women alike in every feature."""
    assert main(["new", "census", str(tmp_path / "census")]) == 0
    capsys.readouterr()
    assert main(["check", str(tmp_path / "census"), "--json"]) == 0
    bias = json.loads(capsys.readouterr().out)["bias"]
    found = {(one["source"], one["attribute"], one["feature"]) for one in bias["findings"]}
    assert {("proxy", "sex", "occupation"), ("label", "sex", ""), ("proxy", "race", "born")} <= found
    (gap,) = [one for one in bias["findings"] if (one["attribute"], one["kind"]) == ("sex", "unexplained-gap")]
    assert (gap["group"], 0.04 < gap["effect"] < 0.08) == ("Male", True)
    assert sum(bias["groups"]["sex"].values()) == bias["rows"]
    assert main(["check", str(tmp_path / "census")]) == 0
    assert "Sources of bias" in capsys.readouterr().out


def test_check_reads_what_annotators_disagree_on(tmp_path: Path) -> None:
    """Two people vote on the same mails and fall out twice as often over those of one language."""
    rng = np.random.default_rng(0)
    rows = 1_200
    ids, at = [f"m{i}" for i in range(rows)], START + np.arange(rows) * 48 * MINUTE
    language = rng.choice(["en", "de"], rows)
    times = pa.array(at, pa.timestamp("us", tz="UTC"))
    pq.write_table(pa.table({"mail": ids, "ts": times, "language": language}), tmp_path / "mails.parquet")
    told = pa.table({"mail": ids, "ts": times, "spam": rng.random(rows) < 0.3})
    pq.write_table(told, tmp_path / "verdicts.parquet")
    mails = sp.events("mails", "mails.parquet", key="mail", at="ts")
    verdicts = sp.events("verdicts", "verdicts.parquet", id="mail", at="ts", delay="0s")
    system = sp.System(
        "inbox",
        decide=sp.decide(mails, fields=["language"]),
        features={"language": sp.field("language")},
        label=sp.label(verdicts.spam, on="mail", within="1d"),
        goal=sp.goal(
            sp.auc(),
            business="minutes",
            act=sp.act("junk"),
            cost=sp.cost(false_positive=1, false_negative=1),
            protect=["language"],
        ),
        release=sp.release(sp.shadow("1d"), fallback=sp.rule(sp.field("language") == "xx")),
        hand=sp.hand(["ham", "spam"], guidelines="Look.", votes=2),
    )
    with sp.open_system(system, root=tmp_path) as live:
        assert live.check()["bias"]["findings"] == []
        queue = live.label_queue()
        queue.add([Item(key, {}, {}) for key in ids])
        differs = rng.random(rows) < np.where(language == "de", 0.5, 0.1)
        for key, other in zip(ids, differs.tolist(), strict=True):
            queue.vote("ann", key, value="ham")
            queue.vote("bob", key, value="spam" if other else "ham")
        found = live.check()["bias"]
        (finding,) = [one for one in found["findings"] if one["kind"] == "contested"]
        card = live.train()["card"]
    assert (finding["source"], finding["kind"], finding["group"]) == ("label", "contested", "de")
    assert finding["category"] == "human"
    assert "**language = de**: " in card
    assert f"contested {finding['evidence'].split()[3][:2]}" in card
    assert "language de, label: annotators disagree on " in card

"""What `check` says of protected attributes, on real people."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from setpoint.cli.main import main


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

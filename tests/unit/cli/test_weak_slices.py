"""What `train` prints of the slices in which a model is weak."""

from __future__ import annotations

import pytest

from setpoint.cli.weak_slices import print_weak_slices
from setpoint.learn.gate import judge
from setpoint.learn.scored import Bench
from setpoint.learn.weak import document_of, propose_weak
from tests.unit.learn.test_weak import make_goal, make_rows


@pytest.mark.parametrize("planted", [False, True])
def test_each_weak_slice_is_a_line_and_the_number_looked_at_another(
    planted: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """A clean model has the last line only; a planted slice makes the one that the goal names weak, too."""
    goal = make_goal(must=[])
    older, before = make_rows(3000, seed=0, from_day=0, planted=planted)
    newer, after = make_rows(6000, seed=0, from_day=50, planted=planted)
    report = judge(goal, Bench(newer, 50, 0), after, baselines=[], proposals=propose_weak(goal, older, before))
    assert report.weak is not None
    print_weak_slices(document_of(report.weak))
    shown = " ".join(capsys.readouterr().out.split())
    assert ("weak slice country = de and device = web: log loss 0." in shown) is planted
    assert f"{'2 of them' if planted else 'none'} shown on 6,000 newer ones to lose more" in shown


def test_a_model_judged_before_slices_were_looked_for_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing to tell."""
    print_weak_slices(None)
    assert capsys.readouterr().out == ""

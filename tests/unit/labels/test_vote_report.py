"""What the report says of each program."""

from __future__ import annotations

import json

import numpy as np
import pytest

from setpoint.labels.label_model import fit_label_model
from setpoint.labels.label_model_gold import Gold
from setpoint.labels.programs import ProgramRun, VoteMatrix
from setpoint.labels.vote_report import vote_report
from setpoint.measure.proportions import wilson
from tests.unit.labels.planted import plant

VOTES = np.array(
    [
        [-1, -1, 0, -1, -1, 0],
        [-1, -1, -1, 2, 1, -1],
        [2, 1, -1, -1, -1, 0],
        [-1, -1, 0, -1, -1, 0],
        [2, -1, -1, 2, -1, 1],
        [1, 1, -1, -1, -1, 1],
        [-1, -1, -1, -1, -1, -1],
        [0, 0, 0, -1, 2, -1],
    ],
    dtype=np.int8,
)
TRUTH = np.array([0, 2, 1, 0, 2, 1, 1, 0])


def matrix(votes: np.ndarray, classes: tuple[int | str | bool, ...], errors: int = 0) -> VoteMatrix:
    """A matrix of programs that ran without errors, but for the first."""
    runs = [ProgramRun(f"p{i}", f"v{i}", True, "", 0, None) for i in range(votes.shape[1])]
    runs[0] = ProgramRun("p0", "v0", True, "", errors, "p0(None) raised TypeError" if errors else None)
    return VoteMatrix(votes.astype(np.int8), classes, tuple(runs))


def test_coverage_overlaps_conflicts_and_accuracy_are_those_of_snorkel() -> None:
    """The numbers are those of `LFAnalysis(L).lf_summary(Y)` of snorkel 0.10.0 for the same votes."""
    report = vote_report(matrix(VOTES, (0, 1, 2)), Gold.of(np.arange(8), TRUTH))
    assert [each.coverage for each in report.programs] == [0.5, 0.375, 0.375, 0.25, 0.25, 0.625]
    assert [each.overlaps for each in report.programs] == [0.5, 0.375, 0.375, 0.25, 0.25, 0.625]
    assert [each.conflicts for each in report.programs] == [0.375, 0.25, 0.125, 0.25, 0.25, 0.25]
    assert [each.accuracy and each.accuracy.estimate for each in report.programs] == [0.75, 1, 1, 1, 0, 0.6]
    assert report.voted == 0.875


def test_accuracy_has_wilsons_interval_at_the_effective_number_of_rows() -> None:
    """Rows of equal weight count one each; of unequal weight, as Kish has it."""
    votes = np.array([[1], [1], [0], [1]])
    even = vote_report(matrix(votes, (0, 1)), Gold.of([0, 1, 2, 3], [1, 0, 0, 1])).programs[0].accuracy
    assert even is not None
    assert (even.low, even.high) == pytest.approx(tuple(float(x) for x in wilson(0.75, 4)))
    gold = Gold.of([0, 1, 2, 3], [1, 0, 0, 1], [3, 1, 1, 1])
    uneven = vote_report(matrix(votes, (0, 1)), gold).programs[0].accuracy
    assert uneven is not None
    assert uneven.estimate == pytest.approx(5 / 6)
    assert (uneven.low, uneven.high) == pytest.approx(tuple(float(x) for x in wilson(5 / 6, 36 / 12)))


def test_what_is_wrong_is_told() -> None:
    """A program that never votes, one that fails, one that contradicts gold, copies, and a class nobody votes for."""
    planted = plant(4000, (0.8, 0.75, 0.7, 0.7, 0.3, 0.75), coverage=0.8, seed=1)
    votes = np.concatenate([planted.votes, planted.votes[:, 1:2], np.full((4000, 1), -1)], axis=1)
    report = vote_report(
        matrix(votes, ("ham", "spam", "scam"), errors=300), Gold.of(np.arange(200), planted.truth[:200])
    )
    assert report.findings[0] == "p0 fails on 300 of 4000 rows; the first: p0(None) raised TypeError."
    assert report.findings[1].startswith("p4 contradicts gold: 0.")
    assert report.findings[2:] == (
        "p7 never votes.",
        "p1 and p6 repeat each other (1.00).",
        "No program ever votes for 'scam'.",
    )


def test_programs_as_they_should_be_give_no_finding() -> None:
    """Nor do a few errors."""
    planted = plant(4000, (0.8, 0.75, 0.7, 0.65), seed=2)
    report = vote_report(matrix(planted.votes, (False, True), errors=40), Gold.of(np.arange(200), planted.truth[:200]))
    assert report.findings == ()


def test_a_one_sided_program_for_a_rare_class_is_held_to_chance_and_not_to_a_half() -> None:
    """A third of its votes right is five times what chance would give."""
    rng = np.random.default_rng(3)
    truth = (rng.random(5000) < 0.06).astype(int)
    fires = rng.random(5000) < np.where(truth == 1, 0.5, 0.06)
    votes = np.stack([np.where(fires, 1, -1), np.where(rng.random(5000) < 0.3, 0, -1)], axis=1)
    report = vote_report(matrix(votes, (0, 1)), Gold.of(np.arange(600), truth[:600]))
    first = report.programs[0]
    assert first.accuracy is not None
    assert first.accuracy.estimate < 0.5
    assert first.chance == pytest.approx(0.06, abs=0.02)
    assert report.findings == ()


def test_the_balance_is_that_of_gold_and_of_the_model() -> None:
    """Side by side."""
    planted = plant(5000, (0.85, 0.8, 0.75, 0.7), balance=(0.7, 0.3), seed=5)
    gold = Gold.of(np.arange(300), planted.truth[:300])
    report = vote_report(matrix(planted.votes, ("ham", "spam")), gold, fit=fit_label_model(planted.votes, gold))
    assert report.balance is not None
    assert report.estimated is not None
    assert report.balance["spam"].low < 0.3 < report.balance["spam"].high
    assert report.estimated["spam"] == pytest.approx(0.3, abs=0.05)
    assert json.loads(json.dumps(report.to_dict()))["programs"][0]["version"] == "v0"


def test_without_gold_nothing_is_said_of_accuracy() -> None:
    """Coverage and conflicts need none."""
    report = vote_report(matrix(VOTES, (0, 1, 2)))
    assert {each.accuracy for each in report.programs} == {None}
    assert (report.balance, report.estimated) == (None, None)

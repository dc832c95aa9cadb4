"""What is printed of label programs."""

from __future__ import annotations

import json

import numpy as np
import pytest

from setpoint.cli.label_programs import print_vote_report
from setpoint.labels.label_model import fit_label_model
from setpoint.labels.label_model_gold import Gold
from setpoint.labels.programs import ProgramRun, VoteMatrix
from setpoint.labels.vote_report import vote_report
from tests.unit.labels.planted import plant


def made(*accuracy: float) -> tuple[VoteMatrix, Gold]:
    """Programs of these accuracies, with 200 gold rows."""
    planted = plant(3000, accuracy, seed=1)
    runs = tuple(ProgramRun(f"p{i}", "v", True, "", 0, None) for i in range(len(accuracy)))
    return VoteMatrix(planted.votes, ("ham", "spam"), runs), Gold.of(np.arange(200), planted.truth[:200])


def test_people_get_tables_with_majority_vote_and_gold_beside(capsys: pytest.CaptureFixture[str]) -> None:
    """Every program, both classes, every model and what it is held against."""
    matrix, gold = made(0.85, 0.8, 0.75, 0.7)
    fit = fit_label_model(matrix.votes, gold, classes=matrix.classes, programs=matrix.programs)
    assert print_vote_report(vote_report(matrix, gold, fit=fit), fit) == 0
    shown = capsys.readouterr().out
    for words in ("p0", "p3", "ham", "spam", "majority vote", "gold rows only", "the choice", "chosen"):
        assert words in shown
    assert "finding" not in shown


def test_what_is_wrong_ends_in_exit_code_one(capsys: pytest.CaptureFixture[str]) -> None:
    """A program that contradicts gold is told."""
    matrix, gold = made(0.85, 0.8, 0.75, 0.2)
    assert print_vote_report(vote_report(matrix, gold)) == 1
    assert "p3 contradicts gold" in capsys.readouterr().out


def test_machines_get_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    """With the report, and the model in whole."""
    matrix, gold = made(0.85, 0.8, 0.75, 0.7)
    fit = fit_label_model(matrix.votes, gold, classes=matrix.classes, programs=matrix.programs)
    assert print_vote_report(vote_report(matrix, gold, fit=fit), fit, as_json=True) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["passed"] is True
    assert [each["name"] for each in document["report"]["programs"]] == ["p0", "p1", "p2", "p3"]
    assert document["fit"]["model"] == fit.model.to_dict()

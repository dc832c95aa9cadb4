"""The scorer: one set of files, one digest, the same score for a row and for a batch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from setpoint.core.errors import ModelCorrupt, NameUnknown
from setpoint.learn.scorer import Scorer, load_scorer
from setpoint.learn.train import train
from tests.unit.learn.world import learners, logistic, make_examples, make_world_plan


@pytest.fixture(scope="module")
def scorers() -> list[Scorer]:
    """One scorer of each learner."""
    examples, plan = make_examples(1500), make_world_plan(trials=1)
    return [train(plan, examples, learners={name: learner}, seed=0).scorer for name, learner in learners().items()]


def test_a_row_scores_as_in_a_batch(scorers: list[Scorer]) -> None:
    """Bit for bit, through encoding, model and calibration."""
    features = make_examples(300, seed=5).features
    for scorer in scorers:
        batch = scorer.score(features)
        assert [scorer.score_row(row) for row in features.to_pylist()] == batch.tolist()
        assert ((batch >= 0) & (batch <= 1)).all()


def test_a_saved_scorer_comes_back_with_its_digest(scorers: list[Scorer], tmp_path: Path) -> None:
    """Scores, thresholds and digest are the same."""
    features = make_examples(300, seed=5).features
    for scorer in scorers:
        folder = tmp_path / scorer.learner
        assert scorer.save(folder) == scorer.digest
        back = load_scorer(folder, learners(), expected=scorer.digest)
        assert np.array_equal(back.score(features), scorer.score(features))
        assert (back.threshold, back.calibration, back.encoder, back.trained) == (
            scorer.threshold,
            scorer.calibration,
            scorer.encoder,
            scorer.trained,
        )
        assert back.digest == scorer.digest
        assert scorer.size_mb == sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 1e6


def test_a_changed_added_or_missing_file_is_refused(scorers: list[Scorer], tmp_path: Path) -> None:
    """Whatever file it is, before any of it is read as a model."""
    scorer = scorers[0]
    scorer.save(tmp_path)
    for path in [path for path in sorted(tmp_path.rglob("*")) if path.is_file()]:
        whole = path.read_bytes()
        path.write_bytes(whole.replace(b"0", b"1", 1))
        with pytest.raises(ModelCorrupt):
            load_scorer(tmp_path, learners())
        path.unlink()
        with pytest.raises(ModelCorrupt):
            load_scorer(tmp_path, learners())
        path.write_bytes(whole)
    (tmp_path / "extra").write_text("x")
    with pytest.raises(ModelCorrupt, match="extra"):
        load_scorer(tmp_path, learners())


def test_another_model_in_its_place_is_refused(scorers: list[Scorer], tmp_path: Path) -> None:
    """Whole files of a different model do not pass for the one that is expected."""
    scorers[0].save(tmp_path)
    with pytest.raises(ModelCorrupt, match=scorers[1].digest):
        load_scorer(tmp_path, learners(), expected=scorers[1].digest)


def test_a_forged_file_with_a_forged_manifest_is_refused(scorers: list[Scorer], tmp_path: Path) -> None:
    """The digest that the registry knows protects against both being changed together."""
    scorers[0].save(tmp_path)
    (tmp_path / "extra").write_text("x")
    listed = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps({**listed, "extra": "2d711642b726b04401627ca9fbac32f5"}))
    with pytest.raises(ModelCorrupt, match=f"not {scorers[0].digest}"):
        load_scorer(tmp_path, learners(), expected=scorers[0].digest)


def test_a_learner_that_is_not_installed_is_named(scorers: list[Scorer], tmp_path: Path) -> None:
    """The error says which learners there are."""
    scorers[0].save(tmp_path)
    with pytest.raises(NameUnknown, match="lightgbm"):
        load_scorer(tmp_path, logistic())

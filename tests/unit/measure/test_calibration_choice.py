"""The choice of a calibration looks at newer rows than it fits on."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from setpoint.core.errors import DataError
from setpoint.measure.calibration_choice import choose_calibration
from setpoint.measure.calibrators import fit_platt

N = 6000
AT = np.arange(N) * 1_000_000


def _score(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).beta(2, 3, N)


def _outcome(rate: np.ndarray, seed: int) -> np.ndarray:
    return np.random.default_rng(1000 + seed).random(N) < rate


def test_a_lasting_bend_is_corrected_by_a_map_refitted_on_all_rows() -> None:
    """Scores that are wrong in the same way all the time get the simplest map that repairs them."""
    p = _score(0)
    y = _outcome(expit(0.5 * logit(p) - 1), 0)
    choice = choose_calibration(y, p, AT)
    assert choice.map == fit_platt(y, p)
    assert (choice.fitted, choice.judged) == (4500, 1500)
    assert "platt lowers the log loss" in choice.reason


def test_scores_that_are_right_are_left_alone() -> None:
    """With nothing to repair, a map is chosen in few of 40 repetitions, for it must win by a standard error."""
    chosen = [choose_calibration(_outcome(_score(s), s), _score(s), AT).map.kind for s in range(40)]
    assert chosen.count("identity") >= 30


def test_what_held_only_in_the_past_is_not_chosen() -> None:
    """A bend that is gone in the newest quarter is a reason against the map, however well it fits the rest."""
    p = _score(1)
    y = _outcome(np.where(np.arange(N) < 0.7 * N, expit(0.5 * logit(p) - 1), p), 1)
    choice = choose_calibration(y, p, AT)
    assert choice.map.kind == "identity"
    assert {trial.kind: trial.gain < 0 for trial in choice.trials}.items() >= {"platt": True, "isotonic": True}.items()


def test_the_order_of_rows_does_not_matter_but_their_times_do() -> None:
    """Shuffled rows give the same choice."""
    p = _score(2)
    y = _outcome(expit(0.5 * logit(p) - 1), 2)
    shuffled = np.random.default_rng(0).permutation(N)
    mixed = choose_calibration(y[shuffled], p[shuffled], AT[shuffled])
    assert mixed.map.parameters == pytest.approx(choose_calibration(y, p, AT).map.parameters, rel=1e-9)


def test_clusters_make_a_gain_less_certain() -> None:
    """If the newest rows are two customers, the same gain has a larger error."""
    p = _score(3)
    y = _outcome(expit(0.8 * logit(p) - 0.2), 3)
    customer = (np.arange(N) // 40).astype(str)
    free, bound = choose_calibration(y, p, AT, cluster=np.arange(N)), choose_calibration(y, p, AT, cluster=customer)
    assert free.trials[0].gain == bound.trials[0].gain
    assert free.trials[0].standard_error != bound.trials[0].standard_error


def test_too_few_of_a_class_decide_nothing() -> None:
    """With a handful of positives the scores stay as they are, and the reason says so."""
    choice = choose_calibration(np.arange(N) % 1000 == 0, _score(4), AT)
    assert choice.map.kind == "identity"
    assert choice.trials == ()
    assert "fewer than 30" in choice.reason
    assert choose_calibration([], [], []).map.kind == "identity"


def test_the_choice_is_plain_data() -> None:
    """What is recorded names each trial."""
    p = _score(5)
    data = choose_calibration(_outcome(p, 5), p, AT).to_dict()
    assert [trial["kind"] for trial in data["trials"]] == ["temperature", "platt", "isotonic"]


def test_times_must_belong_to_rows() -> None:
    """A time per row, and a share that leaves rows on both sides."""
    with pytest.raises(DataError, match="one time per row"):
        choose_calibration([0, 1], [0.1, 0.2], [1])
    with pytest.raises(DataError, match="newest=1"):
        choose_calibration([0, 1], [0.1, 0.2], [1, 2], newest=1)

"""Metrics agree with scikit-learn, and are NaN rather than an error where they are undefined."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from setpoint.core.errors import DataError, NameUnknown
from setpoint.measure import metrics
from setpoint.measure.metrics import METRICS, MetricSpec, spec_of

RNG = np.random.default_rng(5)
SCORE = np.round(RNG.random(800), 2)  # rounded: many ties
OUTCOME = (RNG.random(800) < SCORE).astype(float)
WEIGHT = RNG.integers(0, 4, 800) * 0.5


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["unweighted", "weighted"])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (metrics.auc, reference.roc_auc_score),
        (metrics.average_precision, reference.average_precision_score),
        (metrics.log_loss, reference.log_loss),
        (metrics.brier, reference.brier_score_loss),
    ],
    ids=["auc", "average_precision", "log_loss", "brier"],
)
def test_metrics_of_scores_are_those_of_scikit_learn(ours, theirs, weight) -> None:
    """Ties and weights included, each metric equals scikit-learn's."""
    assert ours(OUTCOME, SCORE, weight=weight) == pytest.approx(theirs(OUTCOME, SCORE, sample_weight=weight), rel=1e-9)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["unweighted", "weighted"])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (metrics.accuracy, reference.accuracy_score),
        (metrics.precision, reference.precision_score),
        (metrics.recall, reference.recall_score),
    ],
    ids=["accuracy", "precision", "recall"],
)
def test_metrics_of_actions_are_those_of_scikit_learn(ours, theirs, weight) -> None:
    """A score at the threshold counts as acted on."""
    wanted = theirs(OUTCOME, SCORE >= 0.37, sample_weight=weight)
    assert ours(OUTCOME, SCORE, threshold=0.37, weight=weight) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("target", [0.3, 0.6, 0.8, 0.95])
def test_recall_at_a_precision_is_the_best_point_of_the_curve(target: float) -> None:
    """It is the largest recall on scikit-learn's precision-recall curve where the precision is reached."""
    precision, recall, _ = reference.precision_recall_curve(OUTCOME, SCORE)
    assert metrics.recall_at_precision(OUTCOME, SCORE, precision=target) == pytest.approx(
        recall[precision >= target].max()
    )


def test_a_precision_met_exactly_is_met() -> None:
    """Eleven positives among twenty reach 0.55, which no float equals."""
    assert metrics.recall_at_precision([1] * 11 + [0] * 9, [0.5] * 20, precision=0.55) == 1.0


def test_an_unreachable_precision_has_recall_zero() -> None:
    """When no threshold reaches the precision, nothing can be acted on."""
    assert metrics.recall_at_precision([0, 1], [0.9, 0.1], precision=0.9) == 0.0


def test_a_certain_score_that_is_wrong_costs_a_finite_loss() -> None:
    """Probabilities of 0 and 1 are kept off the ends by the float epsilon, as scikit-learn does."""
    assert metrics.log_loss([1, 0], [0.0, 1.0]) == pytest.approx(36.04, abs=0.01)


@pytest.mark.parametrize(
    ("name", "y", "p"),
    [
        ("auc", [1, 1], [0.2, 0.3]),
        ("auc", [0], [0.2]),
        ("average_precision", [0, 0], [0.2, 0.3]),
        ("recall_at_precision", [0, 0], [0.2, 0.3]),
        ("recall", [0, 0], [0.2, 0.3]),
        ("precision", [1, 0], [0.2, 0.3]),
        ("false_positive_rate", [1, 1], [0.2, 0.3]),
        *[(name, [], []) for name in METRICS],
    ],
)
def test_an_undefined_metric_is_nan(name: str, y: list[int], p: list[float]) -> None:
    """One class, nothing acted on, no rows: the value is NaN, and nothing is raised or warned."""
    assert np.isnan(METRICS[name].function(y, p, None, 0.5))


@pytest.mark.parametrize("name", METRICS)
def test_rows_without_weight_do_not_count(name: str) -> None:
    """Every metric gives the same with rows of weight zero as without them."""
    kept = WEIGHT > 0
    alone = METRICS[name].function(OUTCOME[kept], SCORE[kept], WEIGHT[kept], 0.5)
    assert METRICS[name].function(OUTCOME, SCORE, WEIGHT, 0.5) == pytest.approx(alone, rel=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_values_stay_in_the_range_that_the_registry_states(name: str) -> None:
    """The registry's lower and upper bounds hold."""
    spec = METRICS[name]
    assert spec.lower <= spec.function(OUTCOME, SCORE, WEIGHT, 0.5) <= spec.upper


@pytest.mark.parametrize(
    ("y", "p", "weight", "said"),
    [
        ([0, 2], [0.1, 0.2], None, "An outcome is 2.0"),
        ([0, 1], [0.1, np.nan], None, "1 of the scores are not finite"),
        ([0, 1], [0.1], None, "2 outcomes, 1 scores"),
        ([0, 1], [0.1, 0.2], [1, -1], "A weight is -1.0"),
        ([[0], [1]], [0.1, 0.2], None, "shape (2, 1)"),
    ],
)
def test_values_that_mean_nothing_are_refused(y, p, weight, said: str) -> None:
    """The error carries the offending value."""
    with pytest.raises(DataError) as refused:
        metrics.auc(y, p, weight=weight)
    assert said in str(refused.value)


@pytest.mark.parametrize("name", ["log_loss", "brier", "ece"])
def test_metrics_of_probabilities_refuse_other_scores(name: str) -> None:
    """A margin of 3.2 is fine for AUC and refused by a metric that reads it as a probability."""
    with pytest.raises(DataError, match="Expected: probabilities"):
        METRICS[name].function([0, 1], [-1.0, 3.2], None, 0.5)
    assert metrics.auc([0, 1], [-1.0, 3.2]) == 1.0


def test_an_unknown_metric_is_named_with_its_neighbours() -> None:
    """A misspelt name gets the closest known one."""
    with pytest.raises(NameUnknown, match="Did you mean 'recall'"):
        spec_of("recal")


def test_a_metric_of_ones_own_needs_only_a_function() -> None:
    """Any function of outcomes, scores, weights and option can be a metric."""
    spec = MetricSpec("hits", True, 0, 1, whole=lambda y, p, w, _option: float((w * y * p).sum()))
    assert spec_of(spec).function([1, 0], [0.25, 0.5]) == 0.25

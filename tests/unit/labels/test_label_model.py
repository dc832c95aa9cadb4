"""Label models: what the votes tell, what gold chooses, and what is refused."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest

from setpoint.core.errors import DataError, GateRefused
from setpoint.labels import vote_patterns
from setpoint.labels.label_model import (
    ANCHORED,
    COUNTED,
    COUNTED_ONCE,
    GOLD_ONLY,
    INDEPENDENT,
    MAJORITY,
    MEASURED,
    ONCE,
    LabelFit,
    fit_dawid_skene,
    fit_label_model,
)
from setpoint.labels.label_model_em import SETTLED, SMOOTHING, fit_rates, vote_share
from setpoint.labels.label_model_gold import Gold
from setpoint.labels.label_model_table import LabelModel
from setpoint.labels.vote_patterns import patterns_of
from setpoint.measure.class_metrics import CLASS_METRICS
from tests.unit.labels.planted import Planted, plant

ACCURACY = (0.85, 0.8, 0.75, 0.7, 0.65, 0.6)


def gold_of(planted: Planted, *, size: int = 200, seed: int = 0) -> Gold:
    """Rows drawn at random, with their truth."""
    rows = np.random.default_rng(seed).choice(planted.truth.size, size, replace=False)
    return Gold.of(rows, planted.truth[rows])


def log_loss(planted: Planted, p: np.ndarray) -> float:
    """Of probabilities against the truth."""
    return CLASS_METRICS["log_loss"](planted.truth, p)


def test_em_is_that_of_dawid_and_skene() -> None:
    """A second implementation, row by row as the paper of 1979 has it, comes to the same rates and balance."""
    planted = plant(600, ACCURACY, balance=(0.7, 0.3), seed=1)
    patterns = patterns_of(planted.votes, 2)
    one = np.ones(len(ACCURACY))
    found = fit_rates(patterns, vote_share(patterns, one), influence=one)

    shown = (planted.votes[:, :, None] == np.arange(-1, 2)).astype(float)
    marginal = shown.sum(axis=0)
    prior = np.repeat((marginal / marginal.sum(axis=1, keepdims=True) + 1e-3)[:, :, None], 2, axis=2)
    prior *= SMOOTHING / prior.sum(axis=1, keepdims=True)
    share = shown[:, :, 1:].sum(axis=1) + 0.25
    share /= share.sum(axis=1, keepdims=True)
    before = np.zeros_like(prior)
    while True:
        counted = np.einsum("nmv,nc->mvc", shown, share) + prior
        rates = counted / counted.sum(axis=1, keepdims=True)
        balance = (share.sum(axis=0) + 1) / (share.sum() + 2)
        if np.abs(rates - before).max() < SETTLED:
            break
        before = rates
        share = np.exp(np.log(balance) + np.einsum("nmv,mvc->nc", shown, np.log(rates)))
        share /= share.sum(axis=1, keepdims=True)
    assert found.rates == pytest.approx(rates, abs=1e-9)
    assert found.balance == pytest.approx(balance, abs=1e-9)


def test_rates_of_independent_programs_are_found_without_gold() -> None:
    """With many rows they are those planted."""
    planted = plant(100_000, ACCURACY, balance=(0.6, 0.4), seed=2)
    rates, dependence = fit_dawid_skene(planted.votes, classes=2)
    right = np.stack([rates.rates[:, 1, 0], rates.rates[:, 2, 1]], axis=1) / 0.6
    assert right == pytest.approx(np.repeat(np.array(ACCURACY)[:, None], 2, axis=1), abs=0.03)
    assert rates.balance == pytest.approx([0.6, 0.4], abs=0.02)
    assert dependence.pairs == []


def test_independent_programs_are_as_good_as_if_their_rates_were_known() -> None:
    """The log loss is that of the planted model to a hundredth."""
    planted = plant(50_000, ACCURACY, seed=3)
    fit = fit_label_model(planted.votes, gold_of(planted))
    points = np.zeros((len(ACCURACY), 3, 2))
    for i, right in enumerate(ACCURACY):
        points[i, 1:] = np.log([[right, 1 - right], [1 - right, right]])
    known = LabelModel("", (0, 1), fit.model.programs, np.log([0.5, 0.5]), points, 1.0, np.zeros(2), {})
    best = log_loss(planted, known.probabilities(planted.votes))
    assert log_loss(planted, fit.probabilities(planted.votes)) == pytest.approx(best, abs=0.01)


def test_copied_programs_do_not_outvote_the_others() -> None:
    """Where plain Dawid-Skene falls below majority vote, counting repeats once stays far above it."""
    planted = plant(20_000, (0.62, 0.6, 0.6, 0.6, 0.8, 0.75, 0.7, 0.75), copies=3, seed=4)
    fit = fit_label_model(planted.votes, gold_of(planted))
    assert fit.ways[INDEPENDENT] > fit.ways[MAJORITY] > fit.ways[ONCE]
    assert fit.model.method in {ONCE, ANCHORED, COUNTED_ONCE}
    assert {pair[:2] for pair in fit.dependence.pairs} == {(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)}
    assert log_loss(planted, fit.probabilities(planted.votes)) < fit.beside[MAJORITY].low


def test_majority_vote_and_gold_alone_are_always_beside() -> None:
    """Each with its interval, and so is what was gained over them."""
    planted = plant(3000, ACCURACY, seed=5)
    fit = fit_label_model(planted.votes, gold_of(planted))
    assert set(fit.beside) == set(fit.gained) == {MAJORITY, GOLD_ONLY}
    for name, value in fit.beside.items():
        assert fit.gained[name].estimate == pytest.approx(fit.worth.estimate - value.estimate)
        assert value.low < value.estimate < value.high
    assert set(fit.ways) == {COUNTED, INDEPENDENT, ANCHORED, MEASURED, MAJORITY, GOLD_ONLY}


@cache
def thirty_draws() -> tuple[Planted, list[tuple[Gold, LabelFit]]]:
    """Fits of the same votes, each with other gold rows."""
    planted = plant(4000, (0.75, 0.7, 0.65, 0.6), seed=6)
    golds = [gold_of(planted, seed=seed) for seed in range(30)]
    return planted, [(gold, fit_label_model(planted.votes, gold, seed=seed)) for seed, gold in enumerate(golds)]


def test_the_worth_is_honest() -> None:
    """Over many draws of gold, what the fit says of itself is on average what its labels are worth on other rows."""
    planted, fits = thirty_draws()
    gaps, inside = [], 0
    for gold, fit in fits:
        rest = np.ones(planted.truth.size, dtype=bool)
        rest[gold.rows] = False
        value = CLASS_METRICS["log_loss"](planted.truth[rest], fit.model.probabilities(planted.votes[rest]))
        gaps.append(fit.worth.estimate - value)
        inside += fit.worth.low <= value <= fit.worth.high
    assert np.mean(gaps) == pytest.approx(0, abs=2.5 * np.std(gaps) / np.sqrt(len(fits)))
    assert inside >= 25


def test_labels_are_seldom_refused_without_reason() -> None:
    """Of many draws of gold from programs that are as they should be, at most the few that chance explains."""
    assert sum(fit.refused is not None for _, fit in thirty_draws()[1]) <= 2


def test_labels_that_do_harm_are_refused() -> None:
    """A balance far from the truth bends every model; majority vote, which reads none, is shown to be better."""
    planted = plant(4000, (0.75, 0.7, 0.7, 0.65), balance=(0.5, 0.5), seed=7)
    fit = fit_label_model(planted.votes, gold_of(planted), balance=[0.0001, 0.9999])
    gain = fit.gained[MAJORITY]
    assert gain.low > 0
    assert fit.refused is not None
    assert f"worse than {MAJORITY} ({gain.estimate:+.4f}, {gain.low:+.4f} to {gain.high:+.4f})" in fit.refused
    with pytest.raises(GateRefused, match="worse than majority vote"):
        fit.probabilities(planted.votes)


def test_the_same_seed_gives_the_same_bytes() -> None:
    """Model, worth and choice; another seed deals the folds otherwise."""
    planted = plant(3000, ACCURACY, seed=9)
    gold = gold_of(planted)
    one, again, other = (fit_label_model(planted.votes, gold, seed=seed) for seed in (1, 1, 2))
    assert json.dumps(one.to_dict()) == json.dumps(again.to_dict())
    assert one.worth != other.worth


def test_a_model_is_saved_as_json_and_gives_the_same_bits() -> None:
    """Also with four classes of text."""
    planted = plant(3000, ACCURACY, classes=4, seed=10)
    fit = fit_label_model(planted.votes, gold_of(planted), classes=["a", "b", "c", "d"], balance=[0.25] * 4)
    again = LabelModel.from_dict(json.loads(json.dumps(fit.model.to_dict())))
    assert again.digest == fit.model.digest
    assert again.probabilities(planted.votes).tobytes() == fit.probabilities(planted.votes).tobytes()
    assert fit.probabilities(planted.votes).sum(axis=1) == pytest.approx(1)


def test_many_rows_have_the_labels_of_each_alone() -> None:
    """The law of one and many."""
    planted = plant(2000, ACCURACY, seed=11)
    fit = fit_label_model(planted.votes, gold_of(planted))
    every = fit.probabilities(planted.votes)
    for row in (0, 999, 1999):
        assert fit.probabilities(planted.votes[row : row + 1]).tobytes() == every[row : row + 1].tobytes()


def test_a_weight_of_two_is_the_row_twice() -> None:
    """Whole weights give the model of rows repeated."""
    planted = plant(2000, ACCURACY, seed=12)
    weight = np.ones(2000)
    weight[1000:] = 2
    twice = np.concatenate([planted.votes, planted.votes[1000:]])
    gold = gold_of(planted)
    weighted = fit_label_model(planted.votes, gold, weight=weight)
    repeated = fit_label_model(twice, gold)
    assert weighted.model.points == pytest.approx(repeated.model.points, abs=1e-9)
    assert weighted.balance == pytest.approx(repeated.balance, abs=1e-9)


def test_more_patterns_than_are_fitted_change_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model of rows drawn is about the model of all of them."""
    planted = plant(40_000, ACCURACY * 2, seed=13)
    gold = gold_of(planted)
    whole = fit_label_model(planted.votes, gold)
    monkeypatch.setattr(vote_patterns, "MOST", 5000)
    drawn = fit_label_model(planted.votes, gold)
    gap = log_loss(planted, drawn.probabilities(planted.votes)) - log_loss(planted, whole.probabilities(planted.votes))
    assert abs(gap) < 0.01


def test_the_balance_is_estimated_or_given() -> None:
    """Without it the estimate is near the truth; the shares of classes say it to the fit."""
    planted = plant(20_000, ACCURACY, balance=(0.8, 0.2), seed=14)
    gold = gold_of(planted)
    assert fit_label_model(planted.votes, gold).balance == pytest.approx([0.8, 0.2], abs=0.03)
    assert fit_label_model(planted.votes, gold, balance=[0.8, 0.2]).balance == pytest.approx([0.8, 0.2], abs=0.03)


@pytest.mark.parametrize(
    ("votes", "words"),
    [
        (np.full((50, 4), -1), "All 4 programs abstain on all 50 rows"),
        (np.tile([1, -1, 1, 1], (50, 1)), "No program ever votes for False"),
    ],
)
def test_votes_that_tell_nothing_are_refused(votes: np.ndarray, words: str) -> None:
    """With the reason, whatever the gold."""
    with pytest.raises(DataError, match=words):
        fit_label_model(votes, Gold.of(np.arange(20), np.arange(20) % 2))


def test_two_views_cannot_be_told_apart_without_gold_or_balance() -> None:
    """Five programs of which four are one are two views; with a balance, or with gold, something can be said."""
    planted = plant(5000, (0.8, 0.75), coverage=0.9, seed=15)
    votes = np.concatenate([planted.votes, planted.votes[:, :1].repeat(3, axis=1)], axis=1)
    for few in (planted.votes, votes):
        with pytest.raises(DataError, match=r"Only 2 of \d programs err independently"):
            fit_dawid_skene(few, classes=2)
        assert fit_dawid_skene(few, classes=2, balance=[0.5, 0.5])[0].balance.tolist() == [0.5, 0.5]
        fit = fit_label_model(few, gold_of(planted))
        assert not {INDEPENDENT, ONCE, ANCHORED} & set(fit.ways)
        assert "only 2 of" in fit.notes[0]


def test_gold_without_some_class_is_refused() -> None:
    """It could not say how that class fares."""
    planted = plant(500, ACCURACY, seed=16)
    rows = np.flatnonzero(planted.truth == 1)[:100]
    with pytest.raises(DataError, match="0 of the 100 gold rows are False"):
        fit_label_model(planted.votes, Gold.of(rows, planted.truth[rows]))
    with pytest.raises(DataError, match="number 900 of 500"):
        fit_label_model(planted.votes, Gold.of([900, *rows[:9]], [0] * 5 + [1] * 5))


@pytest.mark.parametrize("balance", [[0.5], [0.5, 0.6], [1.0, 0.0]])
def test_a_balance_that_is_none_is_refused(balance: list[float]) -> None:
    """Shares above zero that sum to 1."""
    planted = plant(500, ACCURACY, seed=17)
    with pytest.raises(DataError, match="balance="):
        fit_label_model(planted.votes, gold_of(planted), balance=balance)


def test_votes_of_other_programs_are_refused() -> None:
    """A model is of its programs."""
    planted = plant(500, ACCURACY, seed=18)
    fit = fit_label_model(planted.votes, gold_of(planted))
    with pytest.raises(DataError, match="votes of 5 programs"):
        fit.probabilities(planted.votes[:, :5])


def misled(seed: int) -> Planted:
    """Programs of which five say the same wrong thing on a third of the rows: what votes have in common misleads."""
    rng = np.random.default_rng(seed)
    planted = plant(6000, (0.8, 0.75, 0.7, 0.75, 0.7), coverage=0.8, seed=seed)
    wrong, said = rng.random(6000) < 0.35, rng.integers(0, 2, 6000)
    votes = planted.votes.copy()
    votes[wrong, :4] = said[wrong, None]
    return Planted(votes, planted.truth)


def test_where_common_causes_mislead_gold_measures_the_programs() -> None:
    """Then the notes say that the votes add nothing, and what is gold's own is not refused as worse than gold."""
    fits = [fit_label_model(misled(seed).votes, gold_of(misled(seed), size=600)) for seed in range(4)]
    measured = [fit for fit in fits if fit.model.method == MEASURED]
    assert measured
    for fit in measured:
        assert "adds nothing" in fit.notes[-1]
        assert GOLD_ONLY not in (fit.refused or "")


def test_gold_drawn_by_class_judges_by_its_weights() -> None:
    """A rare class may be looked up more often: with one over its chance as weight, the worth is that of all rows."""
    planted = plant(20_000, (0.85, 0.8, 0.75, 0.7), balance=(0.95, 0.05), seed=20)
    rng = np.random.default_rng(0)
    rows = [np.flatnonzero(planted.truth == c) for c in (0, 1)]
    drawn = np.concatenate([rng.choice(each, 300, replace=False) for each in rows])
    weight = np.repeat([rows[0].size / 300, rows[1].size / 300], 300)
    gold = Gold.of(drawn, planted.truth[drawn], weight / weight.mean())
    unweighted = Gold.of(drawn, planted.truth[drawn])
    fit, naive = (fit_label_model(planted.votes, each) for each in (gold, unweighted))
    value = log_loss(planted, fit.model.probabilities(planted.votes))
    assert fit.worth.low < value < fit.worth.high
    assert abs(naive.worth.estimate - value) > 3 * abs(fit.worth.estimate - value)
    assert log_loss(planted, naive.model.probabilities(planted.votes)) > value

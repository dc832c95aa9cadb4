"""Raking: margins met, the weights that are nearest, and an honest report where they cannot be met."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from setpoint.core.errors import DataError
from setpoint.data.samples.chosen import convenience
from setpoint.data.samples.sample import Sample, simple
from setpoint.measure.design import mean_alone
from setpoint.measure.rake import rake

RNG = np.random.default_rng(3)
N = 20_000
AGE = RNG.choice(["young", "middle", "old"], N, p=[0.3, 0.4, 0.3])
TOWN = np.where(RNG.random(N) < np.where(AGE == "young", 0.7, 0.4), "city", "land")
SPENT = 10.0 + 5 * (AGE == "old") - 3 * (TOWN == "city") + RNG.normal(size=N)
MARGINS = {
    name: dict(zip(*np.unique(column, return_counts=True), strict=True))
    for name, column in (("age", AGE), ("town", TOWN))
}


def planted(seed: int = 1) -> Sample:
    """A convenience sample in which the young and the townspeople answer most."""
    rng = np.random.default_rng(seed)
    answers = np.where(AGE == "young", 0.10, 0.03) * np.where(TOWN == "city", 1.5, 1.0)
    return convenience(np.flatnonzero(rng.random(N) < answers), N, judged_by="who answered")


def columns(sample: Sample) -> dict[str, np.ndarray]:
    """The columns of the sampled rows."""
    return {"age": AGE[sample.index], "town": TOWN[sample.index]}


def test_the_margins_are_met() -> None:
    """After raking the sample has the population's counts of both columns, and the report says so."""
    sample = planted()
    raked = rake(sample, columns(sample), MARGINS)
    assert raked.converged
    assert raked.apart < 1e-8
    assert raked.rounds < 30
    for name, labels in columns(sample).items():
        for level, count in MARGINS[name].items():
            assert raked.weight[labels == level].sum() == pytest.approx(count)
            of, _, now = raked.margins[name][level]
            assert now == pytest.approx(of)


def test_raked_weights_are_the_nearest_that_meet_the_margins() -> None:
    """A second implementation: the same weights minimise the Kullback-Leibler distance to the first ones."""
    ages, towns = np.array(["y", "y", "y", "o", "o", "y"]), np.array(["c", "c", "l", "c", "l", "c"])
    sample = convenience(range(6), 60, judged_by="who answered")
    raked = rake(sample, {"age": ages, "town": towns}, {"age": {"y": 30, "o": 30}, "town": {"c": 20, "l": 40}})
    met = [
        {"type": "eq", "fun": lambda w, mask=mask, count=count: w[mask].sum() - count}
        for mask, count in ((ages == "y", 30), (ages == "o", 30), (towns == "c", 20))
    ]
    nearest = minimize(
        lambda w: (w * np.log(w / 10) - w + 10).sum(),
        np.full(6, 10.0),
        jac=lambda w: np.log(w / 10),
        constraints=met,
        bounds=[(1e-6, 60)] * 6,
        method="SLSQP",
        options={"ftol": 1e-12},
    )
    assert raked.weight == pytest.approx(nearest.x, rel=1e-3)


def test_raking_mends_the_bias_that_the_margins_see() -> None:
    """The mean of a planted selection is far off, and right once it is raked."""
    sample = planted()
    values = SPENT[sample.index]
    raked = rake(sample, columns(sample), MARGINS).on(sample)
    error = SPENT.std() / np.sqrt(len(sample))
    assert abs(mean_alone(sample, values) - SPENT.mean()) > 8 * error
    assert abs(mean_alone(raked, values) - SPENT.mean()) < 3 * error


def test_the_lineage_tells_that_a_sample_was_raked() -> None:
    """The frame stays that of a chosen sample, with the columns and how it went."""
    sample = planted()
    raked = rake(sample, columns(sample), MARGINS).on(sample)
    told = raked.lineage()
    assert told["kind"] == "convenience"
    assert not told["probability"]
    assert told["details"]["raked"]["columns"] == ["age", "town"]
    assert told["details"]["raked"]["converged"]
    assert raked.digest != sample.digest


def test_trimmed_weights_stay_within_bounds() -> None:
    """No weight is more than `most` means away; what that costs of the margins is told."""
    sample = planted()
    free, held = (rake(sample, columns(sample), MARGINS, most=most) for most in (None, 1.3))
    mean = N / len(sample)
    assert free.weight.max() > 1.3 * mean
    assert free.trimmed == 0
    assert held.weight.max() <= 1.3 * mean * (1 + 1e-12)
    assert held.weight.min() >= mean / 1.3 * (1 - 1e-12)
    assert held.trimmed > 0
    assert held.effective_size > free.effective_size
    assert not held.converged
    assert held.apart > 0.01


def test_bounds_that_need_not_bind_change_nothing() -> None:
    """Generous bounds give the same weights."""
    sample = planted()
    free, held = (rake(sample, columns(sample), MARGINS, most=most) for most in (None, 50.0))
    assert held.weight == pytest.approx(free.weight)
    assert held.converged


def test_margins_may_be_shares() -> None:
    """Counts and shares of the population say the same."""
    sample = planted()
    shares = {name: {level: count / N for level, count in margin.items()} for name, margin in MARGINS.items()}
    assert rake(sample, columns(sample), shares).weight == pytest.approx(rake(sample, columns(sample), MARGINS).weight)


def test_too_few_rounds_are_reported() -> None:
    """A raking that was stopped early has not converged."""
    sample = planted()
    stopped = rake(sample, columns(sample), MARGINS, rounds=1)
    assert (stopped.rounds, stopped.converged) == (1, False)


def test_a_probability_sample_keeps_its_interval() -> None:
    """Raking what was drawn at random calibrates it; its frame still knows the chances."""
    sample = simple(N, 400, seed=1)
    raked = rake(sample, columns(sample), MARGINS).on(sample)
    assert raked.frame.probability
    assert raked.weight.sum() == pytest.approx(N)


def test_a_level_that_nobody_stands_for_is_refused() -> None:
    """No weight can stand for a row that is not there, and no margin can be guessed."""
    sample = convenience([0, 1], 10, judged_by="who answered")
    with pytest.raises(DataError, match="No row of the sample has age='old'"):
        rake(sample, {"age": ["young", "young"]}, {"age": {"young": 5, "old": 5}})
    with pytest.raises(DataError, match="which the margin of 'age' lacks"):
        rake(sample, {"age": ["young", "old"]}, {"age": {"young": 5}})


@pytest.mark.parametrize(
    ("labels", "margin"), [(["a"], {"a": 1}), (["a", "b"], {"a": -1, "b": 2}), (["a", "b"], {"a": 0, "b": 2})]
)
def test_margins_that_mean_nothing_are_refused(labels: list[str], margin: dict[str, float]) -> None:
    """A row more or less, or a level of no size, is an error."""
    with pytest.raises(DataError):
        rake(convenience([0, 1], 10, judged_by="who answered"), {"x": labels}, {"x": margin})


def test_columns_and_margins_belong_together() -> None:
    """A margin without a column is a mistake, and so are bounds within the mean."""
    sample = convenience([0, 1], 10, judged_by="who answered")
    with pytest.raises(DataError, match="a margin for each column"):
        rake(sample, {"x": ["a", "b"]}, {"y": {"a": 1, "b": 1}})
    with pytest.raises(DataError, match="more than 1"):
        rake(sample, {"x": ["a", "b"]}, {"x": {"a": 1, "b": 1}}, most=1.0)

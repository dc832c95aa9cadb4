"""Selection bias: found where it was planted, silent where rows were drawn at random."""

from __future__ import annotations

import numpy as np
import pytest

from setpoint.core.errors import DataError
from setpoint.data.samples.chosen import convenience
from setpoint.data.samples.groups import by_group
from setpoint.data.samples.sample import Sample, simple
from setpoint.data.samples.strata import stratified
from setpoint.data.samples.weighted import weighted
from setpoint.measure.design import mean_alone
from setpoint.measure.selection import selection_bias

RNG = np.random.default_rng(3)
N = 20_000
AGE = RNG.choice(["young", "middle", "old"], N, p=[0.3, 0.4, 0.3])
TOWN = np.where(RNG.random(N) < np.where(AGE == "young", 0.7, 0.4), "city", "land")
SPENT = 10.0 + 5 * (AGE == "old") - 3 * (TOWN == "city") + RNG.normal(size=N)
MARGINS = {
    name: dict(zip(*np.unique(column, return_counts=True), strict=True))
    for name, column in (("age", AGE), ("town", TOWN))
}


def columns(sample: Sample) -> dict[str, np.ndarray]:
    """The columns of the sampled rows."""
    return {"age": AGE[sample.index], "town": TOWN[sample.index]}


def planted() -> Sample:
    """A convenience sample in which the young and the townspeople answer most."""
    answers = np.where(AGE == "young", 0.10, 0.03) * np.where(TOWN == "city", 1.5, 1.0)
    rng = np.random.default_rng(1)
    return convenience(np.flatnonzero(rng.random(N) < answers), N, judged_by="who answered")


def test_a_planted_selection_is_found_and_its_bias_stands_beside() -> None:
    """The finding names the column that answers unlike the population, and what that does to the mean."""
    sample = planted()
    values = SPENT[sample.index]
    found = selection_bias(sample, columns(sample), MARGINS, values=values)
    assert found.found
    assert (found.column, found.worst.column, found.worst.level) == ("age", "age", "young")
    assert found.worst.gap > 0.2
    assert found.mean == mean_alone(sample, values)
    assert found.bias == pytest.approx(found.mean - SPENT.mean(), abs=0.15)
    assert str(found).startswith("Selected: age=young is ")
    assert found.to_dict()["raked_mean"] == found.raked_mean


@pytest.mark.parametrize("kind", ["simple", "weighted", "group", "chosen by lot"])
def test_chance_alone_is_rarely_called_selection(kind: str) -> None:
    """Over 400 samples at random, about 5 % at most are called selected at alpha 5 %, whatever the design."""
    size = np.random.default_rng(8).random(N) + 0.3
    groups = np.argsort(np.argsort(AGE == "old", kind="stable") + 3000 * RNG.random(N)) // 20
    draw = {
        "simple": lambda seed: simple(N, 300, seed=seed),
        "weighted": lambda seed: weighted(size, 300, seed=seed),
        "group": lambda seed: by_group(groups, 40, seed=seed),
        "chosen by lot": lambda seed: convenience(simple(N, 300, seed=seed).index, N, judged_by="a lot"),
    }[kind]
    found = [
        selection_bias(sample, columns(sample), MARGINS, alpha=0.05, least=0.0).found
        for sample in map(draw, range(400))
    ]
    assert 0.005 < np.mean(found) <= 0.08


def test_what_a_stratum_fixes_is_no_finding() -> None:
    """A sample stratified by a column has its shares exactly."""
    sample = stratified(AGE, 300, allocation="equal", seed=1)
    found = selection_bias(sample, {"age": AGE[sample.index]}, {"age": MARGINS["age"]})
    assert (found.found, found.p_value) == (False, 1.0)
    assert str(found).startswith("No selection shown")


def test_a_level_that_nobody_has_is_the_worst_selection() -> None:
    """A group that never answers is found; no weights can stand for it, so there is no raked mean."""
    sample = convenience(np.flatnonzero(AGE != "old")[:500], N, judged_by="who answered")
    found = selection_bias(sample, {"age": AGE[sample.index]}, {"age": MARGINS["age"]}, values=SPENT[sample.index])
    assert (found.found, found.worst.level, found.worst.sample) == (True, "old", 0.0)
    assert np.isnan(found.raked_mean)
    assert found.to_dict()["raked_mean"] is None


def test_a_difference_too_small_to_matter_is_no_finding() -> None:
    """With many rows chance is not enough of a test: the share must be off by `least` too."""
    sample = planted()
    assert not selection_bias(sample, columns(sample), MARGINS, least=0.9).found


def test_columns_without_margins_are_refused() -> None:
    """Only what is known of the population can be compared."""
    with pytest.raises(DataError, match="a margin for each column"):
        selection_bias(planted(), {}, {})

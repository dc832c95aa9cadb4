"""Agreement of annotators, against published tables and a second implementation."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from setpoint.core.errors import DataError
from setpoint.labels.agreement import (
    cohen_kappa,
    fleiss_kappa,
    fleiss_kappa_of,
    krippendorff_alpha,
    percent_agreement,
    self_agreement,
    vote_counts,
)

FLEISS_1971 = (
    "444444 222555 233335 555555 222444 113333 333355 113334 114444 555555 144444 124444 222333 144444 224445 "
    "333335 111455 111112 224444 133555 555555 244444 224555 114444 144445 222224 111155 224444 133333 555555"
)
"""Thirty patients, each diagnosed by six psychiatrists (Fleiss 1971, table 1): the categories that were given."""

KRIPPENDORFF_2011 = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")
"""Four observers of twelve units (Krippendorff 2011, example C); a dot is a missing value."""


def fleiss_votes() -> np.ndarray:
    """The table of Fleiss as votes; who of the six gave which is not known, and plays no part."""
    return np.array([[int(given) - 1 for given in patient] for patient in FLEISS_1971.split()], dtype=np.int8)


def krippendorff_votes() -> np.ndarray:
    """Example C as votes: units by observers."""
    rows = [[-1 if value == "." else int(value) for value in row] for row in KRIPPENDORFF_2011]
    return np.array(rows, dtype=np.int8).T


def test_fleiss_kappa_is_that_of_the_paper() -> None:
    """Fleiss (1971) gives 0.430 for his thirty patients, R's irr 0.4302445."""
    found = fleiss_kappa(fleiss_votes(), classes=5)
    assert found.value == pytest.approx(0.4302445, abs=1e-7)
    assert found.low < 0.43 < found.high
    assert found.items == 30


def test_fleiss_kappa_takes_the_table_of_counts() -> None:
    """A table of counts per item gives the same coefficient as the votes behind it."""
    votes = fleiss_votes()
    assert fleiss_kappa_of(vote_counts(votes, 5)) == fleiss_kappa(votes, classes=5)


@pytest.mark.parametrize(("scale", "alpha"), [("nominal", 0.743421), ("ordinal", 0.815388), ("interval", 0.849107)])
def test_krippendorffs_alpha_is_that_of_the_paper(scale: str, alpha: float) -> None:
    """Example C of Krippendorff (2011) has alpha 0.743, 0.815 and 0.849; the package krippendorff 0.9.0 says more."""
    found = krippendorff_alpha(krippendorff_votes(), scale=scale)  # type: ignore[arg-type]
    assert found.value == pytest.approx(alpha, abs=1e-6)
    assert found.items == 11


def test_alpha_takes_numbers_with_nan_for_missing_ones() -> None:
    """Values that are measured need no class numbers."""
    values = krippendorff_votes().astype(np.float64)
    values[values < 0] = np.nan
    assert krippendorff_alpha(values, scale="interval").value == pytest.approx(0.849107, abs=1e-6)


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
def test_cohens_kappa_agrees_with_scikit_learn(weights: str) -> None:
    """Plain and weighted kappa are those of a second implementation, on random votes of two annotators."""
    rng = np.random.default_rng(3)
    first = rng.integers(0, 4, 200).astype(np.int8)
    second = np.where(rng.random(200) < 0.6, first, rng.integers(0, 4, 200)).astype(np.int8)
    theirs = cohen_kappa_score(first, second, weights=None if weights == "none" else weights)
    ours = cohen_kappa(first, second, classes=4, weights=weights)  # type: ignore[arg-type]
    assert ours.value == pytest.approx(theirs, abs=1e-12)


def test_an_item_that_one_of_two_left_out_does_not_count() -> None:
    """Cohen's kappa is over the items that both voted on."""
    whole = cohen_kappa([0, 1, 1, 0], [0, 1, 0, 0], classes=2)
    assert cohen_kappa([0, 1, 1, 0, 1], [0, 1, 0, 0, -1], classes=2) == whole


def test_percent_agreement_is_the_share_of_pairs() -> None:
    """Three votes of which two agree have one agreeing pair of three."""
    assert percent_agreement([[0, 0, 1], [1, 1, 1]], classes=2).value == pytest.approx((1 / 3 + 1) / 2)


@pytest.mark.parametrize("votes", [[[0, 0], [0, 0]], [[0, -1], [-1, 1]]])
def test_what_cannot_be_told_is_nan(votes: list[list[int]]) -> None:
    """With one class only, or no item voted on twice, chance-corrected agreement has no value."""
    found = [fleiss_kappa(votes, classes=2), krippendorff_alpha(votes), cohen_kappa(*np.array(votes).T, classes=2)]
    assert all(np.isnan(each.value) and each.to_dict()["value"] is None for each in found)


def test_the_interval_covers_as_often_as_it_says() -> None:
    """Of 200 studies of 60 items, about 95 % of the intervals hold the kappa of the whole population."""

    def study(rng: np.random.Generator, items: int) -> np.ndarray:
        true = rng.integers(0, 3, items)
        wrong = rng.random((items, 3)) < 0.25
        return np.where(wrong, rng.integers(0, 3, (items, 3)), true[:, None]).astype(np.int8)

    rng = np.random.default_rng(11)
    truth = fleiss_kappa(study(rng, 200_000), classes=3, draws=1).value
    found = [fleiss_kappa(study(rng, 60), classes=3, draws=200) for _ in range(200)]
    covered = np.mean([each.low <= truth <= each.high for each in found])
    assert 0.90 <= covered <= 0.985


def test_the_same_seed_gives_the_same_interval() -> None:
    """An interval is part of a report that can be made again."""
    votes = fleiss_votes()
    assert fleiss_kappa(votes, classes=5, seed=1) == fleiss_kappa(votes, classes=5, seed=1)
    assert fleiss_kappa(votes, classes=5, seed=1).low != fleiss_kappa(votes, classes=5, seed=2).low


def test_self_agreement_is_over_items_that_were_asked_twice() -> None:
    """An annotator who contradicts himself on one of four repeated items agrees with himself on three quarters."""
    assert self_agreement([0, 1, 1, 0, 1], [0, 1, 0, 0, -1], classes=2).value == 0.75


def test_a_vote_for_no_class_is_refused() -> None:
    """Numbers beyond the classes are a mistake, not a class of their own."""
    with pytest.raises(DataError, match="to 7"):
        fleiss_kappa([[0, 7]], classes=2)
